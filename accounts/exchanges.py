"""The Exchange of this deployment: its row, the client that speaks to it, and how it has been doing."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Literal

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Exchange, ExchangeAccount
from accounts.signals import exchange_asked
from exchange import (
    Account,
    CircuitBreaker,
    CircuitOpen,
    ExchangeClient,
    ExchangeRejected,
    FreeTokens,
    Gateway,
    Outcome,
    Provider,
    TooManyCalls,
    UsageReceipt,
)
from exchange import (
    User as ExchangeUser,
)

log = structlog.get_logger("gateway.accounts")
NOTE_EVERY = timedelta(seconds=30)
CALLS_AT_ONCE = 2
"""How many threads of a process may wait for the Exchange: the others go on serving pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeStatus:
    """How the Exchange did when it was last asked."""

    state: Literal["connected", "unreachable", "unknown"]
    label: str
    base_url: str
    checked_at: datetime | None


def current_exchange() -> Exchange:
    """The Exchange that ``base_url`` names: a row of its own for every URL, made at first use."""
    exchange, _created = Exchange.objects.get_or_create(base_url=settings.TOKLIGENCE.base_url)
    return exchange


def status_of(exchange: Exchange | None) -> ExchangeStatus:
    """What is known of the Exchange without asking it."""
    base_url: str = settings.TOKLIGENCE.base_url
    reached = exchange.reached_at if exchange else None
    failed = exchange.failed_at if exchange else None
    if failed and (reached is None or failed > reached):
        return ExchangeStatus(
            state="unreachable", label=_("Exchange unreachable"), base_url=base_url, checked_at=failed
        )
    if reached:
        return ExchangeStatus(
            state="connected", label=_("Exchange connected"), base_url=base_url, checked_at=reached
        )
    return ExchangeStatus(
        state="unknown", label=_("Exchange not asked yet"), base_url=base_url, checked_at=None
    )


def client() -> ExchangeClient:
    """The client for the configured Exchange: one a process, shared by its threads."""
    return _client_for(settings.TOKLIGENCE.base_url)


def gateway_for(account: ExchangeAccount, deadline: float | None = None) -> Gateway:
    """A Gateway that acts for this account, without asking the Exchange again who it is.

    ``deadline`` is the total of seconds that each call may take.
    An account that is not registered yet gives a Gateway whose account calls raise exchange.NotRegistered.
    """
    through = client().side_by_side() if _thread.sends_only else client()
    return Gateway(through, _session_of(account), deadline=deadline)


@contextmanager
def sending_only() -> Iterator[None]:
    """Within, this thread asks no database, and no page waits for it: ``CALLS_AT_ONCE`` does not count it.
    What it learns of the Exchange's health is written by ``write_news``, from another thread.
    """
    _thread.sends_only = True
    try:
        yield
    finally:
        _thread.sends_only = False


def write_news() -> None:
    """Write down how the Exchange did when threads that only send asked it. Raises nothing: it is news."""
    while _news:
        try:
            _news.popleft()()
        except DatabaseError:
            log.exception("news_not_written")


def note_receipt(exchange: Exchange, receipt: UsageReceipt) -> None:
    """Remember that this Exchange has proved that it counts a repeated report once."""
    if receipt.idempotency_proved and exchange.idempotency_proved_at is None:
        exchange.idempotency_proved_at = timezone.now()
        exchange.save(update_fields=["idempotency_proved_at"])


class _Thread(threading.local):
    sends_only = False


_thread = _Thread()
_news = deque[Callable[[], object]](maxlen=100)


@lru_cache(maxsize=8)
def _client_for(base_url: str) -> ExchangeClient:
    last_note = (False, datetime.min.replace(tzinfo=UTC))
    breaker = CircuitBreaker()

    def note(outcome: Outcome) -> None:
        nonlocal last_note
        exchange_asked.send_robust(None, outcome=outcome, breaker=breaker)
        if isinstance(outcome.error, CircuitOpen | TooManyCalls):
            return  # nobody was asked
        now = timezone.now()
        # a refusal is an answer; an Exchange in trouble is as good as none
        answered = outcome.error is None or isinstance(outcome.error, ExchangeRejected)
        # the same news is written at most every thirty seconds; a change at once
        told, at = last_note
        if told == answered and now - at < NOTE_EVERY:
            return
        last_note = (answered, now)
        news: dict[str, Any] = {"reached_at": now}
        if not answered:
            news = {"failed_at": now, "failure": str(outcome.error)[:500]}
        write = partial(Exchange.objects.filter(base_url=base_url).update, **news)
        if _thread.sends_only:
            _news.append(write)
        else:
            write()

    return ExchangeClient(
        base_url,
        breaker=breaker,
        on_outcome=note,
        request_id=_request_id,
        calls_at_once=CALLS_AT_ONCE,
    )


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id") or uuid.uuid4().hex)


def _session_of(account: ExchangeAccount) -> Account | None:
    if account.exchange_user_id is None:
        return None
    provider = None
    if account.provider_id is not None:
        provider = Provider(
            id=account.provider_id,
            user_id=account.exchange_user_id,
            display_name=account.provider_name,
            description=account.provider_description,
        )
    free = None
    if account.free_granted is not None and account.free_used is not None:
        free = FreeTokens(granted=account.free_granted, used=account.free_used)
    user = ExchangeUser(
        id=account.exchange_user_id, email=account.user.email, roles=tuple(account.roles), free_tokens=free
    )
    return Account(user=user, provider=provider)
