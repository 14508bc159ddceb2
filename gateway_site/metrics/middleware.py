"""Figures of requests: django-prometheus's two middlewares, adapted by the hooks that it has for that."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.http import HttpRequest
from django_prometheus.middleware import Metrics, PrometheusAfterMiddleware, PrometheusBeforeMiddleware

from gateway_site.metrics import figures

NOT_KEPT = ("django_http_requests_body_total_bytes", "django_http_responses_body_total_bytes")
"""The sizes of bodies: nobody asks for them, and each request would write to four more series."""


class NotKept:
    """A figure that is not kept: it takes what is counted, and tells nothing."""

    def observe(self, _amount: float) -> None:
        pass


class RequestFigures(Metrics):
    """The library's figures, but those in ``NOT_KEPT``; told with ours."""

    def register_metric(
        self, metric_cls: Any, name: str, documentation: str, labelnames: Any = (), **more: Any
    ) -> Any:
        if name in NOT_KEPT:
            return NotKept()
        more["registry"] = figures.FIGURES
        return super().register_metric(metric_cls, name, documentation, labelnames, **more)


class BeforeMiddleware(PrometheusBeforeMiddleware):
    """The library's, with our figures: what comes, and how long its answer took in all."""

    metrics_cls = RequestFigures


class AfterMiddleware(PrometheusAfterMiddleware):
    """The library's, with our figures: by the view's name, never by its path, which anybody can make up."""

    metrics_cls = RequestFigures

    def process_request(self, request: HttpRequest) -> None:
        """Count the request. One whose Content-Length is no number is refused further in, not here."""
        with suppress(ValueError):
            super().process_request(request)

    def label_metric(self, metric: Any, request: HttpRequest, response: Any = None, **labels: Any) -> Any:
        """The series that is meant. The library tells one of its figures any method that somebody made up."""
        if "method" in labels:
            labels["method"] = self._method(request)
        return super().label_metric(metric, request, response, **labels)
