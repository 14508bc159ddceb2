from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import responses
import structlog
import time_machine

from accounts import exchanges
from accounts.exchanges import (
    current_exchange,
    gateway_for,
    note_receipt,
    status_of,
)
from accounts.factories import make_account, make_exchange, make_user
from accounts.failures import explain, explain_with_rules
from accounts.models import Exchange
from accounts.registration import ensure_registered
from accounts.tests.wire import Desk
from exchange import (
    AmbiguousOutcome,
    CircuitOpen,
    ComplianceRefusal,
    ExchangeError,
    ExchangeProtocolError,
    ExchangeRejected,
    ExchangeUnavailable,
    ExchangeUnreachable,
    NotRegistered,
    Rule,
    UsageReceipt,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def test_each_url_is_an_exchange_of_its_own(configure: Callable[..., None]) -> None:
    configure(base_url="http://first.example")
    first = current_exchange()
    configure(base_url="http://second.example")
    assert current_exchange() != first
    configure(base_url="http://first.example")
    assert current_exchange() == first


def test_the_status_is_what_happened_last() -> None:
    row = make_exchange()
    assert (status_of(row).state, status_of(row).checked_at) == ("unknown", None)
    row.reached_at = NOW
    assert (status_of(row).state, status_of(row).checked_at) == ("connected", NOW)
    row.failed_at = NOW + timedelta(seconds=1)
    assert (status_of(row).state, status_of(row).checked_at) == ("unreachable", row.failed_at)
    row.reached_at = NOW + timedelta(seconds=2)
    assert status_of(row).state == "connected"
    assert status_of(None).state == "unknown"


def test_an_exchange_that_never_answered_is_unreachable() -> None:
    row = make_exchange()
    row.failed_at = NOW
    assert status_of(row).state == "unreachable"


def row() -> Exchange:
    return Exchange.objects.get()


def test_a_call_notes_that_the_exchange_answered(desk: Desk, clock: time_machine.Traveller) -> None:
    ensure_registered(make_user())
    assert (row().reached_at, row().failed_at) == (NOW, None)


def test_the_same_news_is_written_at_most_every_thirty_seconds(
    desk: Desk, clock: time_machine.Traveller
) -> None:
    person = make_user()
    ensure_registered(person)
    clock.shift(29)
    ensure_registered(person)
    assert row().reached_at == NOW
    clock.shift(1)
    ensure_registered(person)
    assert row().reached_at == NOW + timedelta(seconds=30)


def test_a_change_is_written_at_once(desk: Desk, clock: time_machine.Traveller) -> None:
    person = make_user()
    ensure_registered(person)
    clock.shift(1)
    desk.close()
    with pytest.raises(ExchangeUnreachable):
        ensure_registered(person)
    assert (row().failed_at, status_of(row()).state) == (NOW + timedelta(seconds=1), "unreachable")
    assert "refused" in row().failure
    clock.shift(1)
    desk.open()
    ensure_registered(person)
    assert (row().reached_at, status_of(row()).state) == (NOW + timedelta(seconds=2), "connected")


def test_a_call_that_was_not_made_is_no_news(desk: Desk, clock: time_machine.Traveller) -> None:
    person = make_user()
    desk.close()
    desk_before = None
    for _ in range(20):
        clock.shift(timedelta(seconds=1))
        try:
            ensure_registered(person)
        except CircuitOpen:
            break
        except ExchangeUnreachable:
            desk_before = (row().failed_at, row().failure)
    else:
        pytest.fail("the breaker never opened")
    clock.shift(exchanges.NOTE_EVERY)
    with pytest.raises(CircuitOpen):
        ensure_registered(person)
    assert (row().failed_at, row().failure) == desk_before


def test_a_refusal_is_an_answer(desk: Desk, clock: time_machine.Traveller) -> None:
    desk.say(403, {"error": "no"})
    with pytest.raises(ExchangeRejected):
        ensure_registered(make_user())
    assert status_of(row()).state == "connected"


def test_what_one_exchange_does_says_nothing_of_another(
    wire: responses.RequestsMock, configure: Callable[..., None]
) -> None:
    first, second = Desk(wire, "http://first.example"), Desk(wire, "http://second.example")
    second.close()
    person = make_user()
    configure(base_url=first.base_url)
    ensure_registered(person)
    configure(base_url=second.base_url)
    with pytest.raises(ExchangeUnreachable):
        ensure_registered(person)
    states = {one.base_url: status_of(one).state for one in Exchange.objects.all()}
    assert states == {first.base_url: "connected", second.base_url: "unreachable"}


def test_each_url_has_a_client_and_a_breaker_of_its_own(configure: Callable[..., None]) -> None:
    configure(base_url="http://first.example")
    first = exchanges.client()
    assert exchanges.client() is first
    configure(base_url="http://second.example")
    assert exchanges.client().base_url == "http://second.example"
    assert exchanges.client().breaker is not first.breaker


def test_the_exchange_is_told_the_identifier_of_the_request(desk: Desk) -> None:
    with structlog.contextvars.bound_contextvars(request_id="abc123"):
        ensure_registered(make_user())
    ensure_registered(make_user())
    sent = [headers["X-Request-ID"] for headers in desk.headers]
    assert sent[0] == "abc123"
    assert len(sent[1]) == 32


def test_a_gateway_acts_for_the_account_without_asking_who_it_is(desk: Desk) -> None:
    account = make_account(
        user=make_user(email="ada@example.com"), provider=True, provider_name="Ada Inference"
    )
    account.free_granted, account.free_used = 100, 25
    gateway = gateway_for(account)
    assert (gateway.user.id, gateway.user.email) == (account.exchange_user_id, "ada@example.com")
    assert gateway.user.roles == ("consumer", "provider")
    assert gateway.user.free_tokens is not None
    assert gateway.user.free_tokens.left == 75
    assert gateway.provider is not None
    assert (gateway.provider.id, gateway.provider.display_name) == (account.provider_id, "Ada Inference")
    assert desk.asked == []


def test_a_consumer_has_no_provider_there() -> None:
    gateway = gateway_for(make_account())
    assert gateway.provider is None
    assert gateway.user.free_tokens is None


def test_without_a_registration_there_is_no_account_to_act_for(desk: Desk) -> None:
    with pytest.raises(NotRegistered):
        gateway_for(make_account(registered=False)).usage_snapshot()
    assert desk.asked == []


def test_the_proof_of_idempotency_is_remembered_once() -> None:
    exchange = make_exchange()
    note_receipt(exchange, UsageReceipt())
    exchange.refresh_from_db()
    assert exchange.idempotency_proved_at is None
    with time_machine.travel(NOW, tick=False) as clock:
        note_receipt(exchange, UsageReceipt(idempotency_proved=True))
        clock.shift(60)
        note_receipt(exchange, UsageReceipt(idempotency_proved=True))
        note_receipt(exchange, UsageReceipt())
    exchange.refresh_from_db()
    assert exchange.idempotency_proved_at == NOW


HINT = "python manage.py runexchange"


@pytest.mark.parametrize("error", [ExchangeUnreachable("It is down."), ExchangeUnavailable("It is down.")])
def test_an_exchange_that_does_not_run_is_explained_with_what_to_do(error: ExchangeError) -> None:
    assert explain(error).startswith("It is down. ")
    assert HINT in explain(error)
    assert "TOKLIGENCE_BASE_URL" in explain(error)


def test_in_live_nobody_is_sent_to_the_sandbox(configure: Callable[..., None]) -> None:
    configure(environment="live")
    sentence = explain(ExchangeUnreachable("It is down."))
    assert HINT not in sentence
    assert "TOKLIGENCE_BASE_URL" in sentence


@pytest.mark.parametrize(
    "error",
    [
        CircuitOpen("Not tried.", retry_in=3),
        ExchangeRejected("No."),
        AmbiguousOutcome("Perhaps."),
        ExchangeProtocolError("Not JSON."),
    ],
)
def test_every_other_error_speaks_for_itself(error: ExchangeError) -> None:
    assert explain(error) == explain_with_rules(error) == error.sentence


def test_a_refusal_can_be_told_on_one_line_with_its_rules() -> None:
    error = ComplianceRefusal(
        "Refused.", rules=(Rule("PRICE_CEILING", "At most 100."), Rule("REGION_BLOCKED"))
    )
    assert "PRICE_CEILING" not in explain(error), "they are shown beside it"
    assert explain_with_rules(error) == f"{explain(error)} (PRICE_CEILING: At most 100.; REGION_BLOCKED)"
