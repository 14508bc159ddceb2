"""No Content-Type that anybody can send makes the site fail."""

from __future__ import annotations

import io
from typing import Any

import pytest

from gateway_site.content_type import without_charset

CHARSETS = [
    "rot13", "hex", "base64", "zlib", "bz2", "idna", "punycode", "unicode_escape", "raw_unicode_escape",
    "undefined", "utf-7", "utf-16", "cp037", "no-such-charset", "\xff", '"rot13"', "'rot13'",
]  # fmt: skip


def status_of(path: str, content_type: str, body: bytes = b"", method: str = "GET") -> str:
    """The status line with which the site, as a server runs it, answers this request."""
    from gateway_site.wsgi import application

    path, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "192.0.2.7",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        # with it, the form is read for its token
        "HTTP_COOKIE": f"tgw_csrf={'a' * 32}",
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    statuses: list[str] = []
    answer: Any = application(environ, lambda status, headers: statuses.append(status))
    answer.close()
    return statuses[0]


@pytest.mark.django_db
@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("parameter", ["charset", "CharSet", "charset*"])
def test_a_page_opens_whatever_charset_is_named(charset: str, parameter: str) -> None:
    assert status_of("/accounts/login/?next=/a", f"text/plain; {parameter}={charset}") == "200 OK"


@pytest.mark.django_db
@pytest.mark.parametrize("parameter", ["charset*=rot13''utf-8", "x*=nope''%41", "x*=rot13''%41"])
def test_a_parameter_with_a_charset_of_its_own_is_no_failure_either(parameter: str) -> None:
    assert status_of("/accounts/login/?next=/a", f"text/plain; {parameter}") == "200 OK"


@pytest.mark.django_db
@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize(
    "media_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
def test_a_form_in_another_charset_is_refused_as_any_forged_form(media_type: str, charset: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\na=b\r\n--b--\r\n'
    status = status_of("/accounts/login/", f"{media_type}; charset={charset}", body, "POST")
    assert status == "403 Forbidden"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("", ""),
        ("text/plain", "text/plain"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("application/json;charset=rot13;version=1", "application/json"),
        ("multipart/form-data; boundary=----x1", "multipart/form-data; boundary=----x1"),
        ("multipart/form-data; charset=hex; Boundary=x; y=z", "multipart/form-data; Boundary=x"),
        ('multipart/form-data; boundary="a; charset=hex"', 'multipart/form-data; boundary="a; charset=hex"'),
        ("; charset=rot13", ""),
    ],
)
def test_the_media_type_and_the_boundary_stay(sent: str, kept: str) -> None:
    assert without_charset(sent) == kept
