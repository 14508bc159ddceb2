from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.tests.mirrored import make_provider, make_service
from usage import ledger, rollups, tallies
from usage.factories import make_entry, mark
from usage.ledger import EntryInvalid, NotReversible
from usage.models import Chain, Delivery, DeliveryAttempt, LedgerEntry, UsageRollup
from usage.writing.inserting import insert

pytestmark = pytest.mark.django_db


def reversed_(account: ExchangeAccount, entry: LedgerEntry, reason: str = "typed twice") -> LedgerEntry:
    return ledger.reverse(account, entry.seq, reason=reason, source="page")


def state_of(entry: LedgerEntry) -> tuple[str, str]:
    delivery = Delivery.objects.get(entry=entry)
    return delivery.state, delivery.settled_by


def test_a_reversal_repeats_the_entry_and_every_sum_is_as_if_neither_had_been(
    account: ExchangeAccount,
) -> None:
    make_service(provider=make_provider(), number=1, price="2")
    at = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
    entry = make_entry(account=account, occurred_at=at, cached_tokens=7)
    reversal = LedgerEntry.objects.get(pk=reversed_(account, entry).pk)
    assert (reversal.seq, reversal.reverses_seq, reversal.memo) == (2, 1, "typed twice")
    assert (reversal.sign, reversal.total_tokens, reversal.cost_nanos) == (-1, 1500, entry.cost_nanos)
    assert (reversal.service_id, reversal.direction, reversal.occurred_at) == (1, "consume", at)
    chain = Chain.objects.get(account=account)
    assert (chain.consumed_tokens, chain.cost_nanos, chain.seq) == (0, 0, 2)
    assert chain.gross_tokens == 3000
    assert rollups.differences(account) == []
    sums = UsageRollup.objects.filter(account=account).values_list("entries", "prompt_tokens", "cost_nanos")
    assert set(sums) == {(2, 0, 0)}


@pytest.mark.parametrize("state", ["pending", "rejected"])
def test_what_was_not_counted_is_withdrawn_with_its_reversal(account: ExchangeAccount, state: str) -> None:
    entry = make_entry(account=account, state=state)
    reversal = reversed_(account, entry)
    assert state_of(entry) == state_of(reversal) == ("withdrawn", "reversal")
    assert tallies.in_state(account, state).entries == 0
    assert tallies.in_state(account, "withdrawn").consumed_tokens == 3000


def test_the_reversal_of_what_was_counted_stays_here(account: ExchangeAccount) -> None:
    entry = make_entry(account=account, state="delivered")
    reversal = reversed_(account, entry)
    assert state_of(entry)[0] == "delivered"
    assert state_of(reversal)[0] == "local"
    assert tallies.in_state(account, "delivered").consumed_tokens == 1500


@pytest.mark.parametrize("state", ["sending", "uncertain"])
def test_what_is_not_settled_cannot_be_reversed_yet(account: ExchangeAccount, state: str) -> None:
    lease = {"lease": uuid.uuid4(), "leased_until": timezone.now()} if state == "sending" else {}
    entry = make_entry(account=account)
    mark(entry, state, **lease)
    with pytest.raises(NotReversible, match="Settle"):
        reversed_(account, entry)
    assert Chain.objects.get(account=account).seq == 1


def test_what_waits_to_be_asked_about_again_cannot_be_reversed_yet(account: ExchangeAccount) -> None:
    """Where a repeat counts once an answer that was lost is waited for as pending, not as uncertain."""
    entry = make_entry(account=account)
    delivery = Delivery.objects.get(entry=entry)
    attempt = {"delivery": delivery, "number": 1, "started_at": timezone.now()}
    DeliveryAttempt.objects.create(**attempt, outcome="uncertain")
    with pytest.raises(NotReversible, match="Settle"):
        reversed_(account, entry)
    assert Chain.objects.get(account=account).seq == 1


def test_an_entry_is_reversed_once_and_a_reversal_never(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    reversal = reversed_(account, entry)
    with pytest.raises(NotReversible, match="already"):
        reversed_(account, entry)
    with pytest.raises(NotReversible, match="cannot be reversed"):
        reversed_(account, reversal)
    assert Chain.objects.get(account=account).seq == 2


def test_somebody_elses_entry_is_not_there(account: ExchangeAccount) -> None:
    make_entry(account=account)
    other = make_account()
    with pytest.raises(LedgerEntry.DoesNotExist):
        ledger.reverse(other, 1, reason="mine?", source="page")
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "nul \x00"])
def test_a_reversal_says_why(account: ExchangeAccount, reason: str) -> None:
    entry = make_entry(account=account)
    with pytest.raises(EntryInvalid):
        reversed_(account, entry, reason)
    assert Chain.objects.get(account=account).seq == 1


@pytest.mark.parametrize(
    "wrong", [{"prompt_tokens": 1}, {"service_id": 2}, {"direction": "supply"}, {"reverses_seq": 3}]
)
def test_the_database_itself_refuses_a_reversal_that_is_none(
    account: ExchangeAccount, wrong: dict[str, object]
) -> None:
    entry = make_entry(account=account)
    forged = LedgerEntry.objects.get(pk=entry.pk)
    forged.pk, forged.seq, forged.reverses_seq, forged.hash = None, 4, 1, "f" * 64
    forged.entry_id = uuid.uuid4()
    for name, value in wrong.items():
        setattr(forged, name, value)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([forged])
    assert LedgerEntry.objects.count() == 1
