from __future__ import annotations

from typing import TypeAlias

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, ExchangeAccount
from catalog.models import PriceField
from exchange import MAX_TOKENS
from usage.models.words import word_of

LONGEST_MEMO = 500
GENESIS_HASH = "0" * 64
"""The ``prev_hash`` of a chain's first entry."""


class Direction(models.TextChoices):
    CONSUME = "consume", _("Consumed")
    SUPPLY = "supply", _("Supplied")


class Source(models.TextChoices):
    PAGE = "page", _("By hand")
    COMMAND = "command", _("Command")
    API = "api", _("API")
    LITELLM = "litellm", _("LiteLLM")


class Evidence(models.TextChoices):
    REPORTED = "reported", _("Reported by the service")
    ESTIMATED = "estimated", _("Estimated")


class LedgerEntry(models.Model):
    """Tokens consumed or supplied, and what was true when they were recorded. Written once, by usage.ledger.

    Database triggers refuse every change (usage.triggers). Tokens are counts; ``price_per_1k_tokens`` is USD
    per 1,000 tokens as it was; ``cost_nanos`` is nano-dollars, rounded half-even once, NULL where that is
    unknown. Cached tokens are some of the prompt's, reasoning tokens some of the completion's. A reversal
    repeats the entry that it takes back and counts negative.
    """

    Direction: TypeAlias = Direction
    Source: TypeAlias = Source
    Evidence: TypeAlias = Evidence

    account = models.ForeignKey(
        ExchangeAccount, models.PROTECT, related_name="entries", db_index=False, verbose_name=_("account")
    )
    seq = models.BigIntegerField(_("number"))
    entry_id = models.UUIDField(_("entry id"))
    v = models.PositiveSmallIntegerField(_("format"), default=1)
    direction = models.CharField(_("direction"), max_length=8, choices=Direction.choices)
    # the Exchange's numbers, not rows of the mirror: what is recorded outlives what is listed
    service_id = models.BigIntegerField(_("service"))
    service_name = models.TextField(_("service name"), null=True)
    model_family = models.TextField(_("model family"), null=True)
    provider_id = models.BigIntegerField(_("provider"), null=True)
    provider_name = models.TextField(_("provider name"), null=True)
    price_per_1k_tokens = PriceField(_("USD per 1,000 tokens"), null=True)
    cost_nanos = models.BigIntegerField(_("cost in nano-dollars"), null=True)
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    prompt_tokens = models.BigIntegerField(_("prompt tokens"))
    completion_tokens = models.BigIntegerField(_("completion tokens"))
    cached_tokens = models.BigIntegerField(_("cached tokens"), null=True)
    reasoning_tokens = models.BigIntegerField(_("reasoning tokens"), null=True)
    memo = models.TextField(_("memo"), blank=True, default="")
    # canonical JSON, for what comes later
    attributes = models.TextField(_("attributes"), default="{}")
    evidence = models.CharField(_("evidence"), max_length=10, choices=Evidence.choices)
    source = models.CharField(_("source"), max_length=8, choices=Source.choices)
    api_key = models.ForeignKey(
        ApiKey, models.PROTECT, null=True, related_name="entries", db_index=False, verbose_name=_("API key")
    )
    occurred_at = models.DateTimeField(_("occurred"))
    # whether the client said when: what it sent is what a repeat is compared with
    occurred_at_given = models.BooleanField(default=False)
    recorded_at = models.DateTimeField(_("recorded"))
    # a number of the same chain, so that nobody can reverse another's entry
    reverses_seq = models.BigIntegerField(_("reverses"), null=True)
    prev_hash = models.CharField(_("previous hash"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        constraints = [
            models.UniqueConstraint(fields=["account", "seq"], name="usage_entry_seq_once"),
            models.UniqueConstraint(fields=["account", "entry_id"], name="usage_entry_id_once"),
            models.UniqueConstraint(fields=["hash"], name="usage_entry_hash_once"),
            models.UniqueConstraint(
                fields=["account", "reverses_seq"],
                condition=Q(reverses_seq__isnull=False),
                name="usage_entry_reversed_once",
            ),
            models.CheckConstraint(condition=Q(seq__gte=1), name="usage_entry_seq_positive"),
            models.CheckConstraint(
                condition=Q(prompt_tokens__range=(0, MAX_TOKENS))
                & Q(completion_tokens__range=(0, MAX_TOKENS)),
                name="usage_entry_tokens_in_range",
            ),
            models.CheckConstraint(
                condition=(
                    Q(cached_tokens__isnull=True)
                    | Q(cached_tokens__gte=0) & Q(cached_tokens__lte=F("prompt_tokens"))
                )
                & (
                    Q(reasoning_tokens__isnull=True)
                    | Q(reasoning_tokens__gte=0) & Q(reasoning_tokens__lte=F("completion_tokens"))
                ),
                name="usage_entry_details_are_subsets",
            ),
            models.CheckConstraint(
                condition=Q(cost_nanos__isnull=True, price_per_1k_tokens__isnull=True)
                | Q(cost_nanos__gte=0, price_per_1k_tokens__isnull=False),
                name="usage_entry_cost_with_price",
            ),
            models.CheckConstraint(
                condition=Q(reverses_seq__isnull=True) | Q(reverses_seq__gte=1, reverses_seq__lt=F("seq")),
                name="usage_entry_reverses_earlier",
            ),
            models.CheckConstraint(
                condition=Q(direction__in=Direction.values)
                & Q(source__in=Source.values)
                & Q(evidence__in=Evidence.values),
                name="usage_entry_words_known",
            ),
        ]
        # every list is one account's, newest first: a filter is an index with that order behind it
        indexes = [
            models.Index(fields=["account", "occurred_at", "seq"], name="usage_entry_by_time"),
            models.Index(
                fields=["account", "direction", "occurred_at", "seq"], name="usage_entry_by_direction"
            ),
            models.Index(
                fields=["account", "service_id", "occurred_at", "seq"], name="usage_entry_by_service"
            ),
            models.Index(
                fields=["account", "provider_id", "occurred_at", "seq"], name="usage_entry_by_provider"
            ),
            models.Index(
                fields=["account", "model_family", "occurred_at", "seq"], name="usage_entry_by_family"
            ),
            models.Index(fields=["account", "source", "occurred_at", "seq"], name="usage_entry_by_source"),
            models.Index(
                fields=["api_key", "occurred_at", "seq"],
                condition=Q(api_key__isnull=False),
                name="usage_entry_by_key",
            ),
            models.Index(fields=["recorded_at", "id"], name="usage_entry_by_recording"),
        ]

    def __str__(self) -> str:
        return f"#{self.seq}"

    def get_direction_display(self) -> str:  # type: ignore[no-redef]  # instead of Django's
        return word_of(Direction, self.direction)

    def get_source_display(self) -> str:  # type: ignore[no-redef]  # instead of Django's
        return word_of(Source, self.source)

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together; cached and reasoning tokens are in them already."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def is_reversal(self) -> bool:
        return self.reverses_seq is not None

    @property
    def sign(self) -> int:
        """1, or -1 for a reversal: by which its tokens and cost are multiplied wherever they are added."""
        return -1 if self.is_reversal else 1

    @property
    def counted_nanos(self) -> int | None:
        """The cost as it counts in sums; None where the price is unknown."""
        return None if self.cost_nanos is None else self.sign * self.cost_nanos
