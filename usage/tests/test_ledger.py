"""Recording: what an entry holds, and that it is there once, whole, and in every sum."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_exchange
from accounts.models import ApiKey, ExchangeAccount
from catalog.tests.mirrored import make_provider, make_service
from usage import ledger, rollups, tallies
from usage.canonical import digest, fields_of
from usage.factories import make_draft, make_entries, make_entry
from usage.ledger import EntryConflict, EntryInvalid
from usage.models import Chain, Delivery, LedgerEntry
from usage.models.entry import GENESIS_HASH

pytestmark = pytest.mark.django_db
ENTRY_ID = uuid.UUID("0b1f6b8e-7c39-4a56-9c0d-3a1d2e4f5a6b")


def entries_of(account: ExchangeAccount) -> list[LedgerEntry]:
    return list(LedgerEntry.objects.filter(account=account).order_by("seq"))


def recomputed(entry: LedgerEntry) -> str:
    entry = LedgerEntry.objects.select_related("account__exchange", "account__chain").get(pk=entry.pk)
    return digest(
        fields_of(entry, chain_id=entry.account.chain.chain_id, exchange=entry.account.exchange.base_url)
    )


def test_an_entry_keeps_what_was_true_when_it_was_recorded(account: ExchangeAccount) -> None:
    provider = make_provider(number=7, name="Northwind")
    service = make_service(provider=provider, number=12, name="GPT-4o, EU", family="gpt-4o", price="0.0052")
    entry = make_entry(account=account, service_id=12, prompt_tokens=1000, completion_tokens=500)
    service.name, service.price_per_1k_tokens = "renamed", Decimal(9)
    service.save()
    kept = LedgerEntry.objects.get(pk=entry.pk)
    assert (kept.service_name, kept.model_family) == ("GPT-4o, EU", "gpt-4o")
    assert (kept.provider_id, kept.provider_name) == (7, "Northwind")
    assert (kept.price_per_1k_tokens, kept.cost_nanos, kept.currency) == (Decimal("0.0052"), 7_800_000, "USD")


def test_a_service_that_the_mirror_does_not_know_has_no_price_rather_than_none_to_pay(
    account: ExchangeAccount,
) -> None:
    kept = LedgerEntry.objects.get(pk=make_entry(account=account, service_id=999).pk)
    assert (kept.service_name, kept.provider_id, kept.price_per_1k_tokens, kept.cost_nanos) == (None,) * 4
    make_service(provider=make_provider(), number=1000, price="0")
    free = LedgerEntry.objects.get(pk=make_entry(account=account, service_id=1000).pk)
    assert (free.price_per_1k_tokens, free.cost_nanos) == (0, 0)


def test_the_price_of_another_exchange_is_not_taken(account: ExchangeAccount) -> None:
    elsewhere = make_exchange(base_url="http://elsewhere.example")
    make_service(provider=make_provider(exchange=elsewhere), number=12)
    assert make_entry(account=account, service_id=12).cost_nanos is None


def test_each_entry_is_chained_to_the_one_before(account: ExchangeAccount) -> None:
    entries = make_entries(account, 3)
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert [entry.prev_hash for entry in entries] == [GENESIS_HASH, entries[0].hash, entries[1].hash]
    assert [recomputed(entry) for entry in entries] == [entry.hash for entry in entries]
    chain = Chain.objects.get(account=account)
    assert (chain.seq, chain.hash) == (3, entries[2].hash)


def test_two_accounts_have_chains_of_their_own(account: ExchangeAccount) -> None:
    other = make_account()
    mine, theirs = make_entry(account=account, memo="same"), make_entry(account=other, memo="same")
    assert (mine.seq, theirs.seq) == (1, 1)
    assert mine.hash != theirs.hash
    assert Chain.objects.get(account=account).chain_id != Chain.objects.get(account=other).chain_id


def test_what_stands_in_the_database_hashes_to_the_same(account: ExchangeAccount) -> None:
    """Whatever a database does to times, decimals and text on the way: recomputed from what it gives back."""
    make_service(
        provider=make_provider(name="北风"), number=12, name='"quoted" \\ 报价', price="0.000000000000000001"
    )
    odd = make_entry(
        account=account,
        service_id=12,
        memo='翻译 "x" \\ \t é 🎈',
        occurred_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
        prompt_tokens=2**53 - 1,
        completion_tokens=0,
        cached_tokens=0,
        attributes={"caller": "agent-7", "attempt": 2, "tag": None},
    )
    assert recomputed(odd) == odd.hash


def test_a_batch_is_recorded_in_order_and_each_draft_is_judged_alone(account: ExchangeAccount) -> None:
    drafts = [
        make_draft(memo="first"),
        make_draft(prompt_tokens=-1),
        make_draft(entry_id=ENTRY_ID, memo="second"),
        make_draft(entry_id=ENTRY_ID, memo="second"),
        make_draft(entry_id=ENTRY_ID, memo="other"),
    ]
    results = ledger.record(account, drafts, source="api")
    assert [result.status for result in results] == [
        "recorded",
        "invalid",
        "recorded",
        "duplicate",
        "conflict",
    ]
    assert (results[1].field, results[1].entry) == ("prompt_tokens", None)
    assert [entry.memo for entry in entries_of(account)] == ["first", "second"]
    assert results[3].entry == results[2].entry


def test_the_same_id_with_the_same_content_is_there_once(account: ExchangeAccount) -> None:
    was = make_entry(account=account, entry_id=ENTRY_ID)
    again = ledger.record_one(account, make_draft(entry_id=ENTRY_ID), source="api")
    assert (again.status, again.entry) == ("duplicate", was)
    assert len(entries_of(account)) == 1
    assert Chain.objects.get(account=account).consumed_tokens == 1500


@pytest.mark.parametrize(
    "other",
    [
        {"service_id": 2},
        {"prompt_tokens": 1201},
        {"completion_tokens": 301},
        {"direction": "supply"},
        {"memo": "other"},
        {"occurred_at": datetime(2026, 1, 31, 12, tzinfo=UTC)},
        {"cached_tokens": 1},
        {"reasoning_tokens": 1},
        {"evidence": "estimated"},
        {"attributes": {"caller": "x"}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_the_same_id_with_other_content_is_a_conflict(
    account: ExchangeAccount, other: dict[str, object]
) -> None:
    was = make_entry(account=account, entry_id=ENTRY_ID)
    with pytest.raises(EntryConflict) as conflict:
        ledger.record_one(account, make_draft(entry_id=ENTRY_ID, **other), source="page")
    assert conflict.value.entry == was
    assert len(entries_of(account)) == 1


def test_a_price_that_moved_or_another_source_does_not_make_a_repeat_a_conflict(
    account: ExchangeAccount,
) -> None:
    service = make_service(provider=make_provider(), number=1)
    make_entry(account=account, entry_id=ENTRY_ID)
    service.price_per_1k_tokens = Decimal(3)
    service.save()
    assert ledger.record_one(account, make_draft(entry_id=ENTRY_ID), source="command").status == "duplicate"


def test_two_accounts_may_use_the_same_id(account: ExchangeAccount) -> None:
    make_entry(account=account, entry_id=ENTRY_ID)
    assert make_entry(account=make_account(), entry_id=ENTRY_ID, memo="other").seq == 1


def test_sums_and_delivery_are_written_with_the_entry(account: ExchangeAccount) -> None:
    make_service(provider=make_provider(), number=5, price="2")
    make_entry(account=account, prompt_tokens=10, completion_tokens=5)
    make_entry(account=account, service_id=5, prompt_tokens=100, completion_tokens=0, direction="supply")
    chain = Chain.objects.get(account=account)
    assert (chain.consumed_tokens, chain.supplied_tokens, chain.net_tokens) == (15, 100, 85)
    assert (chain.cost_nanos, chain.revenue_nanos) == (0, 200_000_000)
    assert rollups.differences(account) == []
    pending = tallies.in_state(account, "pending")
    assert (pending.entries, pending.consumed_tokens, pending.supplied_tokens) == (2, 15, 100)
    assert pending.revenue_nanos == 200_000_000
    states = Delivery.objects.filter(account=account).values_list("seq", "state", "exchange_id")
    assert list(states.order_by("seq")) == [
        (1, "pending", account.exchange_id),
        (2, "pending", account.exchange_id),
    ]


def test_an_entry_names_the_key_that_recorded_it_and_only_an_own_one(account: ExchangeAccount) -> None:
    key = ApiKey.objects.create(user=account.user, label="agent")
    assert make_entry(account=account, api_key=key, source="api").api_key == key
    theirs = ApiKey.objects.create(user=make_account().user, label="agent")
    with pytest.raises(ValueError, match="somebody else"):
        ledger.record(account, [make_draft()], source="api", api_key=theirs)
    assert len(entries_of(account)) == 1


def test_totals_that_no_database_could_hold_are_refused_before_anything_is_written(
    account: ExchangeAccount,
) -> None:
    make_entry(account=account)
    Chain.objects.filter(account=account).update(gross_tokens=2**63 - 10)
    with pytest.raises(EntryInvalid) as refused:
        ledger.record_one(account, make_draft(), source="page")
    assert refused.value.field == "prompt_tokens"
    make_service(provider=make_provider(), number=9, price="999999999999999")
    with pytest.raises(EntryInvalid):
        ledger.record_one(account, make_draft(service_id=9, prompt_tokens=2**53 - 1), source="page")
    assert len(entries_of(account)) == 1


def test_when_it_happened_is_the_clients_and_when_it_was_recorded_is_ours(account: ExchangeAccount) -> None:
    at = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
    told = make_entry(account=account, occurred_at=at)
    untold = make_entry(account=account)
    assert (told.occurred_at, told.occurred_at_given) == (at, True)
    assert abs(told.recorded_at - timezone.now()) < timedelta(minutes=1)
    assert (untold.occurred_at, untold.occurred_at_given) == (untold.recorded_at, False)


def test_no_draft_or_too_many_are_a_mistake_of_the_program(account: ExchangeAccount) -> None:
    for drafts in ([], [make_draft()] * 1001):
        with pytest.raises(ValueError, match="1 to 1000"):
            ledger.record(account, drafts, source="api")


def test_a_thousand_take_as_many_queries_as_one(
    account: ExchangeAccount, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_entry(account=account)
    # mirror, savepoint, chain, ids that are there, insert (executemany counts once a statement), keys, chain,
    # rollups, deliveries, tally, release
    with django_assert_max_num_queries(12):
        ledger.record(account, [make_draft(entry_id=uuid.uuid4())] * 1, source="api")
    with django_assert_max_num_queries(12):
        ledger.record(account, [make_draft(entry_id=uuid.uuid4()) for _ in range(1000)], source="api")


@pytest.mark.django_db(transaction=True)
def test_what_is_acknowledged_is_committed_or_not_begun(account: ExchangeAccount) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        make_entry(account=account)
    assert entries_of(account) == []


def test_a_writer_who_was_in_the_way_is_waited_for(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OperationalError("database is locked"), OperationalError("deadlock detected")])
    append = ledger.Writer.append

    def busy_at_first(self: ledger.Writer, judged: object) -> object:
        for failure in failures:
            raise failure
        return append(self, judged)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger.Writer, "append", busy_at_first)
    monkeypatch.setattr(ledger.time, "sleep", lambda _seconds: None)
    assert make_entry(account=account).seq == 1


def test_another_failure_of_the_database_is_not_tried_again(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def full(self: ledger.Writer, judged: object) -> object:
        tries.append(judged)
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(ledger.Writer, "append", full)
    with pytest.raises(OperationalError, match="full"):
        make_entry(account=account)
    assert len(tries) == 1
    assert connection.is_usable()
