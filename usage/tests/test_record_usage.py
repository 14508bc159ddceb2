from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
from django.core.management import CommandError

from accounts.models import ExchangeAccount, User
from catalog.tests.commands import document_of, text_of
from catalog.tests.wire import REFUSED, Wire
from usage.models import LedgerEntry
from usage.tests.factories import ENTRY_ID, counts

pytestmark = pytest.mark.django_db
WORDS = ("--service-id", "11", "--prompt-tokens", "1200", "--completion-tokens", "300")
NUMBERED = (*WORDS, "--entry-id", str(ENTRY_ID))


def test_its_document_says_what_became_of_it(wire: Wire, acting: ExchangeAccount) -> None:
    counts(wire, acting)
    document = document_of("record_usage", *NUMBERED, "--memo", "night run")
    entry = LedgerEntry.objects.get()
    assert document == {"entry_id": str(ENTRY_ID), "seq": 1, "hash": entry.hash, "delivery": "delivered"}
    assert (entry.source, entry.memo, entry.account) == ("command", "night run", acting)


def test_its_text_says_the_same(wire: Wire, acting: ExchangeAccount) -> None:
    counts(wire, acting)
    assert text_of("record_usage", *NUMBERED, "--direction", "supply") == (
        f"Recorded: 1,500 tokens supplied at service 11; entry {ENTRY_ID}, number 1.\n"
        "The Exchange has counted it.\n"
    )
    assert text_of("record_usage", *NUMBERED, "--direction", "supply").startswith(
        "Recorded before, and there once: 1,500 tokens"
    )


def test_everything_that_can_be_told_is_told(wire: Wire, acting: ExchangeAccount) -> None:
    counts(wire, acting)
    text_of(
        "record_usage",
        *WORDS,
        "--cached-tokens",
        "1000",
        "--reasoning-tokens",
        "200",
        "--occurred-at",
        "2026-01-31T12:00:00+01:00",
        "--estimated",
    )
    entry = LedgerEntry.objects.get()
    assert (entry.cached_tokens, entry.reasoning_tokens, entry.evidence) == (1000, 200, "estimated")
    assert entry.occurred_at.isoformat() == "2026-01-31T11:00:00+00:00"


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--service-id", "0"),
        ("--service-id", str(10**30)),
        ("--service-id", "x"),
        ("--prompt-tokens", "-5"),
        ("--prompt-tokens", str(2**53)),
        ("--prompt-tokens", "9" * 9999),
        ("--prompt-tokens", "1e3"),
        ("--completion-tokens", str(10**30)),
        ("--completion-tokens", "1.5"),
        ("--cached-tokens", "1201"),
        ("--reasoning-tokens", "301"),
        ("--direction", "buy"),
        ("--entry-id", "not-a-uuid"),
        ("--occurred-at", "yesterday"),
        ("--occurred-at", "2026-01-31T12:00:00"),
        ("--occurred-at", "2026-13-31T12:00:00Z"),
        ("--occurred-at", "2999-01-31T12:00:00Z"),
        ("--memo", "half a character \udcff"),
        ("--memo", "x" * 501),
    ],
)
def test_nonsense_names_the_option_and_is_not_recorded(
    wire: Wire, acting: ExchangeAccount, option: str, text: str
) -> None:
    with pytest.raises(CommandError, match=option) as failed:
        text_of("record_usage", *WORDS, option, text)
    assert failed.value.returncode in (1, 2)
    assert LedgerEntry.objects.count() == len(wire.calls) == 0


def test_a_refusal_keeps_the_entry_and_names_every_rule(wire: Wire, acting: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", REFUSED, status=400)
    with pytest.raises(
        CommandError, match=r"(?s)Entry 1 is in the ledger.*PRICE_CEILING.*FORBIDDEN_WORD"
    ) as failed:
        text_of("record_usage", *WORDS)
    assert failed.value.returncode == 1
    assert LedgerEntry.objects.count() == 1


def test_another_entry_under_the_same_id_is_said_as_such(wire: Wire, acting: ExchangeAccount) -> None:
    counts(wire, acting)
    text_of("record_usage", *NUMBERED)
    with pytest.raises(CommandError, match="number 1") as failed:
        text_of("record_usage", *NUMBERED, "--memo", "other")
    assert failed.value.returncode == 1
    assert LedgerEntry.objects.count() == 1


def test_a_lost_answer_is_said_as_such(wire: Wire, acting: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", requests.ConnectionError("reset"))
    said = text_of("record_usage", *WORDS)
    assert "Nobody knows whether the Exchange has counted it" in said
    assert len(wire.calls) == 1


def test_an_exchange_that_is_away_delays_the_report_and_nothing_else(
    wire: Wire, acting: ExchangeAccount
) -> None:
    wire.is_down()
    assert "The Exchange has not counted it yet: sync_usage delivers it." in text_of("record_usage", *WORDS)
    assert LedgerEntry.objects.get().seq == 1


def test_who_was_never_registered_can_record_while_the_exchange_is_away(
    wire: Wire, configure: Callable[..., None], db: None
) -> None:
    configure(email="new@example.com")
    wire.is_down()
    assert document_of("record_usage", *WORDS)["delivery"] == "pending"
    assert User.objects.get().email == "new@example.com"
