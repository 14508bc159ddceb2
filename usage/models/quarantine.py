from __future__ import annotations

from typing import TypeAlias

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, ExchangeAccount
from usage.models.entry import LedgerEntry


class Reason(models.TextChoices):
    """Why a row waits for a person."""

    NO_SERVICE = "no_service", _("No service")
    SERVICE = "service", _("Service not understood")
    IDENTITY = "identity", _("No id")
    TOKENS = "tokens", _("Tokens missing or impossible")
    TIME = "time", _("Time impossible")
    CONFLICT = "conflict", _("Recorded with other tokens")
    REFUSED = "refused", _("Refused by the ledger")
    UNREADABLE = "unreadable", _("Could not be read")


class RowState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RECORDED = "recorded", _("Recorded")
    DISCARDED = "discarded", _("Discarded")


class QuarantinedRow(models.Model):
    """A row of LiteLLM's that could not be recorded as it was: a person says which service, or discards it.

    ``kept`` are the few fields of usage.litellm.rows, never a conversation. ``identity`` is the id that its
    entry gets, so the same row comes here once, however often it is sent. ``tokens`` are prompt and
    completion together, 0 where they make no sense.
    """

    Reason: TypeAlias = Reason
    State: TypeAlias = RowState

    account = models.ForeignKey(
        ExchangeAccount,
        models.PROTECT,
        related_name="quarantined_rows",
        db_index=False,
        verbose_name=_("account"),
    )
    api_key = models.ForeignKey(
        ApiKey, models.PROTECT, null=True, related_name="quarantined_rows", verbose_name=_("API key")
    )
    received_at = models.DateTimeField(_("received"))
    reason = models.CharField(_("reason"), max_length=10, choices=Reason.choices)
    detail = models.TextField(_("detail"), blank=True, default="")
    kept = models.JSONField(_("what is kept"), default=dict)
    identity = models.UUIDField(_("entry id"))
    model = models.CharField(_("model"), max_length=150, blank=True, default="")
    tokens = models.BigIntegerField(_("tokens"), default=0)
    state = models.CharField(
        _("state"), max_length=9, choices=RowState.choices, default=RowState.WAITING.value
    )
    settled_at = models.DateTimeField(_("settled"), null=True)
    entry = models.ForeignKey(
        LedgerEntry, models.PROTECT, null=True, related_name="quarantined_rows", verbose_name=_("entry")
    )

    class Meta:
        verbose_name = _("quarantined row")
        verbose_name_plural = _("quarantined rows")
        constraints = [
            models.UniqueConstraint(fields=["account", "identity"], name="usage_quarantine_once"),
            models.CheckConstraint(
                condition=Q(state=RowState.WAITING, settled_at__isnull=True, entry__isnull=True)
                | Q(state=RowState.RECORDED, settled_at__isnull=False, entry__isnull=False)
                | Q(state=RowState.DISCARDED, settled_at__isnull=False, entry__isnull=True),
                name="usage_quarantine_settled",
            ),
        ]
        indexes = [
            # the groups of the page, with all that is shown of them
            models.Index(
                fields=["account", "reason", "model", "id", "received_at", "tokens"],
                condition=Q(state=RowState.WAITING),
                name="usage_quarantine_waiting",
            ),
            models.Index(
                fields=["account", "settled_at", "id"],
                condition=Q(settled_at__isnull=False),
                name="usage_quarantine_settled_by",
            ),
            # the admin: of an account, and of all
            models.Index(fields=["account", "received_at", "id"], name="usage_quarantine_by_time"),
            models.Index(fields=["received_at", "id"], name="usage_quarantine_of_all"),
        ]

    def __str__(self) -> str:
        return f"{self.model or '–'} · {self.get_reason_display()}"

    @property
    def is_waiting(self) -> bool:
        return self.state == RowState.WAITING
