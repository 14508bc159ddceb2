from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import ExchangeAccount


class UsageSnapshot(models.Model):
    """One account's totals (tokens) as the Exchange last told them, so that a page need not wait for it."""

    account = models.OneToOneField(ExchangeAccount, models.CASCADE, related_name="snapshot")
    consumed_tokens = models.BigIntegerField(_("consumed"))
    supplied_tokens = models.BigIntegerField(_("supplied"))
    net_tokens = models.BigIntegerField(_("net"), help_text=_("Supplied minus consumed."))
    # extensions of the Exchange: NULL where it does not tell them
    entry_count = models.BigIntegerField(_("entries"), null=True, blank=True)
    ledger_hash = models.CharField(_("newest entry's hash"), max_length=128, null=True, blank=True)
    # what the account itself has on offer there: NULL for who is no provider
    service_count = models.PositiveIntegerField(_("own services"), null=True, blank=True)
    fetched_at = models.DateTimeField(_("as of"))

    class Meta:
        verbose_name = _("usage snapshot")
        verbose_name_plural = _("usage snapshots")

    def __str__(self) -> str:
        return str(self.account)
