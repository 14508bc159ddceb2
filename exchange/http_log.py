"""The log lines of the wire: what was asked, what came, how long it took. Never bodies, emails or memos."""

import logging

import structlog

from exchange.errors import Rule
from exchange.text import clean_text, without_emails

# through the standard library, so that a program that set up nothing sees warnings on stderr and no more
_log = structlog.wrap_logger(logging.getLogger("gateway.http"), component="gateway/http")


def log_request(*, method: str, url: str, request_id: str, attempt: int) -> None:
    """A request goes out."""
    _log.info("http_request", method=method, url=url, request_id=request_id, attempt=attempt)


def log_response(
    *, method: str, url: str, status: int, duration_ms: float, request_id: str, attempt: int
) -> None:
    """An answer below 400 came."""
    _log.info(
        "http_response",
        method=method,
        url=url,
        status=status,
        duration_ms=round(duration_ms, 1),
        request_id=request_id,
        attempt=attempt,
    )


def log_error(
    *,
    method: str,
    url: str,
    status: int | None,
    duration_ms: float,
    request_id: str,
    attempt: int,
    reason: str,
    rules: tuple[Rule, ...] = (),
) -> None:
    """A refusal or a 5xx came, or no answer; `rules` names the compliance rules that were broken."""
    named = {"rules": ",".join(rule.id for rule in rules)} if rules else {}
    _log.warning(
        "http_error",
        method=method,
        url=url,
        status=status,
        duration_ms=round(duration_ms, 1),
        request_id=request_id,
        attempt=attempt,
        reason=without_emails(clean_text(reason)),
        **named,
    )


def log_broken_listener(operation: str) -> None:
    """A listener for outcomes raised; the call's own result stands. Logged with its traceback."""
    _log.exception("outcome_listener_failed", operation=operation)
