"""What is done to the books, on page, API and command, as the audit trail tells of it; recording is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from accounts.models import ExchangeAccount, User
from accounts.models.audit import Action
from accounts.tests.api import program
from accounts.tests.audited import noted, only, told
from catalog.tests.wire import REFUSED, Wire, offer
from usage import ledger, reconciliation
from usage.delivering.settling import settle_by_statement
from usage.factories import make_entry
from usage.litellm import quarantine
from usage.models import DeliveryQueue, EvidenceExport, QuarantinedRow, ReconciliationRun
from usage.tests.litellm import make_row, taken
from usage.tests.their_books import TheirBooks

pytestmark = pytest.mark.django_db
MEMO = "a memo that is nobody else's business"


def printed(*words: str, **options: Any) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


# recording is in the ledger, and not noted again


def test_recording_is_no_event(account: ExchangeAccount, signed_in: Client) -> None:
    caller = program(account.user)
    before = len(noted())
    told = {"service_id": 1, "prompt_tokens": 1, "completion_tokens": 2, "direction": "consume"}
    caller.post("/usage", told)
    signed_in.post("/usage/record/", {**told, "memo": "", "cached_tokens": "", "reasoning_tokens": ""})
    assert len(noted()) == before


# entries


@pytest.mark.django_db(transaction=True)
def test_a_reversal_on_the_page(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    form = {"reason": MEMO, "seen": "pending", "sure": "on"}
    answer = signed_in.post("/usage/logs/1/reverse/", form)
    assert answer.status_code == 302, answer.content.decode()
    event = only("entry.reversed")
    assert (event.source, event.actor, event.account) == ("page", account.user, account)
    assert (event.subject, event.facts) == ("entry 1", {"reversal": 2, "counted_there": False})
    assert MEMO not in f"{event.detail}{event.subject_name}"


@pytest.mark.django_db(transaction=True)
def test_a_reversal_that_is_refused_is_no_event(account: ExchangeAccount) -> None:
    make_entry(account=account, state="uncertain")
    with pytest.raises(ledger.NotReversible):
        ledger.reverse(account, 1, reason="x", source="command")
    assert noted() == []


@pytest.mark.parametrize(("answer", "counted"), [("yes", True), ("no", False)])
def test_settling_by_hand(answer: str, counted: bool, signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, state="uncertain")
    signed_in.post("/usage/logs/1/settle/", {"counted": answer})
    event = only("delivery.settled")
    assert (event.source, event.actor, event.subject) == ("page", account.user, "entry 1")
    assert event.facts == {"counted": counted}
    signed_in.post("/usage/logs/1/settle/", {"counted": answer})
    assert len(noted("delivery.settled")) == 1, "there was nothing to settle"


def test_settling_by_the_statement_is_nobodys_doing(account: ExchangeAccount, theirs: TheirBooks) -> None:
    entry = make_entry(account=account, state="uncertain")
    settle_by_statement(entry.delivery, None)
    assert noted() == []


# reconciliation


def test_acknowledging_a_difference(signed_in: Client, account: ExchangeAccount, theirs: TheirBooks) -> None:
    make_entry(account=account, state="delivered")
    run = reconciliation.reconcile(account)
    assert run.status == ReconciliationRun.Status.DIFFERENT
    page = f"/usage/reconciliation/{run.pk}/acknowledge/"
    signed_in.post(page, {"note": ""})
    assert noted("difference.acknowledged") == []
    for _ in range(2):
        signed_in.post(page, {"note": MEMO})
    event = only("difference.acknowledged")
    assert (event.actor, event.account, event.subject_id) == (account.user, account, str(run.pk))
    assert MEMO not in event.detail


# the quarantine


def test_discarding(signed_in: Client, account: ExchangeAccount) -> None:
    taken(account, make_row())
    row = QuarantinedRow.objects.get()
    for _ in range(2):
        signed_in.post("/usage/quarantine/discard/", {"row": row.pk})
    event = only("quarantine.discarded")
    assert (event.source, event.account, event.facts) == ("page", account, {"rows": 1})


def test_recording_what_waited(account: ExchangeAccount) -> None:
    taken(account, make_row())
    done = quarantine.replay(account, quarantine.waiting_of(account), 7)
    event = only("quarantine.recorded")
    assert event.facts == {"rows": 1, "recorded": done.recorded, "service": 7}
    quarantine.replay(account, QuarantinedRow.objects.none(), 7)
    assert len(noted("quarantine.recorded")) == 1


# what is taken along


def test_evidence_exported_on_the_page(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    make_entry(account=account)
    signed_in.post("/usage/evidence/", {"since": "", "until": ""})
    event = only("evidence.exported")
    assert (event.source, event.actor) == ("page", account.user)
    assert event.subject_id == EvidenceExport.objects.get().digest[:12]
    assert event.facts == {"entries": 1}


def test_evidence_exported_by_the_command(acting: ExchangeAccount, tmp_path: Path) -> None:
    make_entry(account=acting)
    printed("export_evidence", output=tmp_path / "pack.zip", offline=True)
    event = only("evidence.exported")
    assert (event.source, event.actor, event.account) == ("command", acting.user, acting)
    assert event.agent == "manage.py export_evidence"


def test_logs_exported(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, memo="batch night")
    b"".join(signed_in.get("/usage/logs/export/", {"format": "jsonl", "q": "night"}).streaming_content)
    event = only("logs.exported")
    assert (event.source, event.account) == ("page", account)
    assert event.facts == {"format": "jsonl", "filtered_by": ["q"]}
    signed_in.head("/usage/logs/export/")
    signed_in.get("/usage/logs/export/", {"format": "exe"})
    assert len(noted("logs.exported")) == 1, "nothing was taken along by these"


# commands


def test_a_restored_backup(acting: ExchangeAccount) -> None:
    make_entry(account=acting)
    printed("sync_usage", after_restore=True)
    event = only("books.restored")
    assert (event.source, event.agent) == ("command", "manage.py sync_usage")
    assert event.facts["uncertain"] == 1
    assert DeliveryQueue.objects.get().restored_at is not None


def test_derived_figures_made_again(acting: ExchangeAccount) -> None:
    make_entry(account=acting)
    printed("verify_ledger", offline=True, rebuild_rollups=True)
    event = only("books.rebuilt")
    assert (event.source, event.account, event.actor) == ("command", acting, acting.user)
    assert event.facts["wrong"] == []


def test_bootstrap(wire: Wire, configure: Callable[..., None]) -> None:
    configure(
        email="ops@example.com",
        admin_email="boss@example.com",
        enable_provider=True,
        publish_name="acme",
        model_family="llama",
    )
    provider = {"id": 3, "user_id": 7, "display_name": "Ops", "description": ""}
    user = {"id": 7, "email": "ops@example.com", "roles": ["consumer", "provider"]}
    wire.answers("POST", "/users", {"user": user, "provider": provider})
    wire.answers("POST", "/services", {"service": offer(name="acme", provider_id=3)}, status=201)
    wire.answers(
        "GET",
        "/usage/summary",
        {"summary": {"user_id": 7, "consumed_tokens": 0, "supplied_tokens": 0, "net_tokens": 0}},
    )
    for _ in range(2):
        printed("bootstrap")
    actions = [event.action for event in noted()]
    assert actions == [
        "person.added",
        "person.operator_given",
        "person.added",
        "account.registered",
        "account.provider",
        "service.published",
        "site.bootstrapped",
        "service.updated",
        "site.bootstrapped",
    ]
    assert {event.source for event in noted()} == {"command"}
    assert User.objects.get(email="boss@example.com").is_staff
    assert told(only("account.provider"))["email"] == "ops@example.com"


def test_publishing_by_the_api_names_the_key_and_the_rules(wire: Wire, provider: ExchangeAccount) -> None:
    caller = program(provider.user)
    wire.answers("POST", "/services", REFUSED, status=400)
    caller.post("/services", {"name": "acme", "model_family": "llama", "price_per_1k_tokens": 5})
    event = only("service.published")
    assert (event.source, event.api_key, event.account) == ("api", caller.key, provider)
    assert (event.outcome, event.rules) == ("refused", ["PRICE_CEILING", "FORBIDDEN_WORD"])


# the list itself


def test_every_action_of_the_list_is_noted_somewhere() -> None:
    rooms = [settings.BASE_DIR / name for name in ("accounts", "catalog", "usage", "gateway_site")]
    files = [path for room in rooms for path in room.rglob("*.py")]
    ours = [
        path for path in files if not {"tests", "migrations"} & set(path.parts) and path.name != "audit.py"
    ]
    ours += [settings.BASE_DIR / "accounts" / "operating" / "audit.py"]
    text = "\n".join(path.read_text() for path in ours)
    missing = [
        action.value
        for action in Action
        if f'"{action.value}"' not in text and f"Action.{action.name}" not in text
    ]
    assert missing == []
    # and nothing is noted under a name that is not in it
    named = set(re.findall(r'\bnote(?:_once)?\(\s*"([a-z_.]+)"', text))
    assert named <= set(Action.values)
