"""What the doctor finds: each probe against a site that has what it looks for."""

from __future__ import annotations

import json
import os
import shutil
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import pytest
from django.core import checks as django_checks
from django.core import mail
from django.core.cache import caches
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pytest_django import Settings

from accounts.factories import make_api_key, make_user
from accounts.models import Exchange, ExchangeAccount, SignInAttempt
from catalog.models import Mirror
from gateway_site.doctor import (
    books,
    caching,
    configuration,
    database,
    delivering,
    exchange,
    files,
    mailing,
    people,
)
from gateway_site.doctor.findings import Finding
from usage import head_log, triggers
from usage.factories import make_entries, make_entry
from usage.models import (
    BudgetNotice,
    Chain,
    DeliveryHold,
    DeliveryQueue,
    QuarantinedRow,
    ReconciliationRun,
    VerificationRun,
)

Configure = Callable[..., None]
SQLITE = connection.vendor == "sqlite"
sqlite_alone = pytest.mark.skipif(not SQLITE, reason="what SQLite has")
postgres_alone = pytest.mark.skipif(SQLITE, reason="what PostgreSQL has")


def found(probe: Callable[[], Iterable[Finding]], key: str = "") -> Finding:
    """The one finding that the probe yields; with a key, the one of that."""
    findings = [one for one in probe() if not key or one.id.endswith(f".{key}")]
    assert len(findings) == 1, findings
    assert bool(findings[0].advice) == (findings[0].level != "ok")
    return findings[0]


def levels(probe: Callable[[], Iterable[Finding]]) -> dict[str, str]:
    return {one.id: one.level for one in probe()}


# configuration


