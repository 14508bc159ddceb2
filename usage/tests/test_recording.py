"""Recorded by hand: in the ledger whatever the Exchange does, and reported to it at once where it can be."""

from __future__ import annotations

import uuid

import pytest
import requests
from django.utils import timezone

from accounts.factories import make_account
from accounts.models import Exchange, ExchangeAccount
from catalog.tests.wire import REFUSED, Wire, told
from usage.factories import make_draft, make_entry
from usage.ledger import Draft, EntryConflict, EntryInvalid
from usage.models import Delivery, LedgerEntry
from usage.recording import Recorded, record_usage
from usage.tests.factories import ENTRY_ID, counts

pytestmark = pytest.mark.django_db


def recorded(account: ExchangeAccount, **changes: object) -> Recorded:
    return record_usage(account, make_draft(**changes), source="page", deadline=2)


def test_it_is_in_the_ledger_and_reported_under_its_hash(wire: Wire, account: ExchangeAccount) -> None:
    make_account()
    keys = counts(wire, account)
    done = recorded(account, memo="night run", entry_id=ENTRY_ID)
    assert (done.entry_id, done.seq, done.delivery, done.repeated) == (str(ENTRY_ID), 1, "delivered", False)
    assert keys == [done.hash]
    assert wire.sent("/usage") == [
        {
            "user_id": account.exchange_user_id,
            "service_id": 1,
            "prompt_tokens": 1200,
            "completion_tokens": 300,
            "direction": "consume",
            "memo": "night run",
        }
    ]


def test_supply_is_reported_as_supply(wire: Wire, account: ExchangeAccount) -> None:
    counts(wire, account)
    recorded(account, direction="supply")
    assert wire.sent("/usage")[0]["direction"] == "supply"


def test_the_same_entry_again_is_neither_recorded_nor_reported_again(
    wire: Wire, account: ExchangeAccount
) -> None:
    keys = counts(wire, account)
    first, second = recorded(account, entry_id=ENTRY_ID), recorded(account, entry_id=ENTRY_ID)
    assert (second.seq, second.hash, second.delivery, second.repeated) == (1, first.hash, "delivered", True)
    assert len(keys) == LedgerEntry.objects.count() == 1


def test_other_content_under_the_same_id_is_a_conflict_and_nothing_is_sent(
    wire: Wire, account: ExchangeAccount
) -> None:
    make_entry(account=account, entry_id=ENTRY_ID)
    with pytest.raises(EntryConflict):
        recorded(account, entry_id=ENTRY_ID, memo="other")
    assert len(wire.calls) == 0


@pytest.mark.parametrize("body", [b"", b"thanks", b"{}", b'{"entry": 3}'])
def test_any_success_counts_whatever_its_body(wire: Wire, account: ExchangeAccount, body: bytes) -> None:
    wire.answers("POST", "/usage", body, status=200)
    assert recorded(account).delivery == "delivered"
    assert Exchange.objects.get().idempotency_proved_at is None


def test_an_exchange_that_returns_the_key_has_proved_idempotency(
    wire: Wire, account: ExchangeAccount
) -> None:
    counts(wire, account)
    recorded(account)
    assert Exchange.objects.get().idempotency_proved_at is not None
    assert Exchange.objects.create(base_url="http://other.test").idempotency_proved_at is None


def test_a_lost_answer_leaves_the_entry_uncertain_where_nothing_is_proved(
    wire: Wire, account: ExchangeAccount
) -> None:
    wire.answers("POST", "/usage", requests.ConnectionError("reset"))
    done = recorded(account)
    assert (done.delivery, done.seq) == ("uncertain", 1)
    assert done.error
    assert len(wire.calls) == 1


def test_a_lost_answer_is_repeated_under_its_key_where_it_is_proved(
    wire: Wire, account: ExchangeAccount
) -> None:
    Exchange.objects.update(idempotency_proved_at=timezone.now())
    account.exchange.refresh_from_db()
    wire.answers("POST", "/usage", requests.ConnectionError("reset"))
    keys = counts(wire, account)
    done = recorded(account)
    assert (done.delivery, keys) == ("delivered", [done.hash])
    assert {call.request.headers["Idempotency-Key"] for call in wire.calls} == {done.hash}
    assert len(wire.calls) == 2


def test_a_refusal_keeps_the_entry_and_names_the_rules(wire: Wire, account: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", REFUSED, status=400)
    done = recorded(account)
    assert (done.delivery, [rule["id"] for rule in done.rules]) == (
        "rejected",
        ["PRICE_CEILING", "FORBIDDEN_WORD"],
    )
    assert LedgerEntry.objects.count() == len(wire.calls) == 1


def test_what_certainly_was_not_counted_waits_for_the_worker(wire: Wire, account: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", ConnectionRefusedError())
    done = recorded(account)
    assert (done.delivery, done.seq) == ("pending", 1)


def test_while_the_exchange_is_away_nobody_waits_for_it(wire: Wire, account: ExchangeAccount) -> None:
    Exchange.objects.update(failed_at=timezone.now(), failure="away")
    account.exchange.refresh_from_db()
    assert recorded(account).delivery == "pending"
    assert len(wire.calls) == 0


@pytest.mark.parametrize("change", [{"prompt_tokens": -1}, {"service_id": 10**30}, {"memo": "a\x00b"}])
def test_nonsense_is_neither_recorded_nor_sent(
    wire: Wire, account: ExchangeAccount, change: dict[str, object]
) -> None:
    with pytest.raises(EntryInvalid, match=next(iter(change))):
        recorded(account, **change)
    assert LedgerEntry.objects.count() == len(wire.calls) == 0


def test_an_account_that_waits_is_registered_first(wire: Wire) -> None:
    waiting = make_account(registered=False)
    wire.answers("POST", "/users", told(waiting, id=77))
    wire.answers("POST", "/usage", b"")
    assert recorded(waiting).delivery == "delivered"
    assert wire.sent("/usage")[0]["user_id"] == 77


def test_an_account_that_cannot_be_registered_yet_records_all_the_same(wire: Wire) -> None:
    waiting = make_account(registered=False)
    wire.is_down()
    assert recorded(waiting).delivery == "pending"
    assert Delivery.objects.get().attempts == 0


def test_an_entry_without_an_id_gets_one_of_its_own(wire: Wire, account: ExchangeAccount) -> None:
    counts(wire, account)
    draft = Draft(service_id=1, prompt_tokens=1, completion_tokens=1, direction="consume")
    ids = {record_usage(account, draft, source="page").entry_id for _ in range(2)}
    assert len(ids) == 2
    assert all(uuid.UUID(text).version == 4 for text in ids)


def test_an_entry_that_was_there_before_is_left_to_the_worker(wire: Wire, account: ExchangeAccount) -> None:
    """In a restored backup it may have been reported since, and only the worker looks for that."""
    make_entry(account=account, entry_id=ENTRY_ID)
    again = recorded(account, entry_id=ENTRY_ID)
    assert (again.delivery, again.repeated) == ("pending", True)
    assert len(wire.calls) == 0
