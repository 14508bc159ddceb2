"""/metrics, for Prometheus with METRICS_TOKEN, and for a signed-in operator to look at."""

from __future__ import annotations

from collections.abc import Iterator
from hmac import compare_digest

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway_site.metrics import figures, shared
from gateway_site.metrics.ledger import LedgerCollector

log = structlog.get_logger("gateway.metrics")


class ProcessCollector(Collector):
    """What the processes have counted: all that share the folder, or this one."""

    def collect(self) -> Iterator[Metric]:
        if figures.FOLDER is None:
            yield from figures.FIGURES.collect()
            return
        try:
            yield from shared.collect(figures.FOLDER)
        except OSError as error:  # somebody took the folder away: the ledger's figures are told all the same
            log.error("metrics_not_shared", folder=str(figures.FOLDER), error=error.strerror)


REGISTRY = CollectorRegistry(auto_describe=False)
REGISTRY.register(ProcessCollector())
REGISTRY.register(LedgerCollector())


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures in Prometheus's text format. 404 for who has neither token nor operator's session."""
    if not shows_token(request) and not request.user.is_staff:
        raise Http404
    return told()


def told() -> HttpResponse:
    """The figures, as they are now."""
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def shows_token(request: HttpRequest) -> bool:
    """Whether the request brings METRICS_TOKEN as a bearer token. How long it takes tells nothing of it."""
    token: str = settings.METRICS_TOKEN
    kind, _space, shown = request.headers.get("Authorization", "").partition(" ")
    if not token or kind.lower() != "bearer":
        return False
    return compare_digest(shown.strip().encode(errors="replace"), token.encode())