@pytest.mark.parametrize(
    ("made", "level"),
    [(None, "ok"), (django_checks.Warning, "warning"), (django_checks.Error, "problem")],
)
def test_the_system_checks_are_told(made: Any, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [made("Something is wrong.", hint="Mend it.", id="x.W001")] if made else []
    monkeypatch.setattr(configuration.django_checks, "run_checks", lambda **_: said)
    finding = found(configuration.checks)
    assert (finding.id, finding.level) == ("configuration.checks", level)
    assert not made or (finding.message, finding.advice) == ("Something is wrong. (x.W001)", "Mend it.")


@pytest.mark.parametrize("live", [True, False])
def test_in_live_the_checks_of_a_deployment_are_asked_too(
    live: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LIVE = live
    run = MagicMock(return_value=[])
    monkeypatch.setattr(configuration.django_checks, "run_checks", run)
    list(configuration.checks())
    run.assert_called_once_with(include_deployment_checks=live)


# database


@pytest.mark.django_db
def test_the_database_answers() -> None:
    finding = found(database.reachable)
    assert finding.level == "ok"
    assert finding.message.startswith("SQLite 3." if SQLITE else "PostgreSQL 1")


@pytest.mark.django_db
def test_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(connection, "ensure_connection", fail)
    finding = found(database.reachable)
    assert (finding.id, finding.level) == ("database.reachable", "problem")
    assert "connection refused" in finding.message
    assert "Is the server" not in finding.message


@pytest.mark.django_db
def test_migrations_that_are_missing_are_named() -> None:
    assert found(database.migrations).level == "ok"
    MigrationRecorder.Migration.objects.filter(app="usage", name="0002_ledger").delete()
    finding = found(database.migrations)
    assert finding.level == "problem"
    assert "1 migration is missing: usage.0002_ledger." in finding.message
    assert "migrate" in finding.advice


@pytest.mark.django_db
def test_a_database_as_it_should_be_keeps_what_it_confirmed() -> None:
    if SQLITE:
        assert levels(database.settings_of_it) == {"database.durable": "ok"}


@sqlite_alone
@pytest.mark.parametrize(
    ("pragma", "answer", "key", "level"),
    [("synchronous", 1, "synchronous", "problem"), ("journal_mode", "delete", "journal", "warning")],
)
def test_sqlite_that_may_lose_entries(
    pragma: str, answer: object, key: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"synchronous": 2, "journal_mode": "wal", pragma: answer}
    cursor = MagicMock()
    cursor.__enter__.return_value.execute = lambda sql: MagicMock(
        fetchone=lambda: (values[sql.removeprefix("PRAGMA ")],)
    )
    monkeypatch.setattr(connection, "cursor", lambda: cursor)
    assert levels(database.settings_of_it) == {f"database.{key}": level}


@postgres_alone
@pytest.mark.parametrize(
    ("name", "value", "key", "level"),
    [
        ("fsync", "off", "fsync", "problem"),
        ("full_page_writes", "off", "full_page_writes", "problem"),
        ("synchronous_commit", "off", "synchronous_commit", "problem"),
        ("transaction_read_only", "on", "read_only", "problem"),
        ("autovacuum", "off", "autovacuum", "warning"),
        ("statement_timeout", "0", "timeouts", "warning"),
        ("idle_in_transaction_session_timeout", "0", "timeouts", "warning"),
        ("max_connections", "1", "connections", "warning"),
    ],
)
@pytest.mark.django_db
def test_postgresql_set_otherwise_than_it_should_be(
    name: str, value: str, key: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "transaction_read_only": "off",
        "autovacuum": "on",
        "statement_timeout": "60000",
        "idle_in_transaction_session_timeout": "60000",
        "max_connections": "10000",
    }
    assert set(database._shown(*shown)) == set(shown)  # the server knows each of them
    monkeypatch.setattr(database, "_shown", lambda *_: shown)
    assert set(levels(database.settings_of_it).values()) == {"ok"}
    monkeypatch.setattr(database, "_shown", lambda *_: shown | {name: value})
    assert levels(database.settings_of_it)[f"database.{key}"] == level


@sqlite_alone
@pytest.mark.parametrize(("free", "level"), [(10**11, "ok"), (10**9, "warning"), (10**8, "problem")])
@pytest.mark.django_db
def test_room_on_the_disk(free: int, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: MagicMock(free=free))
    assert found(database.room, "room").level == level


@sqlite_alone
def test_a_write_ahead_log_that_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.sqlite3"
    file.touch()
    with Path(f"{file}-wal").open("wb") as wal:
        wal.truncate(2 * 10**9)
    monkeypatch.setitem(connection.settings_dict, "NAME", str(file))
    assert found(database.room, "wal").level == "warning"


# ledger


@pytest.mark.django_db
def test_triggers_that_are_gone() -> None:
    assert found(books.triggers_in_place).level == "ok"
    with triggers.lifted(connection):
        finding = found(books.triggers_in_place)
    assert finding.level == "problem"
    assert "usage_ledger_no_update" in finding.message


def run(account: ExchangeAccount, status: str, hours_ago: float = 0) -> None:
    at = timezone.now() - timedelta(hours=hours_ago)
    ReconciliationRun.objects.create(account=account, started_at=at, finished_at=at, status=status)


def verification(account: ExchangeAccount, *, hours_ago: float = 0, problems: int = 0) -> None:
    at = timezone.now() - timedelta(hours=hours_ago)
    VerificationRun.objects.create(
        account=account,
        started_at=at,
        finished_at=at,
        ok=not problems,
        entries=1,
        head_seq=1,
        head_hash="0" * 64,
        problem_count=problems,
    )


@pytest.mark.parametrize(
    ("hours", "problems", "level"), [(1, 0, "ok"), (100, 0, "warning"), (1, 3, "problem")]
)
@pytest.mark.django_db
def test_verifications(hours: float, problems: int, level: str, account: ExchangeAccount) -> None:
    assert found(books.verified).message == "Nothing was recorded yet."
    make_entry(account=account)
    verification(account, hours_ago=hours, problems=problems)
    assert found(books.verified).level == level


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], {"ledger.reconciled": "ok"}),
        ([("clean", 1)], {"ledger.reconciled": "ok"}),
        ([("clean", 30)], {"ledger.reconciled": "warning"}),
        ([("clean", 2), ("different", 1)], {"ledger.differences": "problem"}),
        ([("different", 2), ("clean", 1)], {"ledger.reconciled": "ok"}),
    ],
)
@pytest.mark.django_db
def test_reconciliations(
    runs: list[tuple[str, float]], expected: dict[str, str], account: ExchangeAccount
) -> None:
    assert not list(books.reconciled())
    make_entry(account=account)
    for status, hours in runs:
        run(account, status, hours)
    assert levels(books.reconciled) == expected


