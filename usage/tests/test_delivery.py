"""One unit of the worker's work: what is sent, and what is written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
import time_machine
from django.db import OperationalError
from django.utils import timezone

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.tests.wire import REFUSED, Wire
from usage.delivery import Round, deliver_due, deliver_now
from usage.factories import make_entries, make_entry
from usage.models import Delivery
from usage.tests.reporting import (
    Counting,
    attempts_of,
    delivery_of,
    line_of,
    prove,
    state_of,
    tallies_are_right,
)

pytestmark = pytest.mark.django_db
LOST = requests.ConnectionError("the connection ended")


def run(account: ExchangeAccount, **options: int) -> Round:
    return deliver_due(account.exchange, **options)


def later(seconds: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True)


def test_it_delivers_what_waits_with_its_receipt(account: ExchangeAccount, exchange: Counting) -> None:
    entry = make_entry(account=account, memo="nightly")
    done = run(account)
    assert (done.delivered, done.more, done.failure) == (1, False, "")
    delivery = delivery_of(entry)
    assert (delivery.state, delivery.settled_by, delivery.status) == ("delivered", "answer", 201)
    assert delivery.settled_at is not None
    assert delivery.receipt == exchange.counted[0]
    assert delivery.exchange_entry_id == 1
    assert attempts_of(entry) == [(1, "delivered")]
    assert exchange.counted[0] == {
        **exchange.counted[0],
        "user_id": account.exchange_user_id,
        "service_id": entry.service_id,
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "direction": "consume",
        "memo": "nightly",
    }
    assert tallies_are_right()


def test_the_key_is_the_entrys_hash(account: ExchangeAccount, exchange: Counting) -> None:
    entries = make_entries(account, 3)
    run(account)
    assert exchange.keys == [entry.hash for entry in entries]


def test_a_supplied_entry_is_reported_as_supplied(account: ExchangeAccount, exchange: Counting) -> None:
    make_entry(account=account, direction="supply")
    run(account)
    assert exchange.counted[0]["direction"] == "supply"


def test_nothing_is_sent_inside_a_transaction(
    account: ExchangeAccount, exchange: Counting, wire: Wire, transactional_db: None
) -> None:
    prove(account)
    make_entries(account, 3)
    assert run(account).delivered == 3
    assert wire.transactions == [False] * 3


def test_the_attempt_is_written_down_before_it_is_sent(account: ExchangeAccount, core: Counting) -> None:
    entry = make_entry(account=account)
    seen: list[object] = []

    def look(_body: object, _key: str) -> None:
        delivery = delivery_of(entry)
        seen.extend([delivery.state, delivery.attempts, attempts_of(entry), tallies_are_right()])
        assert delivery.leased_until is not None
        # it outlasts the call by far
        assert delivery.leased_until > timezone.now() + timedelta(seconds=20)

    core.before = look
    run(account)
    assert seen == ["sending", 1, [(1, "")], True]


def test_an_entry_is_delivered_once(account: ExchangeAccount, core: Counting) -> None:
    make_entry(account=account)
    assert [run(account).delivered for _ in range(3)] == [1, 0, 0]
    assert len(core.keys) == 1


def test_the_first_receipt_proves_idempotency(account: ExchangeAccount, exchange: Counting) -> None:
    make_entry(account=account)
    assert account.exchange.idempotency_proved_at is None
    run(account)
    account.exchange.refresh_from_db()
    assert account.exchange.idempotency_proved_at is not None


def test_a_refusal_is_kept_with_its_rules(account: ExchangeAccount, exchange: Counting) -> None:
    exchange.before = lambda body, _key: (400, REFUSED) if body["memo"] == "bad" else None
    bad, good = make_entry(account=account, memo="bad"), make_entry(account=account, memo="good")
    done = run(account)
    assert (done.rejected, done.delivered) == (1, 1)
    delivery = delivery_of(bad)
    assert (delivery.state, delivery.settled_by, delivery.status) == ("rejected", "answer", 400)
    assert [rule["id"] for rule in delivery.rules] == ["PRICE_CEILING", "FORBIDDEN_WORD"]
    assert "PRICE_CEILING" in delivery.error
    assert attempts_of(bad) == [(1, "rejected")]
    assert state_of(good) == "delivered"
    assert tallies_are_right()
    # and it is not sent again
    assert not run(account).has_news


def test_a_lost_answer_is_uncertain_and_never_sent_again(account: ExchangeAccount, core: Counting) -> None:
    core.before = lambda _body, _key: LOST
    entry = make_entry(account=account)
    done = run(account)
    assert done.uncertain == 1
    delivery = delivery_of(entry)
    assert (delivery.state, delivery.settled_at, delivery.lease) == ("uncertain", None, None)
    assert attempts_of(entry) == [(1, "uncertain")]
    core.before = lambda _body, _key: None
    with later(3600):
        assert not run(account).has_news
    assert len(core.keys) == 1
    assert tallies_are_right()


def test_a_lost_answer_is_asked_for_again_where_that_counts_once(
    account: ExchangeAccount, exchange: Counting
) -> None:
    prove(account)
    entry = make_entry(account=account)

    def lose(body: dict[str, object], key: str) -> object:
        exchange._count(body, key)
        return LOST

    exchange.before = lose
    done = run(account)
    assert (done.deferred, state_of(entry)) == (1, "pending")
    exchange.before = lambda _body, _key: None
    with later(30):
        assert run(account).delivered == 1
    assert len(exchange.counted) == 1
    assert set(exchange.keys) == {entry.hash}
    assert attempts_of(entry) == [(1, "uncertain"), (2, "delivered")]
    assert delivery_of(entry).status == 200
    assert tallies_are_right()


def test_another_exchanges_entries_are_left_alone(
    account: ExchangeAccount, exchange: Counting, configure: Callable[..., None]
) -> None:
    entry = make_entry(account=account)
    old = account.exchange
    configure(base_url="http://other.example")
    with pytest.raises(ValueError, match="never sent to another"):
        deliver_due(old)
    other = make_account(user=account.user)
    assert other.exchange != old
    assert not deliver_due(other.exchange).has_news
    assert deliver_now(entry, deadline=4).state == "pending"
    assert exchange.keys == []
    assert delivery_of(entry).attempts == 0


def test_one_accounts_backlog_does_not_keep_another_waiting(
    account: ExchangeAccount, exchange: Counting
) -> None:
    prove(account)
    make_entries(account, 50)
    late = make_entry(account=make_account())
    run(account, limit=10)
    assert state_of(late) == "delivered"


def test_it_stops_between_two_reports(account: ExchangeAccount, core: Counting) -> None:
    class Stop:
        asked = False

    def ask(_body: object, _key: str) -> None:
        Stop.asked = True

    core.before = ask
    entries = make_entries(account, 3)
    done = deliver_due(account.exchange, stop=Stop())
    assert done.delivered == 1
    assert sorted(state_of(entry) for entry in entries) == ["delivered", "pending", "pending"]


def test_a_batch_that_is_stopped_gives_back_the_rest(account: ExchangeAccount, exchange: Counting) -> None:
    prove(account)

    class Stop:
        asked = False

    def ask(_body: object, _key: str) -> None:
        Stop.asked = True

    exchange.before = ask
    entries = make_entries(account, 3)
    assert deliver_due(account.exchange, stop=Stop()).delivered == 1
    assert [attempts_of(entry) for entry in entries] == [[(1, "delivered")], [], []]
    assert tallies_are_right()


def test_a_receipt_that_no_database_keeps_is_cut_down(account: ExchangeAccount, exchange: Counting) -> None:
    entry = make_entry(account=account)

    def odd(body: dict[str, object], key: str) -> object:
        return 201, {"entry": {**line_of(9, body, key), "odd": "a\0b", "price": 0.1}}

    exchange.before = odd
    assert run(account).delivered == 1
    receipt = delivery_of(entry).receipt
    assert receipt is not None
    assert (receipt["id"], receipt["idempotency_key"]) == (9, entry.hash)
    assert "odd" not in receipt


def test_a_fault_of_ours_while_sending_leaves_doubt(
    account: ExchangeAccount, core: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("usage.delivering.sending.gateway_for", fail)
    entry = make_entry(account=account)
    assert run(account).uncertain == 1
    assert "a fault of ours" in delivery_of(entry).error


@pytest.mark.parametrize(("proved", "taken"), [(False, 1), (True, 3)])
def test_a_crash_leaves_one_in_doubt_where_a_repeat_counts_twice(
    proved: bool, taken: int, account: ExchangeAccount, core: Counting
) -> None:
    if proved:
        prove(account)
    make_entries(account, 3)
    seen: list[int] = []
    core.before = lambda _body, _key: seen.append(Delivery.objects.filter(state="sending").count())
    assert run(account).delivered == 3
    assert seen == [taken] * 3


@pytest.mark.parametrize("proved", [True, False])
def test_nothing_is_sent_under_a_lease_that_is_nearly_over(
    proved: bool, account: ExchangeAccount, core: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    if proved:
        prove(account)
    entries = make_entries(account, 3)
    monkeypatch.setattr("usage.delivering.leases.LEASE", timedelta(seconds=9))
    assert not run(account).has_news
    assert core.keys == []
    assert [delivery_of(entry).attempts for entry in entries] == [0, 0, 0]


def test_a_receipt_is_kept_even_if_what_it_proves_cannot_be(
    account: ExchangeAccount, exchange: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_args: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("usage.delivering.sending.note_receipt", busy)
    entries = make_entries(account, 2)
    assert run(account).delivered == 2
    assert {state_of(entry) for entry in entries} == {"delivered"}
