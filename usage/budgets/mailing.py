"""Mails that a key reached a limit: each noted limit once, however many workers there are.

A notice is taken by committing until when it is ours; the mail goes out beside any transaction; then it is
written that it did. Whoever dies between the last two leaves a mail that is sent again: rather than never.
"""

from __future__ import annotations

import time as clock
from datetime import UTC, datetime, time, timedelta
from smtplib import SMTPException
from typing import Any

import structlog
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.template.loader import render_to_string
from django.utils import translation

from accounts import language
from accounts.keys.budgets import Budget, window_of
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from usage.models import BudgetNotice

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=12)
"""Between two attempts. The first outlasts a mail server that hangs: nobody else takes it meanwhile."""
MOST_ATTEMPTS = 20
"""Over a week, with these pauses; then nobody is helped by the news."""
MOST_AT_ONCE = 100
LONGEST_ROUND = 60.0
"""Seconds after which no further notice is taken: each is sent well within the pause it was taken for."""
log = structlog.get_logger("gateway.budgets")


def is_anything_due(now: datetime) -> bool:
    """Whether a mail waits that may be sent now."""
    return _due(now).exists()


def send_due(now: datetime) -> int:
    """Mail what waits and is due; how many went out. Must not be called inside a transaction."""
    began, sent = clock.monotonic(), 0
    for notice in _due(now).select_related("key__user").order_by("id")[:MOST_AT_ONCE]:
        if clock.monotonic() - began > LONGEST_ROUND:
            break
        if _take(notice, now):
            sent += _send(notice, now)
    return sent


def pause_after(attempts: int) -> timedelta:
    """How long a notice is left alone after so many attempts."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 20)), LONGEST_PAUSE)


def _due(now: datetime) -> QuerySet[BudgetNotice]:
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    return BudgetNotice.objects.filter(free, sent_at=None, attempts__lt=MOST_ATTEMPTS)


def _take(notice: BudgetNotice, now: datetime) -> bool:
    """Whether it is ours: of several who ask at the same instant it is one's."""
    ours = _due(now).filter(pk=notice.pk, attempts=notice.attempts)
    until = now + pause_after(notice.attempts + 1)
    with transaction.atomic(durable=True):
        return bool(ours.update(leased_until=until, attempts=F("attempts") + 1))


def _send(notice: BudgetNotice, now: datetime) -> bool:
    number = notice.attempts + 1
    told: dict[str, Any] = {"notice_id": notice.pk, "key_id": notice.key_id, "kind": notice.kind}
    try:
        _message(notice).send()
    except (SMTPException, OSError) as error:
        log.error(
            "budget_mail_failed",
            **told,
            attempt=number,
            again=number < MOST_ATTEMPTS,
            error=type(error).__name__,
        )
        return False
    BudgetNotice.objects.filter(pk=notice.pk).update(sent_at=now, leased_until=None)
    log.info("budget_mail_sent", **told)
    return True


def _message(notice: BudgetNotice) -> EmailMultiAlternatives:
    base = "usage/email/budget"
    with translation.override(language.of_mail_to(notice.key.user)):
        context = _context(notice)
        subject = " ".join(render_to_string(f"{base}_subject.txt", context).split())
        text, html = (render_to_string(f"{base}.{kind}", context) for kind in ("txt", "html"))
    message = EmailMultiAlternatives(subject, text, to=[notice.key.user.email])
    message.attach_alternative(html, "text/html")
    return message


def _context(notice: BudgetNotice) -> dict[str, Any]:
    budget = Budget(unit=BudgetUnit(notice.unit), period=BudgetPeriod(notice.period), limit=notice.limit)
    begins = datetime.combine(notice.starts_on, time(), UTC)
    return {
        "key": notice.key,
        "is_soft": notice.kind == BudgetNotice.Kind.SOFT,
        "in_dollars": budget.unit == BudgetUnit.USD,
        "period": notice.period,
        "threshold": budget.amount(notice.threshold),
        "limit": budget.amount(notice.limit),
        "spent": budget.amount(notice.spent),
        "starts_anew": window_of(notice.period, begins).ends_at,
    }
