"""Which version of its account an open page shows: pages ask for what is new, every few seconds.

They ask, and are not told by server-sent events: an open stream would hold one of a process's few threads for
as long as the page is open, while an answer that nothing is new takes a few milliseconds.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, Max, OuterRef, QuerySet, Subquery

from accounts.exchanges import status_of
from accounts.models import ApiKey, ExchangeAccount
from catalog.models import Service
from usage import reconciliation
from usage.models import Delivery, DeliveryTally, ReconciliationRun, VerificationRun
from usage.queue import ALIVE

State = Delivery.State
UNSETTLED = (State.PENDING, State.SENDING)


def version_of_shell(account: ExchangeAccount) -> str:
    """Of what every page shows: registration, the Exchange, a difference. One query."""
    return _digest(*_shell(account))


def version_of(account: ExchangeAccount, now: datetime) -> str:
    """Of all that the dashboard shows. Three queries, however long the book.

    Figures move on by themselves at the full hour; what waits is late after some minutes.
    """
    facts = _facts(account, now)
    tallies = DeliveryTally.objects.filter(account=account, entries__gt=0)
    counts = sorted(tallies.values_list("state", "direction", "entries"))
    seen = facts.pop("seen")
    facts["alive"] = seen is not None and now - seen < ALIVE
    checked = status_of(account.exchange).checked_at
    waits = any(state in UNSETTLED for state, _direction, _entries in counts)
    moment = now.replace(minute=now.minute if waits else 0, second=0, microsecond=0)
    asked = checked and checked.replace(second=0, microsecond=0)
    mine = (account.roles, account.provider_id, account.free_granted, account.free_used)
    return _digest(*_shell(account), *mine, sorted(facts.items()), counts, moment, asked)


def _shell(account: ExchangeAccount) -> tuple[Any, ...]:
    difference = reconciliation.open_difference(account)
    return account.is_registered, status_of(account.exchange).state, difference and difference.pk


def _facts(account: ExchangeAccount, now: datetime) -> dict[str, Any]:
    """One row, its parts each found by an index."""
    runs = _newest(ReconciliationRun.objects.filter(account=OuterRef("pk")))
    checks = _newest(VerificationRun.objects.filter(account=OuterRef("pk")))
    keys = ApiKey.objects.filter(user=OuterRef("user"), revoked_at=None).exclude(expires_at__lte=now)
    own = Service.objects.filter(
        exchange=OuterRef("exchange"), provider__remote_id=OuterRef("provider_id"), delisted_at=None
    )
    rows = ExchangeAccount.objects.filter(pk=account.pk)
    facts = rows.values(
        head=F("chain__hash"),
        fetched=F("snapshot__fetched_at"),
        seen=F("exchange__delivery_queue__worker_seen_at"),
        catalogue=F("exchange__mirror__refreshed_at"),
        published_here=F("exchange__mirror__edition"),
        run=Subquery(runs.values("pk")),
        acknowledged=Subquery(runs.values("acknowledged_at")),
        checked=Subquery(checks.values("pk")),
        keys=Subquery(keys.order_by().values("user").annotate(last=Max("pk")).values("last")),
        picked=Exists(keys.filter(default_service_id__isnull=False)),
        published=Exists(own),
    )
    return dict(facts.get())


def _newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.order_by("-started_at", "-pk")[:1]


def _digest(*facts: Any) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
