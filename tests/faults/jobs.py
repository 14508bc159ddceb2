"""What the processes of these tests do; each function is one process's whole life, run by ``foreman.py``.

What a job has to tell it prints: a recorder a line as it begins and as it is answered, an audit a document.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts import exchanges
from accounts.api_keys import create_key
from accounts.commands import acting_account, acting_user
from accounts.keys.budgets import Budget
from accounts.keys.settings import KeySettings
from accounts.models import ExchangeAccount
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.registration import account_of, ensure_registered
from catalog.models import Mirror
from tests.faults import audit as audits
from usage import delivery, ledger
from usage.ledger import Draft
from usage.models import (
    BudgetNotice,
    Delivery,
    DeliveryHold,
    DeliveryQueue,
    ReconciliationRun,
    Turn,
    VerificationRun,
)
from usage.queue import queue_status
from usage.recording import record_usage


def join() -> None:
    """Register as consumer and provider, publish a service, fetch the catalogue; prints both numbers."""
    account = ensure_registered(acting_user(), provider=True, display_name="Ada Inference")
    service = exchanges.gateway_for(account).publish_service("ada-llama", "llama-3.1-70b", Decimal("0.0007"))
    call_command("sync_catalog", verbosity=0, json=True, stdout=_Silent())
    print(json.dumps({"user_id": account.exchange_user_id, "service_id": service.id}))


def make_key() -> None:
    """Give the person an API key; prints its secret."""
    print(json.dumps({"secret": create_key(acting_user(), KeySettings(label="Agent")).secret_text}))


def overspend(*, service_id: int) -> None:
    """Record beyond both limits of a key's budget: two mails wait after that."""
    budget = Budget(unit=BudgetUnit.TOKENS, period=BudgetPeriod.DAY, limit=20, soft_limit=10)
    key = create_key(acting_user(), KeySettings(label="Agent", budget=budget)).key
    for _ in range(2):
        draft = replace(
            draft_of(uuid4(), service_id), direction="consume", prompt_tokens=15, completion_tokens=0
        )
        print(f"try {draft.entry_id}", flush=True)
        entry = ledger.record_one(_account(), draft, source="api", api_key=key).entry
        assert entry
        print(f"recorded {entry.entry_id} {entry.seq} {entry.hash}", flush=True)


def record(
    *,
    service_id: int,
    batch: int = 1,
    batches: int | None = None,
    entry_ids: Sequence[str] | None = None,
    variant: str = "",
    at: float | None = None,
    pause: float = 0,
) -> None:
    """Record batch after batch, for ever or so many.

    Prints ``begun``, then ``try ID`` before each entry is recorded and ``STATUS ID SEQ HASH`` after it was.

    ``entry_ids`` are recorded instead of new ones, ``batch`` at a time. ``at`` is the time to begin,
    ``pause`` the seconds between two batches.
    """
    account = _account()
    given = None if entry_ids is None else [UUID(one) for one in entry_ids]
    print("begun", flush=True)
    _wait_until(at)
    done = 0
    while batches is None or done < batches:
        chosen = (
            [uuid4() for _ in range(batch)] if given is None else given[done * batch : (done + 1) * batch]
        )
        if not chosen:
            return
        print("".join(f"try {entry_id}\n" for entry_id in chosen), end="", flush=True)
        drafts = [draft_of(entry_id, service_id, variant) for entry_id in chosen]
        results = ledger.record(account, drafts, source="api")
        lines = [
            f"{one.status} {one.entry_id} {one.entry.seq} {one.entry.hash}\n" for one in results if one.entry
        ]
        print("".join(lines), end="", flush=True)
        done += 1
        time.sleep(pause)


def record_and_report(*, service_id: int) -> None:
    """Record one after the other as the page and ``record_usage`` do, which report each at once; for ever."""
    account = _account()
    print("begun", flush=True)
    while True:
        entry_id = uuid4()
        print(f"try {entry_id}", flush=True)
        done = record_usage(account, draft_of(entry_id, service_id), source="command", deadline=4.0)
        print(f"recorded {entry_id} {done.seq} {done.hash}", flush=True)


def draft_of(entry_id: UUID, service_id: int, variant: str = "") -> Draft:
    """What is recorded under an id: always the same, so that it can be told again; ``variant`` differs."""
    number = entry_id.int
    return Draft(
        entry_id=entry_id,
        service_id=service_id,
        prompt_tokens=number % 1000 + 1,
        completion_tokens=(number >> 20) % 500,
        direction="supply" if number >> 40 & 1 else "consume",
        memo=f"{entry_id}{variant}",
    )


