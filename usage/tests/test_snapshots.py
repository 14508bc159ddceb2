from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire, offer, told
from exchange import ExchangeError, ExchangeUnreachable
from usage import snapshots
from usage.tests.factories import make_snapshot, totals

pytestmark = pytest.mark.django_db


def test_it_keeps_what_the_exchange_told(wire: Wire, account: ExchangeAccount) -> None:
    wire.totals(totals(1500, 2000, entry_count=9, ledger_hash="ab" * 32))
    before = timezone.now()
    kept = snapshots.refresh(account)
    assert (kept.consumed_tokens, kept.supplied_tokens, kept.net_tokens) == (1500, 2000, 500)
    assert (kept.entry_count, kept.ledger_hash, kept.service_count) == (9, "ab" * 32, None)
    assert kept.fetched_at >= before
    assert snapshots.latest(account) == kept
    assert wire.calls[0].request.url.endswith(f"/usage/summary?user_id={account.exchange_user_id}")


def test_a_core_exchange_tells_neither_count_nor_hash(wire: Wire, account: ExchangeAccount) -> None:
    make_snapshot(account=account, entry_count=3, ledger_hash="old")
    wire.totals(totals())
    kept = snapshots.refresh(account)
    assert (kept.entry_count, kept.ledger_hash) == (None, None)


def test_a_hash_that_is_none_is_not_kept(wire: Wire, account: ExchangeAccount) -> None:
    wire.totals(totals(ledger_hash="x" * 129))
    assert snapshots.refresh(account).ledger_hash is None


def test_the_largest_totals_fit(wire: Wire, account: ExchangeAccount) -> None:
    wire.totals(totals(2**63 - 1, 0))
    snapshots.refresh(account)
    kept = snapshots.latest(account)
    assert kept is not None
    assert (kept.consumed_tokens, kept.net_tokens) == (2**63 - 1, 1 - 2**63)


def test_there_is_one_an_account_and_each_its_own(wire: Wire, account: ExchangeAccount) -> None:
    other = make_snapshot(account=make_account(), consumed=1)
    wire.totals(totals(5))
    snapshots.refresh(account)
    snapshots.refresh(account)
    assert snapshots.UsageSnapshot.objects.count() == 2
    assert snapshots.latest(other.account).consumed_tokens == 1


def test_a_provider_learns_how_many_services_it_offers(wire: Wire, provider: ExchangeAccount) -> None:
    wire.totals(totals())
    # an Exchange that does not know the filter answers with everybody's
    services = [offer(), offer(id=12, provider_id=provider.provider_id)]
    wire.answers("GET", "/services", {"services": services})
    assert snapshots.refresh(provider).service_count == 1


def test_what_was_kept_stays_when_the_exchange_is_away(wire: Wire, account: ExchangeAccount) -> None:
    make_snapshot(account=account, consumed=42)
    wire.is_down()
    with pytest.raises(ExchangeUnreachable):
        snapshots.refresh(account)
    kept = snapshots.latest(account)
    assert kept is not None
    assert kept.consumed_tokens == 42


@pytest.mark.parametrize("body", ["", "{}", '{"summary": {"user_id": 7, "consumed_tokens": 1.5}}'])
def test_an_answer_that_does_not_fit_changes_nothing(wire: Wire, account: ExchangeAccount, body: str) -> None:
    wire.answers("GET", "/usage/summary", body)
    with pytest.raises(ExchangeError):
        snapshots.refresh(account)
    assert snapshots.latest(account) is None


def test_an_account_that_waits_is_registered_first(wire: Wire) -> None:
    waiting = make_account(registered=False)
    wire.answers("POST", "/users", told(waiting, id=77))
    wire.totals(totals(5))
    assert snapshots.refresh(waiting).consumed_tokens == 5
    assert ExchangeAccount.objects.get(pk=waiting.pk).exchange_user_id == 77
    assert wire.calls[-1].request.url.endswith("user_id=77")


def test_the_free_quota_is_told_anew_with_the_totals(wire: Wire, account: ExchangeAccount) -> None:
    account.free_granted, account.free_used = 1000, 0
    account.save()
    wire.totals(totals(5))
    wire.answers("POST", "/users", told(account, free_tokens={"granted": 1000, "used": 5}))
    snapshots.refresh(account)
    assert ExchangeAccount.objects.get(pk=account.pk).free_used == 5


def test_totals_are_kept_where_the_quota_cannot_be_told(wire: Wire, account: ExchangeAccount) -> None:
    account.free_granted, account.free_used = 1000, 0
    account.save()
    wire.totals(totals(5))
    wire.answers("POST", "/users", {"error": "no"}, status=403)
    assert snapshots.refresh(account).consumed_tokens == 5
    assert ExchangeAccount.objects.get(pk=account.pk).free_used == 0


def test_an_exchange_without_a_quota_is_asked_for_totals_alone(wire: Wire, account: ExchangeAccount) -> None:
    wire.totals(totals(5))
    snapshots.refresh(account)
    assert [call.request.method for call in wire.calls] == ["GET"]
