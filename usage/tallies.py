"""How many entries stand in which state of delivery: kept with each move, so that no page has to count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

from accounts.models import ExchangeAccount
from usage.models import Delivery, DeliveryTally, LedgerEntry
from usage.writing.inserting import execute_many

State = Delivery.State
FIGURES = ("entries", "tokens", "cost_nanos")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One entry goes from a state to another; ``before`` is None for a new one. Tokens, nano-dollars."""

    direction: str
    tokens: int
    cost_nanos: int
    before: str | None
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What stands in some states: tokens and nano-dollars as the Exchange counts them."""

    entries: int = 0
    consumed_tokens: int = 0
    supplied_tokens: int = 0
    cost_nanos: int = 0
    revenue_nanos: int = 0

    @property
    def net_tokens(self) -> int:
        """Supplied minus consumed."""
        return self.supplied_tokens - self.consumed_tokens


def move_of(entry: LedgerEntry, before: str | None, after: str) -> Move:
    """The move of this entry between two states."""
    return Move(
        direction=entry.direction,
        tokens=entry.total_tokens,
        cost_nanos=entry.cost_nanos or 0,
        before=before,
        after=after,
    )


def move(account_id: int, moves: Iterable[Move]) -> None:
    """Count these moves. Must be called inside the transaction that makes them, and last of all in it."""
    if not connection.in_atomic_block:
        raise RuntimeError("Tallies move in the transaction that moves the deliveries.")
    changes: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in moves:
        for state, sign in ((one.before, -1), (one.after, 1)):
            if state is not None:
                change = changes[state, one.direction]
                change[0] += sign
                change[1] += sign * one.tokens
                change[2] += sign * one.cost_nanos
    # in one order everywhere, so that two who move at once never wait for each other in a circle
    rows: list[tuple[str | int, ...]] = [
        (account_id, *which, *change) for which, change in sorted(changes.items()) if any(change)
    ]
    execute_many(_upsert(), rows)


def of(account: ExchangeAccount) -> dict[tuple[str, str], DeliveryTally]:
    """Every tally of the account, by state and direction."""
    return {(row.state, row.direction): row for row in DeliveryTally.objects.filter(account=account)}


def in_state(account: ExchangeAccount, *states: str) -> Counts:
    """What stands in these states."""
    return sum_up(row for row in of(account).values() if row.state in states)


def sum_up(rows: Iterable[DeliveryTally]) -> Counts:
    """Several tallies together."""
    entries = 0
    tokens: defaultdict[str, int] = defaultdict(int)
    nanos: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        entries += row.entries
        tokens[row.direction] += row.tokens
        nanos[row.direction] += row.cost_nanos
    return Counts(
        entries=entries,
        consumed_tokens=tokens["consume"],
        supplied_tokens=tokens["supply"],
        cost_nanos=nanos["consume"],
        revenue_nanos=nanos["supply"],
    )


@lru_cache(maxsize=1)
def _upsert() -> str:
    table = DeliveryTally._meta.db_table
    names = ("account_id", "state", "direction", *FIGURES)
    change = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in FIGURES)
    # only names of our own columns are in it
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))}) "  # noqa: S608
        f"ON CONFLICT (account_id, state, direction) DO UPDATE SET {change}"
    )
