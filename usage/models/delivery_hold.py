from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import ExchangeAccount


class DeliveryHold(models.Model):
    """An account whose registration the Exchange refused: its entries wait, and nobody else's do."""

    account = models.OneToOneField(
        ExchangeAccount,
        models.PROTECT,
        primary_key=True,
        related_name="delivery_hold",
        verbose_name=_("account"),
    )
    until = models.DateTimeField(_("until"))
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    error = models.TextField(_("error"), blank=True, default="")

    class Meta:
        verbose_name = _("delivery hold")
        verbose_name_plural = _("delivery holds")

    def __str__(self) -> str:
        return str(self.account)
