"""What the Exchange keeps: accounts with totals, providers, services, entries, and its misbehaviour."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from sandbox.chain import GENESIS_HASH

# Tokens that the Exchange gives every new account.
FREE_TOKENS = 100_000


class Account(models.Model):
    """Who trades. Totals (tokens) and the head of the chain move in the transaction that adds an entry."""

    email = models.CharField(max_length=254, unique=True)
    display_name = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    is_consumer = models.BooleanField(default=False)
    is_provider = models.BooleanField(default=False)
    free_tokens_granted = models.PositiveBigIntegerField(default=FREE_TOKENS)
    consumed_tokens = models.PositiveBigIntegerField(default=0)
    supplied_tokens = models.PositiveBigIntegerField(default=0)
    entry_count = models.PositiveBigIntegerField(default=0)
    ledger_hash = models.CharField(max_length=64, default=GENESIS_HASH)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="sandbox_account_email_lower"),
            models.CheckConstraint(
                condition=Q(is_consumer=True) | Q(is_provider=True), name="sandbox_account_has_a_role"
            ),
        ]

    def __str__(self) -> str:
        return self.email


class Provider(models.Model):
    """An account that may publish; its name and description are the account's."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="provider")

    def __str__(self) -> str:
        return self.account.display_name or f"Provider {self.pk}"


class Service(models.Model):
    """An offering. The price is decimal text (USD per 1,000 tokens): SQLite makes floats of decimals."""

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="services")
    name = models.CharField(max_length=200)
    model_family = models.CharField(max_length=200)
    price_per_1k = models.CharField(max_length=20)
    trial_tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "name"], name="sandbox_service_once_per_provider"),
        ]

    def __str__(self) -> str:
        return self.name


class Entry(models.Model):
    """One report of tokens, never changed. No two of an account share a predecessor: no chain can fork."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+")
    direction = models.CharField(max_length=7)
    prompt_tokens = models.PositiveBigIntegerField()
    completion_tokens = models.PositiveBigIntegerField()
    memo = models.TextField(blank=True)
    idempotency_key = models.CharField(max_length=64, null=True)
    created_at = models.DateTimeField()
    prev_hash = models.CharField(max_length=64)
    # NULL only inside the transaction that makes the entry: its id, which the database gives, is hashed too.
    hash = models.CharField(max_length=64, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "prev_hash"], name="sandbox_entry_chain_never_forks"),
            models.UniqueConstraint(fields=["account", "idempotency_key"], name="sandbox_entry_key_once"),
            models.CheckConstraint(
                condition=Q(direction__in=["consume", "supply"]), name="sandbox_entry_direction_known"
            ),
        ]
        indexes = [models.Index(fields=["account", "id"], name="sandbox_entry_statement")]

    def __str__(self) -> str:
        return f"{self.direction} {self.prompt_tokens + self.completion_tokens} tokens"


class Fault(models.Model):
    """How the Exchange misbehaves: one row, read at every request, so that all its workers agree."""

    latency_ms = models.PositiveIntegerField(default=0)
    error_share = models.FloatField(default=0)
    error_status = models.PositiveSmallIntegerField(default=503)
    drop_before_share = models.FloatField(default=0)
    drop_after_share = models.FloatField(default=0)
    malformed_share = models.FloatField(default=0)
    rate_limit_share = models.FloatField(default=0)
    retry_after_s = models.PositiveIntegerField(default=1)
    core_only = models.BooleanField(default=False)
    next = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="sandbox_fault_one_row"),
            models.CheckConstraint(
                condition=Q(error_share__gte=0, drop_before_share__gte=0, drop_after_share__gte=0)
                & Q(malformed_share__gte=0, rate_limit_share__gte=0),
                name="sandbox_fault_shares_from_0",
            ),
            models.CheckConstraint(
                # A hair above 1, for shares such as ten times 0.1 that a float does not add up exactly.
                condition=Q(
                    error_share__lte=1.000001
                    - F("drop_before_share")
                    - F("drop_after_share")
                    - F("malformed_share")
                    - F("rate_limit_share")
                ),
                name="sandbox_fault_shares_to_1",
            ),
            models.CheckConstraint(
                condition=Q(error_status__gte=500, error_status__lte=599), name="sandbox_fault_status_5xx"
            ),
        ]

    def __str__(self) -> str:
        return "misbehaviour"
