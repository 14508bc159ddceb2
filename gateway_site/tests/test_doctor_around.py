"""What the doctor finds of mail, cache, files, clock and people."""

from __future__ import annotations

import json
import os
import smtplib
import socket
from datetime import timedelta
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from django.core import mail
from django.core.cache import caches
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.factories import make_api_key, make_user
from accounts.models import ExchangeAccount, SignInAttempt
from gateway_site.doctor import (
    caching,
    files,
    mailing,
    people,
)
from gateway_site.tests.examined import found, levels
from usage.factories import make_entry
from usage.models import (
    BudgetNotice,
    Chain,
)

SQLITE = connection.vendor == "sqlite"


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
