"""One form that is sent twice at the same instant, by requests on threads and connections of their own."""

from __future__ import annotations

import json
import re
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from accounts.models import ExchangeAccount
from catalog import publish_once
from catalog.tests.wire import REFUSED, Wire, offer

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/catalog/services/publish/"
LIMIT = 30
"""Seconds after which a test that hangs fails instead."""
TYPED = {"name": "acme", "model_family": "llama", "price_per_1k_tokens": "0.0007", "trial_tokens": "5"}


@pytest.fixture
def somebody_waits(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Set as soon as a request waits for another one."""
    waits = Event()

    def pause(_seconds: float) -> None:
        waits.set()
        Event().wait(0.01)

    monkeypatch.setitem(publish_once.take_turn.__kwdefaults__, "pause", pause)
    return waits


def slow_answer(wire: Wire, until: Event, *answers: tuple[int, dict[str, Any]]) -> None:
    """The Exchange's answers in turn, the first not before ``until``."""
    left = list(answers)

    def answer(_request: Any) -> tuple[int, dict[str, str], str]:
        assert until.wait(LIMIT)
        status, document = left.pop(0)
        return status, {}, json.dumps(document)

    wire.add_callback("POST", f"{settings.TOKLIGENCE.base_url}/services", callback=answer)


def press_twice(
    account: ExchangeAccount, second: dict[str, str] | None = None, **headers: str
) -> list[HttpResponse]:
    """Two browsers' worth of the same session post at once; the second may have typed something else."""
    form = Client()
    form.force_login(account.user)
    token = re.search(r'name="token" value="(\w{32})"', form.get(URL).content.decode())
    assert token
    together = Barrier(2)
    answers: list[HttpResponse] = []

    def press(typed: dict[str, str]) -> None:
        browser = Client()
        browser.cookies = form.cookies
        try:
            together.wait(LIMIT)
            answers.append(browser.post(URL, {"token": token[1], **typed}, **headers))
        finally:
            connection.close()

    threads = [Thread(target=press, args=[typed]) for typed in (TYPED, TYPED | (second or {}))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * LIMIT)
    assert len(answers) == 2
    return answers


def where_to(answer: HttpResponse) -> str:
    return answer.get("HX-Redirect") or answer["Location"]


@pytest.mark.parametrize("headers", [{}, {"HTTP_HX_REQUEST": "true"}], ids=["page", "htmx"])
def test_a_double_click_publishes_once_and_both_say_so(
    wire: Wire, provider: ExchangeAccount, somebody_waits: Event, headers: dict[str, str]
) -> None:
    service = offer(**TYPED, provider_id=provider.provider_id)
    service |= {"price_per_1k_tokens": 0.0007, "trial_tokens": 5}
    slow_answer(wire, somebody_waits, (201, {"service": service}))
    answers = press_twice(provider, **headers)
    assert [where_to(answer) for answer in answers] == ["/catalog/services/?mine=1"] * 2
    assert len(wire.sent("/services")) == 1
    assert wire.transactions == [False], "nobody waits inside a transaction"


def test_what_was_refused_to_the_first_is_refused_to_the_second(
    wire: Wire, provider: ExchangeAccount, somebody_waits: Event
) -> None:
    slow_answer(wire, somebody_waits, (400, REFUSED), (400, REFUSED))
    answers = press_twice(provider)
    assert [answer.status_code for answer in answers] == [422, 422]
    assert all("PRICE_CEILING" in answer.content.decode() for answer in answers)


def test_two_different_offers_of_one_name_are_sent_one_after_the_other(
    wire: Wire, provider: ExchangeAccount, somebody_waits: Event
) -> None:
    service = offer(name="acme", provider_id=provider.provider_id)
    slow_answer(wire, somebody_waits, (201, {"service": service}), (200, {"service": service}))
    press_twice(provider, {"trial_tokens": "6"})
    assert sorted(sent["trial_tokens"] for sent in wire.sent("/services")) == [5, 6]
