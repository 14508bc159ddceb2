"""The site as the Procfile starts it: whose word on scheme, prefix and client it takes."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.site_process import SiteProcess, running_site

HTTPS_ONLY = {
    "TOKLIGENCE_ENVIRONMENT": "live",
    "TOKLIGENCE_BASE_URL": "https://exchange.example.com",
    "ALLOWED_HOSTS": "127.0.0.1",
    "EMAIL_URL": "smtp+tls://mail.example.com",
}
FORWARDED_HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    """Without a proxy."""
    folder = tmp_path_factory.mktemp("alone")
    # what gunicorn would otherwise be told by the environment
    with running_site(
        folder, HTTPS_ONLY["TOKLIGENCE_BASE_URL"], {**HTTPS_ONLY, "FORWARDED_ALLOW_IPS": "*"}
    ) as site:
        yield site


def asked(
    site: SiteProcess, path: str, headers: dict[str, str], method: str = "GET"
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(site.base_url).netloc, timeout=30)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


@pytest.mark.parametrize(
    "headers", [FORWARDED_HTTPS, {"X-Forwarded-Ssl": "on"}, {"X-Forwarded-Protocol": "ssl"}]
)
def test_nobody_makes_a_plain_request_secure(alone: SiteProcess, headers: dict[str, str]) -> None:
    assert asked(alone, "/accounts/login/", headers).status == 301


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "Script-Name", "PATH_INFO"])
def test_nobody_puts_an_address_before_ours(alone: SiteProcess, name: str) -> None:
    response = asked(alone, "/accounts/login/", {name: "//evil.example"})
    assert response.status == 301
    assert urlsplit(response.headers["Location"])[1:3] == (
        urlsplit(alone.base_url).netloc,
        "/accounts/login/",
    )


def test_a_trusted_proxy_still_says_that_it_was_https(tmp_path: Path) -> None:
    with running_site(
        tmp_path, HTTPS_ONLY["TOKLIGENCE_BASE_URL"], {**HTTPS_ONLY, "TRUSTED_PROXIES": "127.0.0.1"}
    ) as site:
        assert asked(site, "/accounts/login/", FORWARDED_HTTPS).status == 200
        assert asked(site, "/accounts/login/", {}).status == 301
        assert asked(site, "/accounts/login/", {"SCRIPT_NAME": "//evil.example"}).status == 301
