from __future__ import annotations

from typing import TypeAlias

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import ExchangeAccount
from usage.models.entry import LedgerEntry


class RunStatus(models.TextChoices):
    CLEAN = "clean", _("Clean")
    DIFFERENT = "different", _("Different")
    UNAVAILABLE = "unavailable", _("Unavailable")


class LineKind(models.TextChoices):
    MATCHED = "matched", _("Matched")
    OURS_ONLY = "ours_only", _("Ours only")
    THEIRS_ONLY = "theirs_only", _("Theirs only")
    DIFFERING = "differing", _("Differing")
    PENDING = "pending", _("Pending")
    REVERSED = "reversed", _("Reversed")


class ReconciliationRun(models.Model):
    """One comparison of an account's books with the Exchange's, kept as it came out."""

    Status: TypeAlias = RunStatus

    account = models.ForeignKey(
        ExchangeAccount,
        models.PROTECT,
        related_name="reconciliations",
        db_index=False,
        verbose_name=_("account"),
    )
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"))
    status = models.CharField(_("status"), max_length=12, choices=RunStatus.choices)
    # the sentence why, where it is unavailable or no lines were compared
    reason = models.TextField(_("reason"), blank=True, default="")
    # whether the Exchange offered a statement, so that lines were compared
    has_lines = models.BooleanField(_("line by line"), default=False)
    totals = models.JSONField(_("totals"), default=dict)
    lines = models.JSONField(_("lines"), default=dict)
    # the newest entry of ours that was looked at, and theirs
    head_seq = models.BigIntegerField(_("our newest number"), default=0)
    head_hash = models.CharField(_("our newest hash"), max_length=64, blank=True, default="")
    statement_last_id = models.BigIntegerField(_("their newest number"), null=True)
    statement_hash = models.CharField(_("their newest hash"), max_length=64, blank=True, default="")
    # None: no statement; else whether the Exchange's own chain holds
    statement_chain_ok = models.BooleanField(_("their chain holds"), null=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    note = models.TextField(_("note"), blank=True, default="")

    class Meta:
        verbose_name = _("reconciliation run")
        verbose_name_plural = _("reconciliation runs")
        indexes = [
            models.Index(fields=["account", "started_at", "id"], name="usage_run_by_time"),
            # of all accounts: the admin
            models.Index(fields=["started_at", "id"], name="usage_run_of_all"),
            models.Index(fields=["status", "started_at", "id"], name="usage_run_by_status"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=RunStatus.values), name="usage_run_status_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.get_status_display()}"


class ReconciliationLine(models.Model):
    """A line that did not match, or a reversed pair: ours, theirs or both. Matched ones are only counted."""

    Kind: TypeAlias = LineKind

    run = models.ForeignKey(
        ReconciliationRun, models.CASCADE, related_name="line_set", db_index=False, verbose_name=_("run")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=LineKind.choices)
    entry = models.ForeignKey(
        LedgerEntry, models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("entry")
    )
    exchange_entry_id = models.BigIntegerField(_("number at the Exchange"), null=True)
    theirs = models.JSONField(_("theirs"), null=True)
    message = models.TextField(_("what is wrong"), blank=True, default="")

    class Meta:
        verbose_name = _("reconciliation line")
        verbose_name_plural = _("reconciliation lines")
        indexes = [models.Index(fields=["run", "kind", "id"], name="usage_line_by_kind")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.message}"
