"""manage.py doctor: the whole visit, what it prints, how it ends."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Iterator

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext

from accounts.models import Exchange, ExchangeAccount
from gateway_site.doctor import examining
from gateway_site.doctor.examining import Visit, visited
from gateway_site.doctor.findings import Finding, Subject, long, many
from gateway_site.doctor.telling import told

MAIL = Subject("Mail")


def doctor(*words: str) -> tuple[int, str]:
    stream = io.StringIO()
    try:
        call_command("doctor", *words, stdout=stream)
    except SystemExit as ended:
        return int(str(ended.code)), stream.getvalue()
    return 0, stream.getvalue()


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Finding]]:
    """What the doctor finds, in place of what it would."""
    findings: list[Finding] = []
    visit = Visit(MAIL, lambda: findings, needs_database=False)
    monkeypatch.setattr(examining, "VISITS", (visit,))
    return findings


@pytest.mark.django_db
def test_the_whole_visit_is_one_document(account: ExchangeAccount) -> None:
    code, text = doctor("--json")
    document = json.loads(text)
    assert (code, document["ok"]) == (1, False)  # no worker runs, and no Exchange
    for finding in document["findings"]:
        assert set(finding) == {"id", "level", "subject", "message", "advice"}
        assert finding["level"] in ("ok", "warning", "problem")
    assert not [one for one in document["findings"] if one["id"].endswith(("_failed", "_late"))]
    by_id = {one["id"]: one["level"] for one in document["findings"]}
    assert by_id["delivery.worker"] == by_id["exchange.reachable"] == "problem"
    assert by_id["database.reachable"] == by_id["ledger.triggers"] == "ok"


@pytest.mark.django_db
def test_nothing_is_changed() -> None:
    with CaptureQueriesContext(connection) as queries:
        doctor("--json")
    verbs = {query["sql"].split()[0].upper() for query in queries}
    assert verbs <= {"SELECT", "PRAGMA", "SHOW"}
    assert not Exchange.objects.exists()


def test_a_healthy_site_ends_well(finds: list[Finding]) -> None:
    finds.append(MAIL.ok("server", "It lets us in."))
    assert doctor() == (0, "All is well: 1 thing is in order.\n")
    assert "It lets us in." in doctor("--verbosity", "2")[1]
    assert json.loads(doctor("--json")[1])["ok"] is True


def test_a_warning_is_no_problem(finds: list[Finding]) -> None:
    finds.append(MAIL.warning("server", "It is slow.", "Wait."))
    code, text = doctor()
    assert code == 0
    assert text.splitlines() == [
        "1 warning; 0 things are in order.",
        "",
        "What should not stay so",
        "  Mail  It is slow.",
        "        → Wait.",
    ]


def test_the_worst_comes_first_and_lines_are_not_too_long(finds: list[Finding]) -> None:
    finds += [
        MAIL.ok("a", "Fine."),
        MAIL.warning("b", "It is slow.", "Wait."),
        Subject("Database").problem("c", "word " * 60, "act " * 60),
        Subject("Database").problem("d", "Also this.", "And that."),
    ]
    code, text = doctor()
    assert code == 1
    assert text.startswith("2 problems and 1 warning; 1 thing is in order.\n")
    assert text.index("What does not work") < text.index("What should not stay so")
    assert "Fine." not in text
    assert text.count("Database") == 1
    assert max(len(line) for line in text.splitlines()) <= 120
    assert told(finds, all_of_it=True).endswith("Mail      Fine.")


def test_nothing_from_outside_steers_the_terminal(finds: list[Finding]) -> None:
    finds.append(MAIL.problem("x", "they said \x1b[2Jand\nmore \u202e", "a\x00b"))
    assert (finds[0].message, finds[0].advice) == ("they said [2Jand more", "a b")


@pytest.mark.django_db
def test_without_a_database_the_rest_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(connection, "ensure_connection", fail)
    monkeypatch.setattr(connection, "cursor", fail)
    found = {one.id: one.level for one in examining.examine()}
    assert found["database.reachable"] == "problem"
    assert found["database.not_looked"] == "warning"
    assert "exchange.reachable" in found
    assert not [name for name in found if name.endswith("_failed")]
    assert not [name for name in found if name.startswith(("ledger", "delivery"))]


@pytest.mark.django_db
def test_where_migrations_are_missing_nothing_is_read_that_is_not_there() -> None:
    MigrationRecorder.Migration.objects.filter(app="usage").delete()
    found = {one.id for one in examining.examine()}
    assert {"database.migrations", "database.not_looked"} <= found
    assert not [name for name in found if name.startswith("ledger")]


def test_a_probe_that_fails_fails_alone() -> None:
    def breaks() -> Iterator[Finding]:
        yield MAIL.ok("before", "Fine.")
        raise RuntimeError("secret\x1b[2J\nsecond line")

    findings = visited(Visit(MAIL, breaks), 5)
    assert [one.id for one in findings] == ["mail.before", "mail.breaks_failed"]
    assert findings[1].message == "This could not be looked at: RuntimeError: secret [2J"


def test_a_probe_that_hangs_is_cut_off() -> None:
    def hangs() -> Iterator[Finding]:
        with contextlib.suppress(Exception):  # as a library might
            time.sleep(30)
        yield MAIL.ok("x", "never")

    began = time.monotonic()
    findings = visited(Visit(MAIL, hangs), 0.2)
    assert [one.id for one in findings] == ["mail.hangs_late"]
    assert time.monotonic() - began < 5


@pytest.mark.django_db(transaction=True)
def test_after_a_question_that_was_cut_off_the_next_is_asked_on_a_connection_of_its_own() -> None:
    def hangs() -> Iterator[Finding]:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_sleep(30)")
            time.sleep(30)
        yield MAIL.ok("x", "never")

    def asks() -> Iterator[Finding]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        yield MAIL.ok("asked", "Fine.")

    assert [one.id for one in visited(Visit(MAIL, hangs), 0.3)] == ["mail.hangs_late"]
    assert [one.id for one in visited(Visit(MAIL, asks), 5)] == ["mail.asked"]


def test_a_test_mail_is_sent_on_demand(finds: list[Finding]) -> None:
    code, text = doctor("--send-test-mail", "Ops@Example.com", "--verbosity", "2")
    assert code == 0
    assert [message.to for message in mail.outbox] == [["ops@example.com"]]
    assert "look whether it arrives" in text


@pytest.mark.parametrize("address", ["", "ops", "a@b@c", "ops@example.com\nBcc: all@example.com"])
def test_what_is_no_address_is_wrong_usage(address: str, finds: list[Finding]) -> None:
    with pytest.raises(CommandError):
        doctor("--send-test-mail", address)
    assert not mail.outbox


def test_spans_and_counts_read_well() -> None:
    from datetime import timedelta

    assert [long(timedelta(seconds=n)) for n in (-5, 1, 59, 119, 120, 7200, 200000)] == [
        "0 seconds",
        "1 second",
        "59 seconds",
        "119 seconds",
        "2 minutes",
        "2 hours",
        "2 days",
    ]
    assert (many(1, "entry", "entries"), many(1200, "entry", "entries")) == ("1 entry", "1,200 entries")
