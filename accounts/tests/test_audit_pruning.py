from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts import audit
from accounts.auditing import pruning
from accounts.models import AuditEvent
from accounts.tests.audited import noted, only

pytestmark = pytest.mark.django_db


def make_event(days_ago: int) -> AuditEvent:
    at = timezone.now() - timedelta(days=days_ago)
    return AuditEvent.objects.create(at=at, action="key.made", outcome="done", source="page")


def prune(*words: str) -> str:
    out = StringIO()
    call_command("prune_audit", *words, stdout=out)
    return out.getvalue()


def test_it_removes_what_is_older_and_notes_that_it_did() -> None:
    for days_ago in (500, 401, 399, 0):
        make_event(days_ago)
    assert prune("--older-than", "400d") == "2 events removed from the audit trail.\n"
    assert len(noted("key.made")) == 2
    note = only("audit.pruned")
    assert (note.source, note.agent) == ("command", "manage.py prune_audit")
    assert note.pruned_before is not None
    assert note.facts["before"] == note.pruned_before.isoformat()


def test_its_document() -> None:
    make_event(500)
    assert json.loads(prune("--older-than", "400d", "--json")) == {"removed": 1}


@pytest.mark.parametrize("age", ["89d", "0d"])
def test_what_is_young_stays(age: str) -> None:
    make_event(89)
    with pytest.raises(CommandError, match="stays") as failed:
        prune("--older-than", age)
    assert failed.value.returncode == 2
    assert noted("audit.pruned") == []


@pytest.mark.parametrize("age", ["400", "d", "-1d", "4e2d", "٤٠٠d", "99999999d"])
def test_an_age_is_a_number_of_days(age: str) -> None:
    with pytest.raises(CommandError):
        prune(f"--older-than={age}")


def test_by_many_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)
    for _ in range(5):
        make_event(500)
    assert prune("--older-than", "400d").startswith("5 events")


def test_a_note_of_pruning_is_never_removed() -> None:
    now = timezone.now()
    old = AuditEvent.objects.create(
        at=now - timedelta(days=900),
        action="audit.pruned",
        outcome="done",
        source="command",
        pruned_before=now - timedelta(days=1300),
    )
    assert prune("--older-than", "400d").startswith("0 events")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        old.delete()
    assert len(noted("audit.pruned")) == 2


def test_nothing_goes_that_no_note_covers() -> None:
    make_event(399)
    prune("--older-than", "400d")
    audit.note("site.bootstrapped")
    for action in ("key.made", "site.bootstrapped"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            AuditEvent.objects.filter(action=action).delete()
