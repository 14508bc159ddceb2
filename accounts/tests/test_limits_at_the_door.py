"""The limits as a browser meets them: whose network is counted, and who is not kept out."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client

from accounts.models import SignInAttempt
from accounts.tests.helpers import HTMX, VERIFY, ask, mailed_code, sign_in, text_of
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
HERE, THERE = {"REMOTE_ADDR": "192.0.2.7"}, {"REMOTE_ADDR": "198.51.100.9"}


def exhaust(email: str = "ada@example.com", **extra: str) -> None:
    """Ask five times, each from a browser without cookies."""
    for _ in range(5):
        assert ask(Client(), email, **extra).status_code == 302


@pytest.mark.parametrize("extra", [{}, HTMX], ids=["plain", "htmx"])
def test_who_asks_too_often_is_told_how_long_to_wait(client: Client, extra: dict[str, str]) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        exhaust(**HERE)
        clock.shift(timedelta(minutes=3, seconds=30))
        response = ask(client, wanted="/usage/record/", **HERE, **extra)
    assert response.status_code == 429
    assert response["Retry-After"] == str(11 * 60 + 30)
    assert "Too many codes were asked for. Wait 12 minutes, then try again" in text_of(response)
    assert "ada@example.com" in text_of(response), "what was typed stays"
    assert len(mail.outbox) == 5


@pytest.mark.parametrize("has_code", [True, False])
def test_who_may_have_a_code_is_shown_where_to_enter_it(client: Client, has_code: bool) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        if has_code:
            ask(client, **HERE)
        clock.shift(timedelta(minutes=1))
        for _ in range(5):
            ask(Client(), **HERE)
        response = ask(client, **HERE)
    assert response.status_code == 429
    assert ("Enter the code that you have" in text_of(response)) is has_code


def test_after_that_time_it_works_again(client: Client) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        exhaust(**HERE)
        clock.shift(int(ask(client, **HERE)["Retry-After"]))
        assert ask(client, **HERE).status_code == 302


def test_a_new_session_does_not_reset_the_count() -> None:
    exhaust(**HERE)
    assert ask(Client(), **HERE).status_code == 429


def test_the_spelling_of_the_address_does_not_reset_the_count() -> None:
    exhaust("ada@example.com", **HERE)
    assert ask(Client(), " ADA@Example.COM ", **HERE).status_code == 429


def test_the_person_is_not_kept_out_by_somebody_elsewhere(client: Client, desk: Desk) -> None:
    exhaust(**HERE)
    assert sign_in(client, **THERE).status_code == 302


def test_others_on_the_network_are_not_kept_out(client: Client, desk: Desk) -> None:
    exhaust(**HERE)
    assert sign_in(client, "grace@example.com", **HERE).status_code == 302


def test_the_browser_of_the_person_gets_in_while_strangers_exhaust_the_address(
    client: Client, desk: Desk
) -> None:
    sign_in(client, **HERE)
    client.post("/accounts/logout/")
    for number in range(60):
        ask(Client(), REMOTE_ADDR=f"198.51.100.{number}")
    assert ask(Client(), REMOTE_ADDR="203.0.113.5").status_code == 429, "a new browser has to wait"
    exhaust("other@example.com", **HERE)
    assert sign_in(client, **HERE).status_code == 302


def test_a_code_that_one_has_still_works_when_no_more_are_sent(client: Client, desk: Desk) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        ask(client, **HERE)
        code = mailed_code()
        for _ in range(4):
            ask(Client(), **HERE)
        clock.shift(60)
        assert ask(client, **HERE).status_code == 429
        assert client.post(VERIFY, {"code": code}, **HERE).status_code == 302


def test_one_customer_of_ipv6_is_one_network() -> None:
    for number in range(5):
        assert ask(Client(), REMOTE_ADDR=f"2001:db8:1:2::{number}").status_code == 302
    assert ask(Client(), REMOTE_ADDR="2001:db8:1:2:ffff::9").status_code == 429
    assert ask(Client(), REMOTE_ADDR="2001:db8:1:3::9").status_code == 302


def test_a_new_browser_at_home_is_not_kept_out_by_a_flood_from_elsewhere(desk: Desk) -> None:
    sign_in(Client(), **HERE)
    for number in range(60):
        ask(Client(), REMOTE_ADDR=f"198.51.100.{number}")
    assert ask(Client(), REMOTE_ADDR="203.0.113.5").status_code == 429
    assert sign_in(Client(), **HERE).status_code == 302


FORGED = [
    {"HTTP_X_FORWARDED_FOR": "203.0.113.{n}"},
    {"HTTP_X_REAL_IP": "203.0.113.{n}"},
    {"HTTP_FORWARDED": "for=203.0.113.{n}"},
    {"HTTP_CLIENT_IP": "203.0.113.{n}"},
    {"HTTP_CF_CONNECTING_IP": "203.0.113.{n}"},
]


@pytest.mark.parametrize("header", FORGED, ids=lambda header: next(iter(header)))
def test_a_network_is_not_believed_from_a_header(header: dict[str, str]) -> None:
    for number in range(5):
        forged = {name: value.format(n=number) for name, value in header.items()}
        assert ask(Client(), **HERE, **forged).status_code == 302
    assert ask(Client(), **HERE, **header).status_code == 429
    assert set(SignInAttempt.objects.values_list("network", flat=True)) == {"192.0.2.7"}


class TestBehindAProxy:
    @pytest.fixture(autouse=True)
    def _proxy(self, settings: pytest.FixtureRequest) -> None:
        settings.TRUSTED_PROXIES = (ipaddress.ip_network("10.0.0.0/8"),)

    def test_the_client_that_our_proxy_saw_is_counted(self) -> None:
        for number in range(6):
            seen = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": f"203.0.113.{number}"}
            assert ask(Client(), **seen).status_code == 302

    def test_what_the_client_put_before_it_is_not_believed(self) -> None:
        for number in range(5):
            seen = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": f"203.0.113.{number}, 192.0.2.7"}
            assert ask(Client(), **seen).status_code == 302
        seen = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9, 192.0.2.7, 10.0.0.2"}
        assert ask(Client(), **seen).status_code == 429

    def test_somebody_elses_proxy_is_not_believed(self) -> None:
        for number in range(5):
            ask(Client(), **HERE, HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
        assert ask(Client(), **HERE, HTTP_X_FORWARDED_FOR="203.0.113.77").status_code == 429
