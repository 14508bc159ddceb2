"""A line for each request: what stands in it, and what never does."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from django.test import Client
from pytest_django import Settings
from structlog.testing import capture_logs

from accounts.api_keys import create_key
from accounts.keys.settings import KeySettings
from accounts.models import ExchangeAccount
from gateway_site.metrics import requests as access

SAID = {"event", "log_level", "component", "method", "path", "view", "status", "duration_ms", "bytes"}


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The lines of requests, levels included, with what is bound to each."""
    told: list[dict[str, Any]] = []

    def keep(level: str) -> Any:
        def say(event: str, **values: Any) -> None:
            bound = structlog.contextvars.get_contextvars()
            told.append({"level": level, "event": event, **bound, **values})

        return say

    class Log:
        debug, info = staticmethod(keep("debug")), staticmethod(keep("info"))

    monkeypatch.setattr(access, "log", Log)
    return told


@pytest.mark.django_db
def test_a_request_is_a_line(client: Client, lines: list[dict[str, Any]]) -> None:
    response = client.get("/accounts/login/?next=/secret-place&token=hunter2")
    (line,) = lines
    assert line.pop("duration_ms") > 0
    assert line == {
        "level": "info",
        "event": "http_request",
        "request_id": response["X-Request-ID"],
        "method": "GET",
        "path": "/accounts/login/",
        "view": "accounts:login",
        "status": 200,
        "bytes": len(response.content),
    }


def test_the_log_itself_names_its_component() -> None:
    with capture_logs() as told:
        access.log.warning("http_request")
    assert told == [{"component": "gateway/web", "event": "http_request", "log_level": "warning"}]


def test_who_is_signed_in_is_told_by_number(
    signed_in: Client, account: ExchangeAccount, lines: list[dict[str, Any]]
) -> None:
    signed_in.get("/usage/logs/")
    assert lines[0]["user_id"] == account.user_id
    assert account.user.email not in str(lines)


@pytest.mark.django_db
def test_a_key_is_told_by_its_number_and_never_its_secret(
    client: Client, account: ExchangeAccount, lines: list[dict[str, Any]]
) -> None:
    made = create_key(account.user, KeySettings(label="Agent"))
    client.get("/api/v1/budget", headers={"authorization": f"Bearer {made.secret_text}"})
    (line,) = lines
    assert (line["user_id"], line["key_id"], line["status"]) == (account.user_id, made.key.pk, 200)
    assert line["view"] == "api:budget"
    assert made.secret_text not in str(line)


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("/healthz", "debug"),
        ("/readyz", "debug"),
        ("/static/none.css", "debug"),
        ("/no/such/page", "info"),
    ],
)
@pytest.mark.django_db
def test_what_machines_ask_all_day_is_told_quietly(
    path: str, level: str, client: Client, lines: list[dict[str, Any]]
) -> None:
    client.get(path)
    assert [line["level"] for line in lines] == [level]


def test_a_poll_without_news_is_told_quietly(signed_in: Client, lines: list[dict[str, Any]]) -> None:
    from django.http import HttpRequest, HttpResponse

    access.observe_requests(lambda _request: HttpResponse(status=204))(_get("/usage/"))
    assert lines[-1]["level"] == "debug"
    access.observe_requests(lambda _request: HttpResponse(status=200))(_get("/usage/"))
    assert lines[-1]["level"] == "info"
    assert isinstance(_get("/"), HttpRequest)


@pytest.mark.django_db
def test_no_query_is_made_for_the_line(
    client: Client, lines: list[dict[str, Any]], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        client.get("/no/such/page")


@pytest.mark.django_db
def test_a_long_path_is_cut_and_streams_have_no_length(client: Client, lines: list[dict[str, Any]]) -> None:
    client.get("/" + "x" * 5000)
    assert len(lines[0]["path"]) == access.LONGEST


@pytest.mark.parametrize(
    ("peer", "given", "is_taken"),
    [
        ("10.0.0.1", "0123456789abcdef", True),
        ("10.0.0.1", "a.b-c_d-1234", True),
        ("192.0.2.1", "0123456789abcdef", False),
        ("10.0.0.1", "short", False),
        ("10.0.0.1", "x" * 65, False),
        ("10.0.0.1", "with space 12", False),
        ("10.0.0.1", "id=1;level=error", False),
        ("10.0.0.1", "0123456789abcdef\n", False),
    ],
)
def test_a_name_is_taken_from_our_proxy_alone_and_if_it_is_one(
    peer: str, given: str, is_taken: bool, client: Client, settings: Settings
) -> None:
    import ipaddress

    settings.TRUSTED_PROXIES = (ipaddress.ip_network("10.0.0.0/8"),)
    response = client.get("/healthz", REMOTE_ADDR=peer, HTTP_X_REQUEST_ID=given)
    assert (response["X-Request-ID"] == given) == is_taken
    assert len(response["X-Request-ID"]) >= 8


def _get(path: str) -> Any:
    from django.test import RequestFactory

    return RequestFactory().get(path)
