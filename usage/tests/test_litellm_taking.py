"""Rows into the ledger: each call once, whatever comes beside it; what cannot be placed, into quarantine."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account
from accounts.models import ApiKey, ExchangeAccount
from usage import ledger
from usage.factories import make_draft
from usage.litellm import quarantine, taking
from usage.litellm.reading import NothingToRead, rows_of
from usage.litellm.rows import row_of
from usage.litellm.taking import TooManyRows, take
from usage.models import LedgerEntry, QuarantinedRow
from usage.tests.litellm import SECRET, make_row, placed, sample, taken

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(account: ExchangeAccount) -> ApiKey:
    """A key with a default service."""
    return ApiKey.objects.create(user=account.user, label="litellm", default_service_id=7)


@pytest.fixture
def bare(account: ExchangeAccount) -> ApiKey:
    """A key without one."""
    return ApiKey.objects.create(user=account.user, label="bare")


def figures(*args: Any, **kwargs: Any) -> dict[str, int]:
    """What is not zero of what became of the rows."""
    told = asdict(taken(*args, **kwargs))
    told |= told.pop("ignored")
    return {name: count for name, count in told.items() if count}


def reasons() -> list[tuple[str, str]]:
    return list(QuarantinedRow.objects.order_by("pk").values_list("reason", "state"))


def test_what_litellm_sent_is_in_the_book(account: ExchangeAccount, key: ApiKey) -> None:
    assert figures(account, *sample(), key=key) == {"received": 6, "recorded": 5, "failure": 1}
    entries = list(LedgerEntry.objects.order_by("seq"))
    assert [entry.total_tokens for entry in entries] == [30, 30, 30, 30, 14]
    assert {(entry.source, entry.api_key, entry.service_id, entry.memo) for entry in entries} == {
        ("litellm", key, 7, "")
    }
    assert json.loads(entries[3].attributes)["model"] == "claude-3-5-haiku-20241022"


def test_the_same_batch_again_records_nothing(account: ExchangeAccount, key: ApiKey) -> None:
    figures(account, *sample(), key=key)
    assert figures(account, *sample(), key=key) == {"received": 6, "duplicates": 5, "failure": 1}
    assert figures(account, *sample()[:1] * 3, key=key) == {"received": 3, "duplicates": 3}
    assert LedgerEntry.objects.count() == 5
    assert reasons() == []


def test_a_call_twice_in_one_batch_is_one(account: ExchangeAccount, key: ApiKey) -> None:
    row = make_row()
    assert figures(account, row, row, key=key) == {"received": 2, "recorded": 1, "duplicates": 1}


def test_a_bad_row_costs_no_other(account: ExchangeAccount, key: ApiKey) -> None:
    rows = [make_row(), make_row(prompt_tokens=-1), None, 5, "x", [], {}, make_row(endTime=1e18), make_row()]
    assert figures(account, *rows, key=key) == {"received": 9, "recorded": 2, "quarantined": 7}
    assert [reason for reason, _state in reasons()] == [
        "tokens",
        "unreadable",
        "unreadable",
        "unreadable",
        "unreadable",
        "tokens",
        "time",
    ]


def test_broken_text_costs_no_row(account: ExchangeAccount, key: ApiKey) -> None:
    lines = [json.dumps(make_row()), '{"id": oops', json.dumps(make_row())]
    for body in ("\n".join(lines), f"[{lines[0]},{{}}x,{lines[2]}]", f"[{lines[0]},{lines[2]}"):
        taken = take(account, key, rows_of(io.BytesIO(body.encode()).read))
        assert taken.received == 3 + ("}x" in body)
        assert taken.recorded + taken.duplicates == 2
        assert taken.quarantined == taken.received - 2
    details = (
        QuarantinedRow.objects.filter(reason="unreadable").order_by("pk").values_list("detail", flat=True)
    )
    assert list(details) == ["", "", "rest"]


def test_a_rest_that_is_lost_again_is_another_loss(account: ExchangeAccount, key: ApiKey) -> None:
    for _time in range(2):
        body = f"[{json.dumps(make_row())},"
        take(account, key, rows_of(io.BytesIO(body.encode()).read))
    assert reasons() == [("unreadable", "waiting")] * 2


@pytest.mark.parametrize("body", [b"", b"hello", b"[oops]", b"[", b'{"id":'])
def test_where_no_row_can_be_read_nothing_is_kept(body: bytes, account: ExchangeAccount, key: ApiKey) -> None:
    with pytest.raises(NothingToRead):
        take(account, key, rows_of(io.BytesIO(body).read))
    assert reasons() == []


def test_an_empty_batch_is_no_trouble(account: ExchangeAccount, key: ApiKey) -> None:
    assert figures(account, key=key) == {}


def test_without_a_service_a_row_waits_once(account: ExchangeAccount, bare: ApiKey) -> None:
    row = make_row(model_group="fast")
    for _time in range(2):
        assert figures(account, row, row, key=bare) == {"received": 2, "quarantined": 2}
    waiting = QuarantinedRow.objects.get()
    assert (waiting.reason, waiting.model, waiting.tokens, waiting.api_key) == (
        "no_service",
        "fast",
        30,
        bare,
    )
    assert (waiting.identity, waiting.account) == (row_of(row).identity, account)


def test_a_person_by_cookie_has_no_default(account: ExchangeAccount) -> None:
    assert figures(account, make_row(), placed(3)) == {"received": 2, "recorded": 1, "quarantined": 1}


def test_a_service_that_is_not_understood_waits_with_what_was_said(
    account: ExchangeAccount, key: ApiKey
) -> None:
    figures(account, make_row(request_tags=["service:checkout"]), placed("x"), key=key)
    rows = QuarantinedRow.objects.order_by("pk")
    assert [(row.reason, row.detail) for row in rows] == [
        ("service", "service:checkout"),
        ("service", "tokligence_service_id: x"),
    ]
    assert LedgerEntry.objects.count() == 0


def test_what_is_in_the_book_is_a_duplicate_wherever_it_would_be_placed_now(
    account: ExchangeAccount, key: ApiKey, bare: ApiKey
) -> None:
    row = make_row()
    figures(account, row, key=key)
    assert figures(account, {**row, "request_tags": ["service:9"]}, key=key) == {
        "received": 1,
        "duplicates": 1,
    }
    assert figures(account, {**row, "model": "renamed"}, key=key) == {"received": 1, "duplicates": 1}
    assert figures(account, row, key=bare) == {"received": 1, "duplicates": 1}
    assert figures(account, {**row, "request_tags": ["service:?"]}, key=key) == {
        "received": 1,
        "duplicates": 1,
    }
    assert reasons() == []


@pytest.mark.parametrize("with_default", [True, False])
def test_other_tokens_for_a_call_in_the_book_are_a_conflict(
    account: ExchangeAccount, key: ApiKey, bare: ApiKey, with_default: bool
) -> None:
    row = make_row()
    figures(account, row, key=key)
    told = {**row, "completion_tokens": 21}
    for _time in range(2):
        later = key if with_default else bare
        assert figures(account, told, key=later) == {"received": 1, "quarantined": 1}
    waiting = QuarantinedRow.objects.get()
    assert (waiting.reason, waiting.detail, waiting.tokens) == ("conflict", "1", 31)
    assert LedgerEntry.objects.count() == 1


def test_an_id_that_another_kind_of_entry_has_is_a_conflict_or_the_same(
    account: ExchangeAccount, key: ApiKey
) -> None:
    row = make_row()
    ledger.record(account, [make_draft(entry_id=row_of(row).identity)], source="api")
    assert figures(account, row, key=key) == {"received": 1, "quarantined": 1}


def test_a_call_that_was_taken_back_is_not_recorded_again(account: ExchangeAccount, key: ApiKey) -> None:
    row = make_row()
    figures(account, row, key=key)
    ledger.reverse(account, 1, reason="wrong", source="page")
    assert figures(account, row, key=key) == {"received": 1, "duplicates": 1}


def test_a_row_that_waited_waits_no_more_once_it_is_recorded(
    account: ExchangeAccount, key: ApiKey, bare: ApiKey
) -> None:
    row = make_row()
    figures(account, row, key=bare)
    assert figures(account, row, key=key) == {"received": 1, "recorded": 1}
    settled = QuarantinedRow.objects.get()
    assert (settled.state, settled.entry) == ("recorded", LedgerEntry.objects.get())


def test_what_a_person_discarded_is_never_counted(
    account: ExchangeAccount, key: ApiKey, bare: ApiKey
) -> None:
    row = make_row()
    figures(account, row, key=bare)
    quarantine.discard(account, quarantine.waiting_of(account))
    for later in (bare, key):
        assert figures(account, row, key=later) == {"received": 1, "duplicates": 1}
    assert (LedgerEntry.objects.count(), reasons()) == (0, [("no_service", "discarded")])


def test_accounts_do_not_meet(account: ExchangeAccount, key: ApiKey) -> None:
    other = make_account()
    row = placed(7)
    figures(other, row)
    figures(other, make_row(litellm_call_id="c", id="i"))
    assert figures(account, row, key=key) == {"received": 1, "recorded": 1}
    assert figures(account, make_row(litellm_call_id="c", id="i")) == {"received": 1, "quarantined": 1}
    assert QuarantinedRow.objects.filter(account=other).count() == 1


def test_beyond_its_budget_a_key_records_all_the_same(account: ExchangeAccount, key: ApiKey) -> None:
    ApiKey.objects.update(budget_unit="tokens", budget_period="total", budget_limit=50)
    key = ApiKey.objects.get(pk=key.pk)
    rows = [make_row() for _number in range(3)]
    assert figures(account, *rows, key=key) == {"received": 3, "recorded": 3, "over_budget": 2}
    assert figures(account, *rows, key=key) == {"received": 3, "duplicates": 3}


def test_more_than_a_thousand_rows_are_recorded_in_turns(account: ExchangeAccount, key: ApiKey) -> None:
    rows = [make_row() for _number in range(1200)]
    rows[5:5] = [make_row(status="failure")]
    assert figures(account, *rows, key=key) == {"received": 1201, "recorded": 1200, "failure": 1}
    assert LedgerEntry.objects.count() == 1200


def test_beyond_the_most_rows_those_before_are_taken(
    account: ExchangeAccount, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "MOST_ROWS", 3)
    rows = [make_row() for _number in range(4)]
    with pytest.raises(TooManyRows) as caught:
        taken(account, *rows, key=key)
    assert (caught.value.taken.received, caught.value.taken.recorded) == (3, 3)
    assert LedgerEntry.objects.count() == 3


def test_nothing_of_a_conversation_reaches_the_database_or_the_log(
    account: ExchangeAccount, key: ApiKey, bare: ApiKey, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [make_row(), make_row(prompt_tokens=None), {"messages": SECRET}, [SECRET], SECRET]
    with caplog.at_level("DEBUG"):
        figures(account, *rows, key=key)
        figures(account, make_row(), key=bare)
        body = f'[{{}},{{"messages": "{SECRET}", oops}}]'.encode()
        take(account, key, rows_of(io.BytesIO(body).read))
    assert QuarantinedRow.objects.count() >= 5
    stored = [
        json.dumps(list(model.objects.values()), default=str) for model in (LedgerEntry, QuarantinedRow)
    ]
    assert SECRET not in "".join(stored)
    assert SECRET not in caplog.text


def test_a_batch_takes_as_many_queries_for_many_rows_as_for_few(
    account: ExchangeAccount, key: ApiKey, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    figures(account, make_row(), key=key)
    # how they stand in quarantine, what is known of the service, and what the ledger does
    with django_assert_max_num_queries(25):
        figures(account, *(make_row() for _number in range(300)), key=key)
    bare = ApiKey.objects.create(user=account.user, label="bare")
    # are they in the ledger, how they stand in quarantine, and in with them
    with django_assert_max_num_queries(5):
        figures(account, *(make_row() for _number in range(100)), key=bare)


def test_the_time_of_an_entry_is_the_calls(account: ExchangeAccount, key: ApiKey) -> None:
    before = timezone.now()
    figures(account, make_row(endTime=before.timestamp() - 60), key=key)
    entry = LedgerEntry.objects.get()
    assert abs((before - entry.occurred_at).total_seconds() - 60) < 1
    assert entry.occurred_at_given
