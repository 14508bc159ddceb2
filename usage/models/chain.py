from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import ExchangeAccount
from usage.models.entry import GENESIS_HASH


class Chain(models.Model):
    """One account's chain: its newest entry, and what all of its entries add up to.

    Whoever appends locks this row. Tokens and nano-dollars are net of reversals; ``gross_*`` counts all as
    they are, and bounds every sum that can be made of the entries to what a database's integer holds.
    """

    account = models.OneToOneField(
        ExchangeAccount, models.PROTECT, primary_key=True, related_name="chain", verbose_name=_("account")
    )
    # in every entry's hash: an entry of one chain is none of another
    chain_id = models.UUIDField(_("chain id"), default=uuid.uuid4, unique=True)
    seq = models.BigIntegerField(_("newest number"), default=0)
    hash = models.CharField(_("newest hash"), max_length=64, default=GENESIS_HASH)
    consumed_tokens = models.BigIntegerField(_("consumed"), default=0)
    supplied_tokens = models.BigIntegerField(_("supplied"), default=0)
    cost_nanos = models.BigIntegerField(_("cost in nano-dollars"), default=0)
    revenue_nanos = models.BigIntegerField(_("revenue in nano-dollars"), default=0)
    gross_tokens = models.BigIntegerField(default=0)
    gross_nanos = models.BigIntegerField(default=0)
    recorded_at = models.DateTimeField(_("last recorded"), null=True)

    class Meta:
        verbose_name = _("chain")
        verbose_name_plural = _("chains")
        constraints = [
            models.CheckConstraint(condition=models.Q(seq__gte=0), name="usage_chain_seq_positive")
        ]

    def __str__(self) -> str:
        return str(self.account)

    @property
    def net_tokens(self) -> int:
        """Supplied minus consumed."""
        return self.supplied_tokens - self.consumed_tokens
