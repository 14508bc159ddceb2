"""What came since one looked: the newest entries by number, whatever time they say they occurred at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import ExchangeAccount
from usage.logs.conditions import narrowed
from usage.logs.filters import LogFilters
from usage.models import Chain, Delivery, LedgerEntry

MOST_SHOWN = 50
MOST_LOOKED_AT = 1000
MOST_WATCHED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The new entries that fit, newest first. ``after``: the newest number, from which on to ask next time.

    ``left_out``: so much came that not all of it was looked at; the list itself has it.
    """

    entries: list[LedgerEntry]
    after: int
    left_out: bool = False


def newest(account: ExchangeAccount) -> int:
    """The number of the newest entry; 0 where there is none."""
    return Chain.objects.filter(account=account).values_list("seq", flat=True).first() or 0


def settled(account: ExchangeAccount, seqs: Sequence[int]) -> list[Delivery]:
    """Of the entries that were shown as waiting or being sent, those that are not any more."""
    if not seqs:
        return []
    rows = Delivery.objects.filter(entry__account=account, entry__seq__in=seqs[:MOST_WATCHED])
    return [delivery for delivery in rows.order_by("seq") if not delivery.is_under_way]


def since(account: ExchangeAccount, filters: LogFilters, after: int) -> Tail:
    """What was recorded after this number."""
    mine = LedgerEntry.objects.filter(account=account)
    new = list(
        mine.filter(seq__gt=after).order_by("-seq").values_list("pk", "seq", "memo")[: MOST_LOOKED_AT + 1]
    )
    if not new:
        return Tail(entries=[], after=after)
    words = filters.words
    keys = [pk for pk, _seq, memo in new[:MOST_LOOKED_AT] if words is None or words.fits(memo)]
    rest = {name: value for name, value in filters.chosen.items() if name not in ("q", "since", "until")}
    rows = narrowed(LedgerEntry.objects.filter(pk__in=keys), rest)
    if filters.since:
        rows = rows.filter(occurred_at__gte=filters.since)
    if filters.until:
        rows = rows.filter(occurred_at__lt=filters.until)
    found = sorted(rows.select_related("delivery", "api_key"), key=lambda entry: -entry.seq)
    return Tail(
        entries=found[:MOST_SHOWN],
        after=new[0][1],
        left_out=len(new) > MOST_LOOKED_AT or len(found) > MOST_SHOWN,
    )
