from __future__ import annotations

from datetime import date
from typing import TypeAlias

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from usage.models.entry import LedgerEntry

ALL_TIME = date(1970, 1, 1)
"""The day on which a budget without an end is said to begin: NULL would be another one each time."""


class KeyDay(models.Model):
    """What a key consumed on one UTC day (of ``occurred_at``); written with the entries, net of reversals.

    The same as the key's rollups of that day: kept by itself, so that a budget is one short look.
    """

    key = models.ForeignKey(
        ApiKey, models.PROTECT, related_name="days", db_index=False, verbose_name=_("API key")
    )
    day = models.DateField(_("day"))
    entries = models.BigIntegerField(_("entries"), default=0)
    tokens = models.BigIntegerField(_("tokens"), default=0)
    cost_nanos = models.BigIntegerField(_("cost in nano-dollars"), default=0)
    unpriced_tokens = models.BigIntegerField(_("tokens without a price"), default=0)

    class Meta:
        verbose_name = _("day of a key")
        verbose_name_plural = _("days of keys")
        constraints = [models.UniqueConstraint(fields=["key", "day"], name="usage_key_day_once")]

    def __str__(self) -> str:
        return f"{self.key_id}: {self.day:%Y-%m-%d}"


class OverBudget(models.Model):
    """An entry with which its key went beyond its budget: recorded all the same, and marked.

    ``limit`` and ``spent`` (this entry included) are tokens or nano-dollars, as they were then.
    """

    entry = models.OneToOneField(
        LedgerEntry, models.PROTECT, primary_key=True, related_name="over_budget", verbose_name=_("entry")
    )
    key = models.ForeignKey(ApiKey, models.PROTECT, related_name="over_budget", verbose_name=_("API key"))
    unit = models.CharField(_("budget unit"), max_length=6, choices=BudgetUnit.choices)
    period = models.CharField(_("budget period"), max_length=5, choices=BudgetPeriod.choices)
    starts_on = models.DateField(_("from"), default=ALL_TIME)
    limit = models.BigIntegerField(_("budget"))
    spent = models.BigIntegerField(_("spent"))

    class Meta:
        verbose_name = _("entry over budget")
        verbose_name_plural = _("entries over budget")

    def __str__(self) -> str:
        return f"#{self.entry_id}"


class NoticeKind(models.TextChoices):
    SOFT = "soft", _("Soft limit reached")
    FULL = "full", _("Budget reached")


class BudgetNotice(models.Model):
    """That a key reached a limit: noted with the entry that did it, and mailed once, by the worker."""

    Kind: TypeAlias = NoticeKind

    key = models.ForeignKey(
        ApiKey, models.PROTECT, related_name="budget_notices", db_index=False, verbose_name=_("API key")
    )
    kind = models.CharField(_("kind"), max_length=4, choices=NoticeKind.choices)
    unit = models.CharField(_("budget unit"), max_length=6, choices=BudgetUnit.choices)
    period = models.CharField(_("budget period"), max_length=5, choices=BudgetPeriod.choices)
    starts_on = models.DateField(_("from"), default=ALL_TIME)
    # what was reached, the whole budget, and what was spent then: tokens or nano-dollars
    threshold = models.BigIntegerField(_("reached"))
    limit = models.BigIntegerField(_("budget"))
    spent = models.BigIntegerField(_("spent"))
    noted_at = models.DateTimeField(_("noted"))
    sent_at = models.DateTimeField(_("mailed"), null=True)
    # who mails it has it until then; a mail that failed is tried again after that
    leased_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)

    class Meta:
        verbose_name = _("budget notice")
        verbose_name_plural = _("budget notices")
        constraints = [
            # a limit that was raised is another one, and reached anew
            models.UniqueConstraint(
                fields=["key", "kind", "unit", "period", "starts_on", "threshold"],
                name="usage_budget_notice_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(sent_at__isnull=True), name="usage_budget_notice_unsent"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.get_kind_display()}"
