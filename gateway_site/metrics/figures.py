"""What is counted where it happens, in every process; docs/operations.md says what each figure means.

Imported before anything else makes a metric, django_prometheus included: it decides how they are kept.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from gateway_site.metrics import shared

FOLDER = shared.begin()
"""Where the processes count together; None where this one counts for itself."""
FIGURES = CollectorRegistry()
disable_created_metrics()  # when a series began is no figure of its own

CALL_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)

calls_total = Counter(
    "tokligence_exchange_calls",
    "Calls to the Exchange, their repeats included, by operation and what came of them.",
    ["operation", "outcome"],
    registry=FIGURES,
)
call_seconds = Histogram(
    "tokligence_exchange_call_duration_seconds",
    "Seconds that a call to the Exchange took, repeats and pauses included; calls not tried are left out.",
    ["operation"],
    buckets=CALL_BUCKETS,
    registry=FIGURES,
)
breaker_open = Gauge(
    "tokligence_exchange_breaker_open",
    "1 where the circuit breaker of a process was not closed after its last call to the Exchange.",
    registry=FIGURES,
    multiprocess_mode="livemax",
)
sign_ins_total = Counter(
    "tokligence_sign_in_attempts",
    "What was tried at the door, by outcome.",
    ["outcome"],
    registry=FIGURES,
)
mails_total = Counter(
    "tokligence_mails",
    "Mails that were handed to the mail server, by outcome.",
    ["outcome"],
    registry=FIGURES,
)
for _outcome in ("sent", "failed"):
    mails_total.labels(_outcome)  # there from the start: an increase from nothing is none
