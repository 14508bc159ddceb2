from __future__ import annotations

from unittest.mock import patch

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client


def test_a_form_that_is_too_old_is_explained_and_the_reason_kept() -> None:
    browser = Client(enforce_csrf_checks=True)
    response = browser.post("/accounts/theme/", {"theme": "dark"})
    assert response.status_code == 403
    assert "403_csrf.html" in [template.name for template in response.templates]
    assert "cookie not set" not in response.content.decode().lower()


@pytest.mark.django_db
def test_a_page_that_is_not_there_leads_back(client: Client) -> None:
    response = client.get("/no/such/page/<script>alert(1)</script>")
    assert response.status_code == 404
    html = response.content.decode()
    assert 'href="/"' in html
    assert "alert(1)" not in html


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """From here on, whoever asks for a session finds no database: long before any view."""

    def refuse(_: object) -> None:
        raise request.param("server closed the connection of ada:hunter2 unexpectedly")

    monkeypatch.setattr("accounts.session_store.SessionStore.load", refuse)


EITHER = pytest.mark.parametrize("away", [OperationalError, InterfaceError], indirect=True)


@pytest.mark.django_db
@EITHER
@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/admin/", "/catalog/"])
def test_a_page_says_that_the_database_is_away(path: str) -> None:
    browser = Client(raise_request_exception=False)
    browser.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    response = browser.get(path)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    html = response.content.decode()
    assert "The database does not answer" in html
    assert "hunter2" not in html
    assert response["Content-Security-Policy"]


@pytest.mark.django_db
@EITHER
@pytest.mark.usefixtures("away")
def test_so_does_the_api_where_a_middleware_found_it() -> None:
    caller = Client(raise_request_exception=False)
    caller.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    with_session = patch("accounts.middleware.NoteSessionUseMiddleware.__call__", _asks_for_the_session)
    with with_session:
        response = caller.get("/api/v1/services")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json()["error"]["code"] == "busy"


def _asks_for_the_session(_middleware: object, request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.session.get("key")))


@pytest.mark.django_db
def test_a_fault_of_ours_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("accounts.session_store.SessionStore.load", fail)
    browser = Client(raise_request_exception=False)
    browser.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    response = browser.get("/")
    assert response.status_code == 500
    assert "Retry-After" not in response
    assert "Something broke on our side" in response.content.decode()
