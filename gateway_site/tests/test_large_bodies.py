"""What is longer than any form is refused before a byte of it is read, and no file reaches the disk."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from gateway_site.middleware import refuse_large_bodies

LIMIT = settings.DATA_UPLOAD_MAX_MEMORY_SIZE


class Unread(io.BytesIO):
    """A body that nobody may read."""

    def read(self, *args: object) -> bytes:
        raise AssertionError("the body was read")


def status_of(length: str, path: str = "/accounts/login/") -> int:
    request = RequestFactory().post(path, CONTENT_TYPE="multipart/form-data; boundary=b")
    request.META["CONTENT_LENGTH"] = length
    return refuse_large_bodies(lambda request: HttpResponse())(request).status_code


@pytest.mark.parametrize("length", ["", "0", str(LIMIT), "nonsense", "-1"])
def test_a_form_passes(length: str) -> None:
    assert status_of(length) == 200


@pytest.mark.parametrize("length", [str(LIMIT + 1), "400000000", "9" * 30])
def test_more_is_refused(length: str) -> None:
    assert status_of(length) == 413


def test_a_path_may_take_more_than_the_others() -> None:
    with override_settings(LARGER_BODIES={"/v1/": 2 * LIMIT}):
        assert status_of(str(2 * LIMIT), "/v1/chat") == 200
        assert status_of(str(2 * LIMIT + 1), "/v1/chat") == 413
        assert status_of(str(2 * LIMIT), "/accounts/login/") == 413


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/theme/", "/", "/no/such/page", "/admin/"])
def test_the_site_answers_before_it_reads(path: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    response = browser.generic(
        "POST",
        path,
        content_type="multipart/form-data; boundary=b",
        **{"CONTENT_LENGTH": "400000000", "wsgi.input": Unread()},
    )
    assert response.status_code == 413
    assert response.content.decode() == "That is more than this page takes. Send less, and try again."


@pytest.mark.parametrize("size", [LIMIT // 2, 3 * LIMIT])
def test_a_file_never_reaches_the_disk(size: int, tmp_path: Path) -> None:
    with override_settings(FILE_UPLOAD_TEMP_DIR=str(tmp_path)):
        sent = {"file": SimpleUploadedFile("a.bin", b"x" * size)}
        request: HttpRequest = RequestFactory().post("/", sent)
        kept = request.FILES.getlist("file")
        assert list(tmp_path.iterdir()) == []
    assert [file.size for file in kept] in ([], [size])