def work() -> None:
    """The delivery worker, as ``manage.py sync_usage --watch``."""
    connection.ensure_connection()
    print("begun", flush=True)
    call_command("sync_usage", watch=True)


def watch_catalogue(*, interval: int) -> None:
    """A process that keeps the catalogue fresh, as ``manage.py sync_catalog --watch``."""
    connection.ensure_connection()
    print("begun", flush=True)
    call_command("sync_catalog", watch=True, interval=interval)


def chores() -> None:
    """Prints how often the account was reconciled, verified and mailed about budgets; what goes on."""
    account = _account()
    now = timezone.now()
    told = {
        "reconciled": ReconciliationRun.objects.filter(account=account).count(),
        "verified": VerificationRun.objects.filter(account=account).count(),
        "sent": BudgetNotice.objects.filter(key__user=account.user, sent_at__isnull=False).count(),
        "mails": sum(f"To: {account.user.email}" in path.read_text() for path in _mails()),
        "turns": list(Turn.objects.filter(until__gt=now).values_list("name", flat=True)),
        "refreshing": Mirror.objects.filter(exchange=account.exchange, leased_until__gt=now).exists(),
    }
    print(json.dumps(told))


def _mails() -> list[Path]:
    folder = Path(settings.EMAIL_FILE_PATH)
    return list(folder.iterdir()) if folder.exists() else []


def let_turns_run_out() -> None:
    """Be as much later as a dead process's turns last; of one that lives, its thread would have kept them."""
    past = timezone.now() - timedelta(seconds=1)
    Turn.objects.filter(until__gt=past).update(until=past)
    Mirror.objects.filter(leased_until__gt=past).update(leased_until=past)


def deliver_all(*, rounds: int = 200) -> None:
    """Deliver until nothing waits, without waiting for the clock; prints what is left."""
    account = _account()
    for _ in range(rounds):
        skip_waiting()
        with suppress(CommandError):  # the Exchange is in trouble: the next round is later
            call_command("sync_usage", stdout=_Silent())
        waiting = Delivery.objects.filter(
            exchange=account.exchange, state__in=(Delivery.State.PENDING, Delivery.State.SENDING)
        )
        if not waiting.exists():
            break
    left = Delivery.objects.filter(exchange=account.exchange).values_list("state", flat=True)
    print(json.dumps({state: sum(one == state for one in left) for state in Delivery.State.values}))


def skip_waiting() -> None:
    """Be later: every pause is over and every lease has run out. Only while no worker runs."""
    past = timezone.now() - timedelta(seconds=1)
    Delivery.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=None)
    Delivery.objects.filter(leased_until__gt=past).update(leased_until=past)
    DeliveryQueue.objects.update(paused_until=None)
    DeliveryHold.objects.update(until=past)
    exchanges._client_for.cache_clear()  # with its circuit breaker


def after_restore() -> None:
    """What an operator runs after a backup was restored."""
    call_command("sync_usage", after_restore=True, stdout=_Silent())


def settle(*, counted: Sequence[str]) -> None:
    """A person settles every uncertain entry: those with these ids were counted, the others were not."""
    account = _account()
    uncertain = Delivery.objects.filter(account=account, state=Delivery.State.UNCERTAIN)
    for seq, entry_id in uncertain.annotate(told=F("entry__entry_id")).values_list("seq", "told"):
        delivery.settle_by_person(account, seq, counted=str(entry_id) in counted)


def queue() -> None:
    """Prints how delivery to the Exchange stands, as pages and ``/readyz`` show it."""
    status = queue_status(_account().exchange)
    print(json.dumps({"pending": status.pending, "sending": status.sending, "uncertain": status.uncertain}))


def audit() -> None:
    """Prints every entry, and everything that is wrong with the books."""
    print(json.dumps(audits.report(_account())))


def verify() -> None:
    """Prints what ``manage.py verify_ledger`` says, the Exchange's statement in hand."""
    call_command("verify_ledger", json=True, stdout=sys.stdout, stderr=sys.stderr)


def _account() -> ExchangeAccount:
    account = account_of(acting_user())
    return account if account.is_registered else acting_account()


def _wait_until(at: float | None) -> None:
    if at is not None:
        time.sleep(max(at - time.time(), 0))


class _Silent:
    """Takes what a command prints beside the job's own lines."""

    def write(self, *_: Any) -> int:
        return 0

    def flush(self) -> None:
        return
