"""An entry of ours and a line of theirs: in what they differ, and what each counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from accounts.models import ExchangeAccount
from exchange import StatementEntry
from usage.models import LedgerEntry
from usage.reconciling.totals import Figures
from usage.writing.pricing import cost_nanos

COMPARED = ("service_id", "prompt_tokens", "completion_tokens", "direction", "memo")


class Held(NamedTuple):
    """What is needed of an entry to see that a line repeats it."""

    hash: str
    seq: int
    service_id: int
    prompt_tokens: int
    completion_tokens: int
    direction: str
    memo: str
    cost_nanos: int | None
    reverses_seq: int | None
    state: str
    is_reversed: bool

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


_COLUMNS = (*Held._fields[:-2], "delivery__state")


def held_of(account: ExchangeAccount, keys: Iterable[str]) -> dict[str, Held]:
    """The account's entries with these hashes, without the cost of a model for each."""
    entries = LedgerEntry.objects.filter(account=account)
    rows = list(entries.filter(hash__in=keys).values_list(*_COLUMNS))
    reversals = entries.filter(reverses_seq__in=[row[1] for row in rows])
    taken_back = set(reversals.values_list("reverses_seq", flat=True))
    return {row[0]: Held._make((*row, row[1] in taken_back)) for row in rows}


def differing_fields(
    entry: LedgerEntry | Held, line: StatementEntry, *, user_id: int | None
) -> tuple[str, ...]:
    """The names of the fields in which the line does not repeat what was reported."""
    differing = [name for name in COMPARED if getattr(line, name) != getattr(entry, name)]
    return tuple(differing if line.user_id == user_id else ["user_id", *differing])


def figures_of(entry: LedgerEntry) -> Figures:
    """An entry as the Exchange counts it, its money as it was recorded."""
    return figures(entry.direction, entry.total_tokens, entry.cost_nanos or 0)


def figures_of_line(line: StatementEntry, entry: LedgerEntry | None) -> tuple[Figures, int]:
    """A line, its money at the price of our entry; and its tokens again, if there is no such price."""
    tokens = line.prompt_tokens + line.completion_tokens
    price = entry.price_per_1k_tokens if entry is not None else None
    if price is None:
        return figures(line.direction, tokens, 0), tokens
    nanos = cost_nanos(price, prompt_tokens=line.prompt_tokens, completion_tokens=line.completion_tokens)
    return figures(line.direction, tokens, nanos), 0


def figures(direction: str, tokens: int, nanos: int) -> Figures:
    """One entry's tokens and nano-dollars, on the side of its direction."""
    if direction == "consume":
        return Figures(entries=1, consumed_tokens=tokens, cost_nanos=nanos)
    return Figures(entries=1, supplied_tokens=tokens, revenue_nanos=nanos)
