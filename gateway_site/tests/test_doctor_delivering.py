"""What the doctor finds of delivery and of the Exchange."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from django.utils import timezone

from accounts.models import Exchange, ExchangeAccount
from catalog.models import Mirror
from gateway_site.doctor import (
    delivering,
    exchange,
)
from gateway_site.tests.examined import Configure, found, levels
from usage.factories import make_entries, make_entry
from usage.models import (
    DeliveryHold,
    DeliveryQueue,
    QuarantinedRow,
)


@pytest.mark.parametrize(("seconds_ago", "level"), [(1, "ok"), (600, "problem"), (None, "problem")])
@pytest.mark.django_db
def test_the_worker(seconds_ago: int | None, level: str, account: ExchangeAccount) -> None:
    if seconds_ago is not None:
        seen = timezone.now() - timedelta(seconds=seconds_ago)
        DeliveryQueue.objects.create(exchange=account.exchange, worker_seen_at=seen)
    assert found(delivering.worker).level == level


@pytest.mark.parametrize(("minutes", "level"), [(0, "ok"), (5, "warning"), (60, "problem")])
@pytest.mark.django_db
def test_what_waits(
    minutes: int, level: str, account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_entries(account, 3)
    later = timezone.now() + timedelta(minutes=minutes)
    monkeypatch.setattr("usage.queue.timezone.now", lambda: later)
    finding = found(delivering.queue, "lag")
    assert finding.level == level
    assert "3 entries wait" in finding.message


@pytest.mark.django_db
def test_what_waits_for_a_person(account: ExchangeAccount) -> None:
    assert levels(delivering.queue) == {"delivery.lag": "ok"}
    assert not list(delivering.quarantine())
    make_entry(account=account, state="uncertain")
    make_entry(account=account, state="rejected")
    DeliveryHold.objects.create(account=account, until=timezone.now())
    DeliveryQueue.objects.filter(exchange=account.exchange).update(
        paused_until=timezone.now() + timedelta(minutes=1)
    )
    DeliveryQueue.objects.get_or_create(
        exchange=account.exchange, defaults={"paused_until": timezone.now() + timedelta(minutes=1)}
    )
    QuarantinedRow.objects.create(
        account=account,
        received_at=timezone.now(),
        reason="no_service",
        identity="00000000-0000-0000-0000-000000000001",
    )
    assert levels(delivering.queue) == {
        "delivery.paused": "warning",
        "delivery.lag": "ok",
        "delivery.uncertain": "warning",
        "delivery.rejected": "warning",
        "delivery.held": "warning",
    }
    assert "1 entry is uncertain" in found(delivering.queue, "uncertain").message
    assert found(delivering.quarantine).level == "warning"


class Answered(NamedTuple):
    status: int = 200
    seconds: float = 0.01
    skew: timedelta | None = timedelta(0)
    certificate: timedelta | None = None
    location: str = ""


@pytest.mark.parametrize(
    ("answered", "key", "level"),
    [
        (Answered(), "reachable", "ok"),
        (Answered(status=503), "reachable", "problem"),
        (Answered(status=404), "reachable", "problem"),
        (Answered(status=301, location="https://elsewhere.example"), "reachable", "problem"),
        (Answered(seconds=3), "slow", "warning"),
        (Answered(), "clock", "ok"),
        (Answered(skew=timedelta(minutes=1)), "clock", "warning"),
        (Answered(skew=timedelta(minutes=-10)), "clock", "problem"),
        (Answered(certificate=timedelta(days=60)), "certificate", "ok"),
        (Answered(certificate=timedelta(days=3)), "certificate", "warning"),
    ],
)
def test_what_an_exchange_answers(
    answered: Answered, key: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    answer = exchange.Answer(
        status=answered.status,
        seconds=answered.seconds,
        date=now + answered.skew if answered.skew is not None else None,
        certificate_ends=now + answered.certificate if answered.certificate else None,
        location=answered.location,
    )
    monkeypatch.setattr(exchange, "ask", lambda _url: answer)
    assert found(exchange.answers, key).level == level


def test_an_exchange_that_is_not_there(configure: Configure) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        configure(base_url=f"http://127.0.0.1:{free.getsockname()[1]}")
        finding = found(exchange.answers)
    assert (finding.id, finding.level) == ("exchange.reachable", "problem")
    assert "refused" in finding.message


def test_a_certificate_that_is_not_to_be_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(_url: str) -> None:
        error = ssl.SSLCertVerificationError(1, "no")
        error.verify_message = "certificate has expired"
        raise error

    monkeypatch.setattr(exchange, "ask", ask)
    finding = found(exchange.answers)
    assert (finding.id, finding.level) == ("exchange.certificate", "problem")
    assert "certificate has expired" in finding.message


@pytest.mark.django_db
def test_idempotency(account: ExchangeAccount) -> None:
    assert not list(exchange.idempotency())
    make_entry(account=account, state="delivered")
    assert found(exchange.idempotency).level == "warning"
    Exchange.objects.update(idempotency_proved_at=timezone.now())
    assert found(exchange.idempotency).level == "ok"


@pytest.mark.parametrize(("hours", "level"), [(None, "warning"), (0, "ok"), (5, "warning")])
@pytest.mark.django_db
def test_the_catalogue(hours: int | None, level: str, account: ExchangeAccount) -> None:
    if hours is not None:
        Mirror.objects.create(
            exchange=account.exchange,
            refreshed_at=timezone.now() - timedelta(hours=hours),
            failure="It said nothing.",
        )
    finding = found(exchange.catalogue)
    assert finding.level == level
    assert ("It said nothing." in finding.message) == (hours == 5)


def test_no_probe_takes_long_to_say_that_nothing_answers(configure: Configure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection, and says nothing
        configure(base_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        before, exchange_timeout = time.monotonic(), exchange.TIMEOUT
        exchange.TIMEOUT = 0.3
        try:
            finding = found(exchange.answers)
        finally:
            exchange.TIMEOUT = exchange_timeout
    assert finding.level == "problem"
    assert time.monotonic() - before < 5
