"""Every answer has them, whoever gave it: a page, a file, a redirect, an early refusal, a fault."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from gateway_site.security_headers import FEATURES_OFF, complete

WANTED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def check(response: HttpResponse) -> None:
    assert {name: response.headers.get(name) for name in WANTED} == WANTED
    assert "geolocation=()" in response["Permissions-Policy"]
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/accounts/login/", 200),
        ("/", 302),
        ("/admin", 301),
        ("/no/such/page", 404),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 404),
        ("/api/v1/services", 401),
        ("/api/v1/docs", 200),
        ("/static/css/app.css", 200),
        ("/static/no/such.css", 404),
    ],
)
def test_an_answer_has_them(path: str, status: int, client: Client) -> None:
    with override_settings(WHITENOISE_USE_FINDERS=True, WHITENOISE_AUTOREFRESH=True):
        response = Client().get(path)
    response.close()
    assert response.status_code == status
    check(response)


@pytest.mark.django_db
def test_so_has_a_refusal_before_any_page(client: Client) -> None:
    of_another_host = client.get("/accounts/login/", headers={"Host": "evil.example"})
    too_long = client.post("/accounts/login/", "x" * 1_000_001, content_type="text/plain")
    without_token = Client(enforce_csrf_checks=True).post("/accounts/theme/", {"theme": "dark"})
    assert [one.status_code for one in (of_another_host, too_long, without_token)] == [400, 413, 403]
    for response in (of_another_host, too_long, without_token):
        check(response)


def test_so_has_the_way_to_https() -> None:
    with override_settings(SECURE_SSL_REDIRECT=True):
        response = Client().get("/accounts/login/")
    assert response.status_code == 301
    check(response)


@pytest.mark.django_db
def test_so_has_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("accounts.session_store.SessionStore.load", fail)
    browser = Client(raise_request_exception=False)
    browser.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    response = browser.get("/")
    assert response.status_code == 500
    check(response)


def test_hsts_is_for_a_year_and_for_secure_requests_alone() -> None:
    live = {
        "SECURE_HSTS_SECONDS": 31_536_000,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SECURE_HSTS_PRELOAD": True,
    }
    with override_settings(**live):
        secure, plain = Client().get("/accounts/theme/", secure=True), Client().get("/accounts/theme/")
    assert secure["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert "Strict-Transport-Security" not in plain


def test_what_a_view_has_said_stays() -> None:
    def view(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Cross-Origin-Resource-Policy": "cross-origin"})

    response = complete(view)(RequestFactory().get("/"))
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["X-Frame-Options"] == "DENY"


def test_every_feature_is_named_once_and_copying_stays_possible() -> None:
    assert sorted(set(FEATURES_OFF)) == list(FEATURES_OFF)
    assert all(re.fullmatch("[a-z-]+", feature) for feature in FEATURES_OFF)
    assert "clipboard-write" not in FEATURES_OFF
