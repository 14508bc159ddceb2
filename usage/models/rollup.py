from __future__ import annotations

from typing import TypeAlias

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import ExchangeAccount
from usage.models.entry import Direction


class Grain(models.TextChoices):
    HOUR = "hour", _("Hour")
    DAY = "day", _("Day")


class UsageRollup(models.Model):
    """What the entries of one UTC hour or day (of ``occurred_at``) add up to, by service, key and direction.

    The only source of every sum that a page shows; written with the entries, and rebuilt from them by
    usage.rollups. Tokens and nano-dollars are net of reversals; ``unpriced_tokens`` are those whose price is
    unknown. Nothing in a column of the key is NULL: 0 stands for no API key and for an unknown provider, ""
    for an unknown model family.
    """

    Grain: TypeAlias = Grain

    account = models.ForeignKey(ExchangeAccount, models.PROTECT, related_name="rollups", db_index=False)
    grain = models.CharField(max_length=4, choices=Grain.choices)
    starts_at = models.DateTimeField(_("from"))
    direction = models.CharField(max_length=8, choices=Direction.choices)
    service_id = models.BigIntegerField(_("service"))
    provider_id = models.BigIntegerField(_("provider"))
    model_family = models.TextField(_("model family"))
    key_id = models.BigIntegerField(_("API key"))
    entries = models.BigIntegerField(_("entries"))
    prompt_tokens = models.BigIntegerField(_("prompt tokens"))
    completion_tokens = models.BigIntegerField(_("completion tokens"))
    cached_tokens = models.BigIntegerField(_("cached tokens"))
    reasoning_tokens = models.BigIntegerField(_("reasoning tokens"))
    cost_nanos = models.BigIntegerField(_("cost in nano-dollars"))
    unpriced_tokens = models.BigIntegerField(_("tokens without a price"))

    class Meta:
        verbose_name = _("usage rollup")
        verbose_name_plural = _("usage rollups")
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "account",
                    "grain",
                    "starts_at",
                    "direction",
                    "service_id",
                    "provider_id",
                    "model_family",
                    "key_id",
                ],
                name="usage_rollup_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M} {self.direction} #{self.service_id}"

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens
