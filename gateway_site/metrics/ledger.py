"""What is read from the database when Prometheus asks: the same from every process."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import django
import structlog
from django.conf import settings
from django.db import Error, connection
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from accounts.exchanges import status_of
from accounts.models import Exchange
from catalog.models import Mirror
from gateway_site import __version__
from usage.condition import Condition, condition_of
from usage.models import Delivery, DeliveryQueue
from usage.queue import QueueStatus, queue_status

log = structlog.get_logger("gateway.metrics")


class LedgerCollector(Collector):
    """The books, the delivery, the catalogue and the Exchange, as the database has them now."""

    def collect(self) -> Iterator[Metric]:
        yield _build()
        yield from _disk()
        try:
            found = list(_from_database())
        except Error as error:
            log.error("metrics_without_database", error=type(error).__name__)
            found = []
        yield _gauge("database_up", "1 where the database answered while this was asked.", int(bool(found)))
        yield from found


def _from_database() -> Iterator[Metric]:
    exchange = Exchange.objects.filter(base_url=settings.TOKLIGENCE.base_url).first()
    if exchange is None:  # nobody has used it yet: all is nothing
        exchange = Exchange(base_url=settings.TOKLIGENCE.base_url)
        yield from _ledger(Condition())
        yield from _delivery(QueueStatus(), None)
    else:
        yield from _ledger(condition_of(exchange))
        yield from _delivery(queue_status(exchange), DeliveryQueue.objects.filter(exchange=exchange).first())
        yield from _catalogue(Mirror.objects.filter(exchange=exchange).first())
    yield from _exchange(exchange)


def _ledger(found: Condition) -> Iterator[Metric]:
    yield _counter("entries_recorded", "Entries in the ledger.", found.recorded)
    yield _counter("entries_delivered", "Entries that the Exchange has counted.", found.delivered)
    entries = GaugeMetricFamily(
        "tokligence_entries", "Entries by the state of their delivery.", labels=["state", "direction"]
    )
    tokens = GaugeMetricFamily("tokligence_tokens", "Tokens of these entries.", labels=["state", "direction"])
    there = {(state, direction): (count, sum_) for state, direction, count, sum_ in found.tallies}
    for state in Delivery.State.values:
        for direction in ("consume", "supply"):
            count, sum_ = there.get((state, direction), (0, 0))
            entries.add_metric([state, direction], count)
            tokens.add_metric([state, direction], sum_)
    yield entries
    yield tokens
    yield _gauge("ledger_accounts", "Accounts with entries.", found.accounts)
    yield _gauge(
        "reconciliation_open_differences",
        "Accounts whose newest reconciliation found a difference that nobody has acknowledged.",
        found.open_differences,
    )
    yield _gauge(
        "reconciliation_clean_age_seconds",
        "Seconds since the last clean reconciliation of the account for which it is the longest.",
        _age(found.clean_at),
    )
    yield _gauge("verification_problems", "What the newest verifications found.", found.problems)
    yield _gauge(
        "verification_age_seconds",
        "Seconds since the last verification of the account for which it is the longest.",
        _age(found.verified_at),
    )
    yield _gauge("litellm_rows_waiting", "Rows of LiteLLM's that wait for a person.", found.quarantined)


def _delivery(status: QueueStatus, queue: DeliveryQueue | None) -> Iterator[Metric]:
    yield _gauge(
        "delivery_lag_seconds",
        "How long the entry that waits longest has waited; 0: none waits.",
        status.lag_seconds,
    )
    yield _time(
        "delivery_oldest_pending", "When the entry that waits longest was recorded.", status.oldest_pending_at
    )
    yield _time("delivery_last", "When an entry was last counted.", queue.delivered_at if queue else None)
    yield _gauge("delivery_paused", "1 while the Exchange is left in peace.", int(status.is_paused))
    yield _gauge(
        "delivery_failures",
        "Deliveries that failed in a row, the Exchange being in trouble.",
        queue.failures if queue else 0,
    )
    yield _gauge(
        "worker_alive", "1 where a delivery worker was seen within 15 seconds.", int(status.worker_alive)
    )
    yield _time("worker_last_seen", "When a delivery worker was last seen.", status.worker_seen_at)


def _catalogue(mirror: Mirror | None) -> Iterator[Metric]:
    at = mirror.refreshed_at if mirror else None
    if at is not None:
        yield _gauge(
            "catalogue_age_seconds", "Seconds since the catalogue was as the Exchange has it.", _age(at)
        )
    if mirror is not None:
        yield _gauge(
            "catalogue_orphans", "Services set aside, for their provider is not listed.", mirror.orphan_count
        )


def _exchange(exchange: Exchange) -> Iterator[Metric]:
    state = status_of(exchange).state
    yield _gauge(
        "exchange_up",
        "0 where the Exchange did not answer the last call, of any process.",
        int(state != "unreachable"),
    )
    yield _time("exchange_last_answer", "When the Exchange last answered.", exchange.reached_at)
    yield _time("exchange_last_failure", "When a call to the Exchange last failed.", exchange.failed_at)
    yield _gauge(
        "exchange_idempotency_proved",
        "1 where the Exchange has proved that it counts a repeated report once.",
        int(exchange.idempotency_proved_at is not None),
    )


def _build() -> Metric:
    facts = {
        "version": __version__,
        "python": platform.python_version(),
        "django": django.get_version(),
        "database": connection.vendor,
    }
    built = GaugeMetricFamily("tokligence_build_info", "1, with what runs here.", labels=list(facts))
    built.add_metric(list(facts.values()), 1)
    return built


def _disk() -> Iterator[Metric]:
    """Room for what grows on this machine: the database, where it is a file; the head log; the log."""
    files = {"head_log": settings.HEAD_LOG, "log": settings.LOG_FILE}
    if connection.vendor == "sqlite":
        files["database"] = str(connection.settings_dict["NAME"])
    free = GaugeMetricFamily("tokligence_disk_free_bytes", "Bytes free where this is kept.", labels=["of"])
    for name, file in files.items():
        try:
            room = shutil.disk_usage(Path(file).parent).free if file else None
        except OSError:
            room = None
        if room is not None:
            free.add_metric([name], room)
    yield free


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tokligence_{name}", meaning, value=value)


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"tokligence_{name}", meaning, value=value)


def _time(name: str, meaning: str, at: datetime | None) -> Metric:
    """A UNIX time in seconds; no sample where there was none."""
    family = GaugeMetricFamily(f"tokligence_{name}_timestamp_seconds", meaning)
    if at is not None:
        family.add_metric([], at.timestamp())
    return family


def _age(at: datetime | None) -> float:
    return max((timezone.now() - at).total_seconds(), 0.0) if at is not None else 0.0
