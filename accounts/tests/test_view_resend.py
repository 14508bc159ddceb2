from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client

from accounts.tests.helpers import HTMX, LOGIN, RESEND, VERIFY, ask, mailed_code, text_of
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.mark.parametrize("extra", [{}, HTMX], ids=["plain", "htmx"])
def test_after_a_minute_another_code_is_sent(
    client: Client, clock: time_machine.Traveller, extra: dict[str, str]
) -> None:
    ask(client)
    clock.shift(60)
    response = client.post(RESEND, **extra)
    assert response.status_code == 200
    assert "We sent another code. Only the newest one works." in text_of(response)
    assert ("<html" in text_of(response)) == (not extra)
    assert [message.to for message in mail.outbox] == [["ada@example.com"], ["ada@example.com"]]


def test_the_code_before_it_no_longer_works(
    client: Client, desk: Desk, clock: time_machine.Traveller
) -> None:
    ask(client)
    clock.shift(60)
    client.post(RESEND)
    if mailed_code(0) != mailed_code(1):
        assert client.post(VERIFY, {"code": mailed_code(0)}).status_code == 422
    assert client.post(VERIFY, {"code": mailed_code(1)}).status_code == 302


def test_before_a_minute_is_over_nothing_is_sent_and_the_page_counts_down(
    client: Client, clock: time_machine.Traveller
) -> None:
    ask(client)
    clock.shift(timedelta(seconds=12))
    response = client.post(RESEND)
    assert response.status_code == 200
    assert response.context["resend_in"] == 48
    assert 'data-wait="48"' in text_of(response)
    assert "another code." not in text_of(response)
    assert len(mail.outbox) == 1


def test_the_page_that_was_wanted_is_kept(client: Client, desk: Desk, clock: time_machine.Traveller) -> None:
    ask(client, wanted="/usage/record/")
    clock.shift(60)
    client.post(RESEND)
    assert client.post(VERIFY, {"code": mailed_code()})["Location"] == "/usage/record/"


def test_a_spent_code_is_replaced_by_a_fresh_one(
    client: Client, desk: Desk, clock: time_machine.Traveller
) -> None:
    ask(client)
    for _ in range(6):
        client.post(VERIFY, {"code": "000000" if mailed_code() != "000000" else "000001"})
    clock.shift(60)
    client.post(RESEND)
    assert client.post(VERIFY, {"code": mailed_code()}).status_code == 302


@pytest.mark.parametrize("extra", [{}, HTMX], ids=["plain", "htmx"])
def test_the_limit_holds_here_too_and_says_how_long(
    client: Client, clock: time_machine.Traveller, extra: dict[str, str]
) -> None:
    ask(client)
    for _ in range(4):
        clock.shift(60)
        assert client.post(RESEND).status_code == 200
    clock.shift(60)
    response = client.post(RESEND, **extra)
    assert response.status_code == 429
    assert response["Retry-After"] == str(10 * 60)
    assert "Too many codes were asked for. Wait 10 minutes" in text_of(response)
    assert len(mail.outbox) == 5
    assert client.get(VERIFY).status_code == 200, "the code that came still can be entered"


def test_without_a_code_asked_for_it_goes_back_to_the_first_step(client: Client) -> None:
    assert client.post(RESEND)["Location"] == LOGIN
    assert mail.outbox == []


def test_it_does_nothing_but_by_post_and_leads_to_its_page(client: Client) -> None:
    ask(client)
    assert client.get(RESEND)["Location"] == "/accounts/verify/"
    assert len(mail.outbox) == 1
