"""Is the process alive, and can it serve: for a load balancer, without a session."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Exchange
from usage.queue import QueueStatus, queue_status


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process answers."""
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers and has every migration, else 503. How delivery stands is told with it:
    an Exchange that is away, or a worker, is no reason to send nobody here.
    """
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        delivery = None if missing else _delivery()
    except Error:
        return JsonResponse({"status": "unavailable", "database": "unreachable"}, status=503)
    if missing:
        return JsonResponse({"status": "unavailable", "database": "migrations are missing"}, status=503)
    return JsonResponse({"status": "ok", "database": "ok", "delivery": delivery})


def _delivery() -> dict[str, Any]:
    """Figures alone: what the Exchange said, and of whom, is not for everybody who can ask."""
    exchange = Exchange.objects.filter(base_url=settings.TOKLIGENCE.base_url).first()
    status = queue_status(exchange) if exchange else QueueStatus()
    return {
        "pending": status.pending,
        "sending": status.sending,
        "uncertain": status.uncertain,
        "rejected": status.rejected,
        "oldest_pending_at": status.oldest_pending_at,
        "lag_seconds": status.lag_seconds,
        "worker_alive": status.worker_alive,
        "worker_seen_at": status.worker_seen_at,
        "paused_until": status.paused_until,
    }
