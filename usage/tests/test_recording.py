from __future__ import annotations

import uuid

import pytest
import requests

from accounts.factories import make_account
from accounts.models import Exchange, ExchangeAccount
from catalog.tests.wire import REFUSED, Wire, told
from exchange import AmbiguousOutcome, ComplianceRefusal, ExchangeUnreachable, RateLimited
from usage.recording import record_usage
from usage.tests.factories import ENTRY_ID, receipt

pytestmark = pytest.mark.django_db
CONSUMED = {"service_id": 11, "prompt_tokens": 1200, "completion_tokens": 300, "direction": "consume"}


def proved() -> bool:
    return Exchange.objects.get().idempotency_proved_at is not None


def test_it_reports_for_the_accounts_own_user(wire: Wire, account: ExchangeAccount) -> None:
    make_account()
    wire.answers("POST", "/usage", receipt(account), status=201)
    recorded = record_usage(account, **CONSUMED, memo="night run", entry_id=ENTRY_ID)
    assert (recorded.entry_id, recorded.seq, recorded.hash, recorded.delivery) == (
        str(ENTRY_ID),
        None,
        None,
        "delivered",
    )
    assert wire.sent("/usage") == [{**CONSUMED, "user_id": account.exchange_user_id, "memo": "night run"}]
    assert wire.calls[0].request.headers["Idempotency-Key"] == str(ENTRY_ID)


def test_supply_is_reported_as_supply(wire: Wire, account: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", receipt(account))
    record_usage(account, **{**CONSUMED, "direction": "supply"})
    assert wire.sent("/usage")[0]["direction"] == "supply"


def test_an_entry_gets_a_number_of_its_own(wire: Wire, account: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", b"", status=201)
    ids = {record_usage(account, **CONSUMED).entry_id for _ in range(2)}
    assert len(ids) == 2
    assert ids == {call.request.headers["Idempotency-Key"] for call in wire.calls}
    assert all(uuid.UUID(text).version == 4 for text in ids)


@pytest.mark.parametrize("body", [b"", b"thanks", b"{}", b'{"entry": 3}'])
def test_any_success_counts_whatever_its_body(wire: Wire, account: ExchangeAccount, body: bytes) -> None:
    wire.answers("POST", "/usage", body, status=200)
    assert record_usage(account, **CONSUMED).delivery == "delivered"
    assert not proved()


def test_an_exchange_that_returns_the_key_has_proved_idempotency(
    wire: Wire, account: ExchangeAccount
) -> None:
    wire.answers("POST", "/usage", receipt(account, uuid.uuid4()))
    record_usage(account, **CONSUMED, entry_id=ENTRY_ID)
    assert not proved()
    wire.upsert("POST", "http://localhost:8080/usage", json=receipt(account))
    record_usage(account, **CONSUMED, entry_id=ENTRY_ID)
    assert proved()


def test_a_lost_answer_is_not_repeated_where_nothing_is_proved(wire: Wire, account: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", requests.ConnectionError("reset"))
    with pytest.raises(AmbiguousOutcome):
        record_usage(account, **CONSUMED)
    assert len(wire.calls) == 1


def test_a_lost_answer_is_repeated_under_its_key_where_it_is_proved(
    wire: Wire, account: ExchangeAccount
) -> None:
    wire.answers("POST", "/usage", receipt(account))
    record_usage(account, **CONSUMED, entry_id=ENTRY_ID)
    wire.reset()
    wire.answers("POST", "/usage", requests.ConnectionError("reset"))
    wire.answers("POST", "/usage", receipt(account))
    assert record_usage(account, **CONSUMED, entry_id=ENTRY_ID).delivery == "delivered"
    assert [call.request.headers["Idempotency-Key"] for call in wire.calls] == [str(ENTRY_ID)] * 2


def test_what_one_exchange_proved_says_nothing_of_another(wire: Wire, account: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", receipt(account))
    record_usage(account, **CONSUMED, entry_id=ENTRY_ID)
    other = Exchange.objects.create(base_url="http://other.test")
    assert other.idempotency_proved_at is None


def test_a_refusal_names_its_rules_and_is_sent_once(wire: Wire, account: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", REFUSED, status=400)
    with pytest.raises(ComplianceRefusal):
        record_usage(account, **CONSUMED)
    assert len(wire.calls) == 1


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [(ConnectionRefusedError(), 200, ExchangeUnreachable), ({}, 429, RateLimited)],
)
def test_what_was_certainly_not_counted_is_tried_again(
    wire: Wire, account: ExchangeAccount, answer: object, status: int, error: type[Exception]
) -> None:
    wire.answers("POST", "/usage", answer, status=status)
    with pytest.raises(error):
        record_usage(account, **CONSUMED)
    assert len(wire.calls) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"prompt_tokens": -1},
        {"completion_tokens": 2**53},
        {"service_id": 10**30},
        {"memo": "a\x00b"},
        {"memo": "\udcff"},
    ],
)
def test_nonsense_is_not_sent(wire: Wire, account: ExchangeAccount, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        record_usage(account, **{**CONSUMED, **change})
    assert len(wire.calls) == 0


def test_an_account_that_waits_is_registered_first(wire: Wire) -> None:
    waiting = make_account(registered=False)
    wire.answers("POST", "/users", told(waiting, id=77))
    wire.answers("POST", "/usage", b"")
    record_usage(waiting, **CONSUMED)
    assert wire.sent("/usage")[0]["user_id"] == 77
