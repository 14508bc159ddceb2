"""Is the process alive, and can it serve: for a load balancer, without a session; docs/operations.md."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.exchanges import status_of
from accounts.models import Exchange, SignInAttempt
from catalog.models import Mirror
from gateway_site.checks import NO_MAIL_SERVER
from gateway_site.metrics import views as metrics
from gateway_site.metrics.listening import last_call
from usage.queue import QueueStatus, queue_status

Handler = Callable[[HttpRequest], HttpResponseBase]
MAILED = (SignInAttempt.Outcome.SENT, SignInAttempt.Outcome.WITHHELD, SignInAttempt.Outcome.MAIL_FAILED)


def answer_probes(get_response: Handler) -> Handler:
    """Answer who watches the site before anything else does, whatever host is asked for.

    A balancer, a container's health check and Prometheus ask by address, which is not in ``ALLOWED_HOSTS``.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path == "/healthz":
            response = healthz(request)
        elif request.path == "/readyz":
            response = readyz(request)
        elif request.path == "/metrics" and metrics.shows_token(request):
            response = metrics.metrics(request)
        else:
            return get_response(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return middleware


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponseBase:
    """200 while the process answers."""
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponseBase:
    """200 when the database answers and has every migration, else 503. How the rest stands is told with it:
    an Exchange that is away, a worker or a mail server is no reason to send nobody here.
    """
    try:
        if missing_migrations():
            return _unavailable("migrations are missing")
        return JsonResponse({"status": "ok", "database": "ok", **_detail()})
    except Error:
        return _unavailable("unreachable")


def missing_migrations() -> list[str]:
    """The migrations that this code has and the database does not, as ``usage.0002_ledger``.

    One query; what is on the disk is read once in a process. Raises the database's errors.
    """
    applied = set(_applied())
    return [
        ".".join(name)
        for name, replaces in _on_disk()
        if name not in applied and not (replaces and applied.issuperset(replaces))
    ]


def _applied() -> list[tuple[str, str]]:
    try:
        return list(MigrationRecorder.Migration.objects.values_list("app", "name"))
    except Error:
        # a database in which nothing was ever migrated has not even the table
        if MigrationRecorder(connection).has_table():
            raise
        return []


@lru_cache(maxsize=1)
def _on_disk() -> tuple[tuple[tuple[str, str], tuple[tuple[str, str], ...]], ...]:
    graph = MigrationLoader(None, ignore_no_migrations=True).graph
    return tuple((name, tuple(graph.nodes[name].replaces)) for name in sorted(graph.nodes))


def _unavailable(why: str) -> JsonResponse:
    return JsonResponse({"status": "unavailable", "database": why}, status=503)


def _detail() -> dict[str, Any]:
    """Figures alone: what the Exchange said, and of whom, is not for everybody who can ask."""
    exchange = Exchange.objects.filter(base_url=settings.TOKLIGENCE.base_url).first()
    return {
        "delivery": _delivery(queue_status(exchange) if exchange else QueueStatus()),
        "exchange": _exchange(exchange),
        "catalogue": _catalogue(exchange),
        "mail": _mail(),
    }


def _delivery(status: QueueStatus) -> dict[str, Any]:
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


def _exchange(exchange: Exchange | None) -> dict[str, Any]:
    return {
        "state": status_of(exchange).state,
        "reached_at": exchange.reached_at if exchange else None,
        "failed_at": exchange.failed_at if exchange else None,
        "breaker": last_call.breaker_state(),
        "last_outcome": last_call.kind,
    }


def _catalogue(exchange: Exchange | None) -> dict[str, Any]:
    mirror = Mirror.objects.filter(exchange=exchange).first() if exchange else None
    at = mirror.refreshed_at if mirror else None
    return {
        "refreshed_at": at,
        "age_seconds": int((timezone.now() - at).total_seconds()) if at else None,
    }


def _mail() -> dict[str, Any]:
    """Whether a server is set, and how the last sign-in mail went: nothing is sent or connected to here."""
    attempts = SignInAttempt.objects.filter(outcome__in=MAILED).order_by("-at", "-id")
    last = attempts.values_list("outcome", "at").first()
    failed = bool(last and last[0] == SignInAttempt.Outcome.MAIL_FAILED)
    return {
        "server": settings.EMAIL_BACKEND not in NO_MAIL_SERVER,
        "last_outcome": ("failed" if failed else "sent") if last else None,
        "last_at": last[1] if last else None,
    }