@pytest.fixture
def heads(tmp_path: Path, settings: Settings) -> Path:
    settings.HEAD_LOG = str(tmp_path / "heads.jsonl")
    return tmp_path / "heads.jsonl"


@pytest.mark.django_db
def test_no_head_log(settings: Settings) -> None:
    settings.HEAD_LOG = ""
    assert found(books.head_log_agrees).level == "warning"


@pytest.mark.django_db
def test_a_head_log_that_agrees(heads: Path, account: ExchangeAccount) -> None:
    assert found(books.head_log_agrees).level == "ok"  # not begun yet
    assert not heads.exists()
    make_entry(account=account)
    head_log.append_heads(account.exchange, at_once=True)
    assert found(books.head_log_agrees).level == "ok"


@pytest.mark.django_db
def test_a_head_log_that_is_behind(heads: Path, account: ExchangeAccount) -> None:
    make_entry(account=account)
    Chain.objects.update(recorded_at=timezone.now() - timedelta(hours=1))
    assert found(books.head_log_agrees).level == "warning"


@pytest.mark.django_db
def test_a_head_log_that_knows_more_than_the_database(heads: Path, account: ExchangeAccount) -> None:
    make_entries(account, 2)
    head_log.append_heads(account.exchange, at_once=True)
    Chain.objects.update(seq=1, hash="0" * 64)
    finding = found(books.head_log_agrees)
    assert finding.level == "problem"
    assert "--after-restore" in finding.advice


@pytest.mark.django_db
def test_a_head_log_that_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    settings.HEAD_LOG = str(tmp_path)  # a folder: so for root, too
    finding = found(books.head_log_agrees)
    assert (finding.level, "cannot be written" in finding.message) == ("problem", True)


# delivery


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


# Exchange


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


# mail


@pytest.fixture
def smtp(settings: Settings) -> Settings:
    settings.EMAIL_BACKEND = "gateway_site.metrics.mails.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "mail.example.com", 587
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "gateway", "secret"
    settings.EMAIL_USE_TLS = True
    return settings


def test_without_a_mail_server() -> None:
    assert found(mailing.server).level == "ok"


