from __future__ import annotations

import uuid
from typing import TypeAlias

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Exchange, ExchangeAccount
from usage.models.entry import Direction, LedgerEntry
from usage.models.words import word_of


class State(models.TextChoices):
    PENDING = "pending", _("Pending")
    # an attempt is under way, or its worker died: the lease tells
    SENDING = "sending", _("Sending")
    DELIVERED = "delivered", _("Delivered")
    REJECTED = "rejected", _("Rejected")
    # sent, and nobody knows whether it was counted: never sent again by itself
    UNCERTAIN = "uncertain", _("Uncertain")
    # reversed before it was counted: neither it nor its reversal is sent
    WITHDRAWN = "withdrawn", _("Withdrawn")
    # the reversal of what was delivered: the Exchange knows no reversals
    LOCAL = "local", _("Local only")


class SettledBy(models.TextChoices):
    ANSWER = "answer", _("The Exchange's answer")
    STATEMENT = "statement", _("The Exchange's statement")
    PERSON = "person", _("A person")
    REVERSAL = "reversal", _("A reversal")


class Delivery(models.Model):
    """How an entry's report to the Exchange stands. Made with the entry; moved by usage.delivery alone."""

    State: TypeAlias = State
    SettledBy: TypeAlias = SettledBy

    entry = models.OneToOneField(
        LedgerEntry, models.PROTECT, primary_key=True, related_name="delivery", verbose_name=_("entry")
    )
    # of the entry, again: so that a list by state needs no other table for its order
    account = models.ForeignKey(
        ExchangeAccount, models.PROTECT, related_name="deliveries", db_index=False, verbose_name=_("account")
    )
    exchange = models.ForeignKey(
        Exchange, models.PROTECT, related_name="deliveries", db_index=False, verbose_name=_("Exchange")
    )
    seq = models.BigIntegerField(_("number"))
    occurred_at = models.DateTimeField(_("occurred"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    # NULL: at once
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True)
    # another one at each taking: a worker that comes back late finds it taken
    lease = models.UUIDField(null=True, editable=False)
    leased_until = models.DateTimeField(_("leased until"), null=True)
    settled_at = models.DateTimeField(_("settled"), null=True)
    settled_by = models.CharField(
        _("settled by"), max_length=10, choices=SettledBy.choices, blank=True, default=""
    )
    # what the Exchange said, the last time
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    error = models.TextField(_("error"), blank=True, default="")
    rules = models.JSONField(_("rules"), default=list, blank=True)
    receipt = models.JSONField(_("receipt"), null=True)
    exchange_entry_id = models.BigIntegerField(_("number at the Exchange"), null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="usage_delivery_state_known"),
            models.CheckConstraint(
                condition=Q(state=State.SENDING, lease__isnull=False, leased_until__isnull=False)
                | ~Q(state=State.SENDING) & Q(lease__isnull=True, leased_until__isnull=True),
                name="usage_delivery_leased_while_sending",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "state", "occurred_at", "seq"], name="usage_delivery_by_state"),
            models.Index(
                fields=["exchange", "next_attempt_at", "entry"],
                condition=Q(state=State.PENDING),
                name="usage_delivery_pending",
            ),
            models.Index(
                fields=["exchange", "leased_until"],
                condition=Q(state=State.SENDING),
                name="usage_delivery_sending",
            ),
            # few: for the admin, which looks at all accounts
            models.Index(
                fields=["state", "entry"],
                condition=Q(state=State.UNCERTAIN) | Q(state=State.REJECTED),
                name="usage_delivery_unsettled",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.seq}: {self.get_state_display()}"

    def get_state_display(self) -> str:  # type: ignore[no-redef]  # instead of Django's
        return word_of(State, self.state)

    @property
    def is_under_way(self) -> bool:
        """Whether it moves on by itself: who looks at it may look again."""
        return self.state in (State.PENDING, State.SENDING)


class DeliveryAttempt(models.Model):
    """One attempt to report an entry: committed before anything is sent, completed by what came of it."""

    delivery = models.ForeignKey(
        Delivery, models.PROTECT, related_name="attempt_log", verbose_name=_("delivery")
    )
    number = models.PositiveIntegerField(_("attempt"))
    started_at = models.DateTimeField(_("started"))
    # NULL: nothing is known of its end
    ended_at = models.DateTimeField(_("ended"), null=True)
    outcome = models.CharField(_("outcome"), max_length=10, blank=True, default="")
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    error = models.TextField(_("error"), blank=True, default="")
    request_id = models.CharField(_("request id"), max_length=128, blank=True, default="")

    class Meta:
        verbose_name = _("delivery attempt")
        verbose_name_plural = _("delivery attempts")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="usage_attempt_number_once")
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id}/{self.number}"


class DeliveryTally(models.Model):
    """How many of an account's entries stand in a state, by direction; moved with each delivery.

    Tokens and nano-dollars are as the Exchange counts them, so a reversal adds its own as they are.
    """

    account = models.ForeignKey(ExchangeAccount, models.PROTECT, related_name="tallies", db_index=False)
    state = models.CharField(max_length=10, choices=State.choices)
    direction = models.CharField(max_length=8, choices=Direction.choices)
    entries = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    cost_nanos = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("delivery tally")
        verbose_name_plural = _("delivery tallies")
        constraints = [
            models.UniqueConstraint(fields=["account", "state", "direction"], name="usage_tally_once")
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.state} {self.direction}"


class DeliveryQueue(models.Model):
    """How delivery to one Exchange is doing: it survives a restart, and shows whether a worker runs."""

    exchange = models.OneToOneField(
        Exchange, models.PROTECT, primary_key=True, related_name="delivery_queue", verbose_name=_("Exchange")
    )
    # the Exchange is away or asks for fewer requests: nobody tries before this
    paused_until = models.DateTimeField(_("paused until"), null=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    failure = models.TextField(_("last failure"), blank=True, default="")
    worker_seen_at = models.DateTimeField(_("worker last seen"), null=True)
    delivered_at = models.DateTimeField(_("last delivered"), null=True)
    reconciled_at = models.DateTimeField(_("last reconciled"), null=True)
    # names these books, and how often something was taken to be sent: usage.delivering.restore
    queue_id = models.UUIDField(default=uuid.uuid4, editable=False)
    claims = models.BigIntegerField(default=0, editable=False)
    # the last time that the database was found to be a restored backup, and by which heads: once is enough
    restored_at = models.DateTimeField(_("backup restored"), null=True)
    restored_heads = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        verbose_name = _("delivery queue")
        verbose_name_plural = _("delivery queues")

    def __str__(self) -> str:
        return str(self.exchange)
