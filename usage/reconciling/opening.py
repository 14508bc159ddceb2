"""What the Exchange had counted before our first entry: told from what came later, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from accounts.models import ExchangeAccount
from exchange import StatementEntry, UsageSummary
from usage.models import Delivery, DeliveryAttempt, DeliveryQueue, LedgerEntry, OpeningBalance
from usage.reconciling.totals import Books


@dataclass(slots=True)
class Opening:
    """The statement's lines from before our first entry, added up as they are read.

    While none is ``kept``: every line that is older than our first entry and comes before the first line of
    ours. Once kept, its lines are those up to the newest one of then, and must add up to what they did.
    """

    kept: OpeningBalance | None
    first_recorded_at: datetime | None
    entries: int = 0
    consumed: int = 0
    supplied: int = 0
    last_id: int = 0
    closed: bool = False

    def takes(self, line: StatementEntry) -> bool:
        """Whether a line behind which there is no entry of ours belongs to the opening balance."""
        if self.kept is not None and self.kept.last_id is not None:
            belongs = line.id <= self.kept.last_id
        else:
            older = self.first_recorded_at is None or line.created_at < self.first_recorded_at
            belongs = older and not self.closed
        if not belongs:
            self.closed = True
            return False
        self.entries += 1
        self.last_id = line.id
        tokens = line.prompt_tokens + line.completion_tokens
        if line.direction == "consume":
            self.consumed += tokens
        else:
            self.supplied += tokens
        return True

    def has_grown_since(self, kept: OpeningBalance) -> bool:
        """Whether totals were looked at before our first entry, and more was counted until that."""
        was_early = self.first_recorded_at is not None and kept.taken_at < self.first_recorded_at
        return was_early and self.consumed >= kept.consumed_tokens and self.supplied >= kept.supplied_tokens

    @property
    def holds(self) -> bool:
        """Whether the lines still add up to what was found then."""
        kept = self.kept
        return kept is None or (self.consumed, self.supplied) == (kept.consumed_tokens, kept.supplied_tokens)


def opening_of(account: ExchangeAccount) -> Opening:
    """Ready to read a statement from its beginning."""
    first = LedgerEntry.objects.filter(account=account, seq=1).values_list("recorded_at", flat=True).first()
    return Opening(kept=kept_for(account), first_recorded_at=first)


def kept_for(account: ExchangeAccount) -> OpeningBalance | None:
    return OpeningBalance.objects.filter(account=account).first()


def keep_from_lines(account: ExchangeAccount, opening: Opening, *, sound: bool) -> OpeningBalance:
    """The statement has been read to its end: its opening balance is what it is from now on.

    One that is not ``sound`` (its own chain does not hold) serves for this once, and nothing is kept.
    """
    found = {
        "taken_at": timezone.now(),
        "consumed_tokens": opening.consumed,
        "supplied_tokens": opening.supplied,
        "last_id": opening.last_id,
    }
    if not sound:
        return opening.kept or OpeningBalance(account=account, **found)
    kept, made = OpeningBalance.objects.get_or_create(account=account, defaults=found)
    if not made and kept.last_id is None:
        # taken from totals before there was a statement: which lines it was is known now
        kept.last_id = opening.last_id
        if opening.has_grown_since(kept):
            kept.consumed_tokens, kept.supplied_tokens = opening.consumed, opening.supplied
        kept.save(update_fields=["last_id", "consumed_tokens", "supplied_tokens"])
        opening.kept = kept
    return kept


def keep_from_totals(
    account: ExchangeAccount, summary: UsageSummary, *, before: Books, after: Books
) -> OpeningBalance | None:
    """Take the Exchange's totals for the opening balance, if nothing of ours can be in them.

    Or if nothing else can: an opening balance of none, where the totals are ours to the token. Whoever asks
    for the totals may call this, with our books as they were before and after. None: it cannot be told.
    """
    kept = kept_for(account)
    if kept is not None:
        return kept
    least, most = before.delivered, after.at_most
    theirs = (summary.consumed_tokens, summary.supplied_tokens)
    if not most.entries and not _may_be_counted(account):
        consumed, supplied = theirs
    elif least == most and theirs == (most.consumed_tokens, most.supplied_tokens):
        consumed, supplied = 0, 0
    else:
        return None
    return OpeningBalance.objects.get_or_create(
        account=account,
        defaults={"taken_at": timezone.now(), "consumed_tokens": consumed, "supplied_tokens": supplied},
    )[0]


def _may_be_counted(account: ExchangeAccount) -> bool:
    """Whether anything was ever sent of which it is not certain that it was not counted.

    Whatever a person said of it since. In a restored backup nobody knows what was sent.
    """
    attempts = DeliveryAttempt.objects.filter(delivery__account=account)
    not_counted = (Delivery.State.PENDING, Delivery.State.REJECTED)
    restored = DeliveryQueue.objects.filter(exchange=account.exchange_id, restored_at__isnull=False)
    return attempts.exclude(outcome__in=not_counted).exists() or restored.exists()
