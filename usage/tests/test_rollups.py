from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.factories import make_account
from accounts.models import ApiKey, ExchangeAccount
from catalog.tests.mirrored import make_provider, make_service
from usage import ledger, rollups
from usage.factories import make_draft, make_entries, make_entry
from usage.models import UsageRollup

pytestmark = pytest.mark.django_db


def day(account: ExchangeAccount, **lookup: object) -> UsageRollup:
    return UsageRollup.objects.get(account=account, grain="day", **lookup)


def test_an_hour_and_a_day_begin_in_utc(account: ExchangeAccount) -> None:
    make_entry(account=account, occurred_at=datetime.fromisoformat("2026-02-01T01:30:00+05:00"))
    rows = UsageRollup.objects.filter(account=account).values_list("grain", "starts_at")
    assert set(rows) == {
        ("hour", datetime(2026, 1, 31, 20, tzinfo=UTC)),
        ("day", datetime(2026, 1, 31, tzinfo=UTC)),
    }


def test_a_row_adds_up_what_is_alike_and_keeps_apart_what_is_not(account: ExchangeAccount) -> None:
    make_service(provider=make_provider(number=7), number=1, family="gpt-4o", price="2")
    key = ApiKey.objects.create(user=account.user, label="agent")
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    for _ in range(2):
        make_entry(account=account, occurred_at=at, cached_tokens=200, reasoning_tokens=100)
    make_entry(account=account, occurred_at=at, api_key=key)
    make_entry(account=account, occurred_at=at, service_id=2)
    alike = day(account, service_id=1, key_id=0)
    assert (alike.entries, alike.prompt_tokens, alike.completion_tokens) == (2, 2400, 600)
    # subsets: told beside the tokens, never added to them
    assert (alike.cached_tokens, alike.reasoning_tokens, alike.total_tokens) == (400, 200, 3000)
    assert (alike.cost_nanos, alike.unpriced_tokens) == (6_000_000_000, 0)
    assert (alike.provider_id, alike.model_family) == (7, "gpt-4o")
    assert day(account, key_id=key.pk).entries == 1
    unknown = day(account, service_id=2)
    assert (unknown.provider_id, unknown.model_family, unknown.unpriced_tokens) == (0, "", 1500)


def test_a_row_that_lies_is_named_and_made_again(account: ExchangeAccount) -> None:
    make_entries(account, 3)
    UsageRollup.objects.filter(account=account, grain="day").update(prompt_tokens=1)
    UsageRollup.objects.filter(account=account, grain="hour").delete()
    lies = rollups.differences(account)
    assert {lie.key.grain for lie in lies} == {"day", "hour"}
    assert [lie.kept.prompt_tokens for lie in lies] == [1, 0]
    assert {lie.entries.prompt_tokens for lie in lies} == {3600}
    assert rollups.rebuild(account) == 2
    assert rollups.differences(account) == []


def test_rebuilding_one_accounts_rows_leaves_anothers(account: ExchangeAccount) -> None:
    other = make_account()
    make_entry(account=other)
    rollups.rebuild(account)
    assert UsageRollup.objects.filter(account=other).count() == 2


moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 4), timezones=st.just(UTC))  # noqa: DTZ001
drafts = st.builds(
    make_draft,
    service_id=st.integers(1, 3),
    prompt_tokens=st.integers(0, 2**40),
    completion_tokens=st.integers(0, 2**40),
    direction=st.sampled_from(["consume", "supply"]),
    occurred_at=moments,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(drafts, min_size=1, max_size=5), min_size=1, max_size=4), st.sets(st.integers(1, 12))
)
def test_whatever_is_recorded_and_reversed_the_sums_are_those_of_the_entries(
    batches: list[list[ledger.Draft]], reversals: set[int]
) -> None:
    account = make_account()
    for batch in batches:
        ledger.record(account, batch, source="api")
    length = sum(map(len, batches))
    for seq in sorted(reversals):
        if seq <= length:
            ledger.reverse(account, seq, reason="wrong", source="page")
    assert rollups.differences(account) == []
