from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import ExchangeAccount


class OpeningBalance(models.Model):
    """What the Exchange had counted for an account before our first entry: found once, and never moved.

    It is taken where nothing of ours could be in it. Later runs hold the Exchange to it, so that nothing
    which turns up afterwards is taken for what was there before.
    """

    account = models.OneToOneField(
        ExchangeAccount,
        models.PROTECT,
        primary_key=True,
        related_name="opening_balance",
        verbose_name=_("account"),
    )
    taken_at = models.DateTimeField(_("taken"))
    consumed_tokens = models.BigIntegerField(_("consumed"), default=0)
    supplied_tokens = models.BigIntegerField(_("supplied"), default=0)
    # NULL: taken from totals alone; else the newest line of the statement that belongs to it, 0 for none
    last_id = models.BigIntegerField(_("their newest number"), null=True)

    class Meta:
        verbose_name = _("opening balance")
        verbose_name_plural = _("opening balances")

    def __str__(self) -> str:
        return str(self.account)