@pytest.mark.parametrize(
    ("error", "tls", "level", "said"),
    [
        (None, True, "ok", "lets us in, over TLS"),
        (None, False, "warning", "can be read on the way"),
        (smtplib.SMTPAuthenticationError(535, b"no"), True, "problem", "refuses our user name"),
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), True, "problem", "closed"),
        (ConnectionRefusedError("refused"), True, "problem", "refused"),
    ],
)
def test_the_mail_server(
    error: Exception | None,
    tls: bool,
    level: str,
    said: str,
    smtp: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    smtp.EMAIL_USE_TLS = tls
    server = MagicMock()
    server.login.side_effect = error
    monkeypatch.setattr(smtplib, "SMTP", MagicMock(return_value=server))
    finding = found(mailing.server)
    assert finding.level == level
    assert said in finding.message
    assert "secret" not in finding.message
    assert server.starttls.called == tls
    assert not server.sendmail.called


@pytest.mark.django_db
def test_mails_that_failed(account: ExchangeAccount) -> None:
    assert not list(mailing.mails_that_failed())
    for days in (0, 3):
        SignInAttempt.objects.create(
            at=timezone.now() - timedelta(days=days),
            email="a@example.com",
            network="x",
            outcome="mail_failed",
        )
    BudgetNotice.objects.create(
        key=make_api_key(user=account.user),
        kind="warn",
        unit="tokens",
        period="day",
        threshold=1,
        limit=1,
        spent=1,
        noted_at=timezone.now(),
        attempts=20,
    )
    assert levels(mailing.mails_that_failed) == {"mail.sign_in": "warning", "mail.budgets": "warning"}
    assert found(mailing.mails_that_failed, "sign_in").message.startswith("1 sign-in mail ")


def test_a_test_mail() -> None:
    assert found(mailing.test_mail("ops@example.com")).level == "ok"
    assert [message.to for message in mail.outbox] == [["ops@example.com"]]


def test_a_test_mail_that_is_not_taken(smtp: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtplib, "SMTP", MagicMock(side_effect=TimeoutError("timed out")))
    assert found(mailing.test_mail("ops@example.com")).level == "problem"


# cache, files, clock, people


def test_the_cache_keeps_what_it_is_given() -> None:
    assert found(caching.keeps).level == "ok"


def test_a_cache_that_keeps_nothing(settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert found(caching.keeps).level == "problem"


def test_a_redis_that_is_away(settings: Settings) -> None:
    """The site goes on without; the doctor tells it all the same."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        location = f"redis://127.0.0.1:{free.getsockname()[1]}"
        settings.CACHES = {"default": {"BACKEND": "gateway_site.cache.RedisCache", "LOCATION": location}}
        finding = found(caching.keeps)
    assert finding.level == "problem"
    assert "does not answer" in finding.message


def test_a_cache_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches["default"], "set", MagicMock(side_effect=OSError("disk is full")))
    finding = found(caching.keeps)
    assert (finding.level, "disk is full" in finding.message) == ("problem", True)


@pytest.mark.parametrize(
    ("paths", "level"), [(None, "problem"), (["css/a.css"], "problem"), (["css/a.css", "js/b.js"], "ok")]
)
def test_static_files(paths: list[str] | None, level: str, settings: Settings, tmp_path: Path) -> None:
    for name in ("css/a.css", "js/b.js"):
        (tmp_path / "static" / name).parent.mkdir(parents=True)
        (tmp_path / "static" / name).touch()
    (tmp_path / "root").mkdir()
    if paths is not None:
        manifest = json.dumps({"paths": dict.fromkeys(paths, "x")})
        (tmp_path / "root" / "staticfiles.json").write_text(manifest)
    settings.STATICFILES_DIRS, settings.STATIC_ROOT = [tmp_path / "static"], tmp_path / "root"
    settings.DEBUG = False
    assert found(files.static_files).level == level


def test_logs_that_everybody_can_read(settings: Settings, tmp_path: Path) -> None:
    settings.HEAD_LOG, settings.LOG_FILE = str(tmp_path / "heads"), str(tmp_path / "log")
    assert not list(files.private())
    for file in (settings.HEAD_LOG, settings.LOG_FILE):
        os.close(os.open(file, os.O_CREAT, 0o600))
    assert not list(files.private())
    Path(settings.HEAD_LOG).chmod(0o644)
    finding = found(files.private)
    assert finding.level == "warning"
    assert "head log" in finding.message


def test_a_log_that_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    assert not list(files.log_file())
    settings.LOG_FILE = str(tmp_path / "log")
    assert found(files.log_file).level == "ok"
    settings.LOG_FILE = str(tmp_path / "no" / "such" / "folder")
    assert found(files.log_file).level == "problem"


@pytest.mark.django_db
def test_a_clock_that_went_back(account: ExchangeAccount) -> None:
    make_entry(account=account)
    assert found(files.clock).level == "ok"
    Chain.objects.update(recorded_at=timezone.now() + timedelta(minutes=5))
    assert (found(files.clock).id, found(files.clock).level) == ("clock.ledger", "problem")


@pytest.mark.django_db
def test_a_database_whose_clock_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    if not SQLITE:
        assert abs(files._time_of_the_database() - timezone.now()) < timedelta(minutes=1)
    monkeypatch.setattr(files, "_time_of_the_database", lambda: timezone.now() - timedelta(minutes=5))
    assert (found(files.clock).id, found(files.clock).level) == ("clock.database", "warning")


@pytest.mark.django_db
def test_an_operator() -> None:
    make_user(staff=True, active=False)
    assert found(people.operators).level == "warning"
    make_user(staff=True)
    assert found(people.operators).level == "ok"


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
