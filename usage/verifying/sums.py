"""What the entries add up to, against every figure that is kept beside them: totals, rollups, tallies.

Rollups are as many as there are hours and services, in a busy ledger nearly as many as entries. So they are
not added up one by one: each is weighed with a secret number that depends on its key, and entries and
rollups must weigh the same. Only where they do not, they are added up exactly, to name those that differ.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import itemgetter

from django.db import connection

from accounts.models import ExchangeAccount
from usage import rollups, tallies
from usage.budgets import counting as budget_counting
from usage.models import Chain, UsageRollup
from usage.models.entry import Direction
from usage.models.rollup import Grain
from usage.rollups import Key, Sums
from usage.verifying.problems import Kind, Problems
from usage.verifying.rows import AT, STATE, Row, pages

MOST_NAMED = 20
"""Rollups that are named; one wrong entry is in a few, a wrong hand in all of them."""

PAGE = 2000
TOTALS = ("consumed_tokens", "supplied_tokens", "cost_nanos", "revenue_nanos", "gross_tokens", "gross_nanos")
_of = itemgetter(
    *(
        AT[name]
        for name in (
            "prompt_tokens",
            "completion_tokens",
            "cached_tokens",
            "reasoning_tokens",
            "cost_nanos",
            "reverses_seq",
            "direction",
            "service_id",
            "provider_id",
            "model_family",
            "api_key_id",
            "occurred_at",
        )
    )
)
_HOUR, _DAY = len("2026-11-23T17"), len("2026-11-23")


class Adder:
    """Adds entries up, one at a time, in as many numbers as there are states of delivery."""

    def __init__(self) -> None:
        self._states: defaultdict[tuple[str | None, str, bool], list[int]] = defaultdict(lambda: [0, 0, 0])
        self._salt = secrets.randbits(62)
        self._weights = [secrets.randbits(62) for _ in Sums._fields]
        self._hours = self._days = 0

    def add(self, row: Row) -> None:
        """Add an entry. Raises TypeError for what is no number."""
        (
            prompt, completion, cached, reasoning, cost, reverses,
            direction, service, provider, family, api_key, occurred,
        ) = _of(row)  # fmt: skip
        one, of_prompt, of_completion, of_cached, of_reasoning, of_nanos, of_unpriced = self._weights
        tokens = prompt + completion
        state = self._states[row[STATE], direction, reverses is None]
        state[0] += 1
        state[1] += tokens
        state[2] += cost or 0
        weight = prompt * of_prompt + completion * of_completion
        if cost is None:
            weight += tokens * of_unpriced
        else:
            weight += cost * of_nanos
        if cached:
            weight += cached * of_cached
        if reasoning:
            weight += reasoning * of_reasoning
        weight = one + weight if reverses is None else one - weight
        rest = (direction, service, provider or 0, family or "", api_key or 0, self._salt)
        self._hours += weight * hash((occurred[:_HOUR] + ":00:00.000000", rest))
        self._days += weight * hash((occurred[:_DAY] + "T00:00:00.000000", rest))

    def fits_rollups(self, account: ExchangeAccount) -> bool:
        """Whether the rollups weigh what the entries do. One that differs would go unnoticed once in 2^60."""
        weighed = {Grain.HOUR.value: 0, Grain.DAY.value: 0}
        one, of_prompt, of_completion, of_cached, of_reasoning, of_nanos, of_unpriced = self._weights
        for row in _kept(account):
            grain, starts_at, n, prompt, completion, cached, reasoning, nanos, unpriced, *rest = row
            weight = (
                n * one
                + prompt * of_prompt
                + completion * of_completion
                + cached * of_cached
                + reasoning * of_reasoning
                + nanos * of_nanos
                + unpriced * of_unpriced
            )
            weighed[grain] = weighed.get(grain, 0) + weight * hash((starts_at, (*rest, self._salt)))
        return weighed == {Grain.HOUR.value: self._hours, Grain.DAY.value: self._days}

    def totals(self) -> dict[str, int]:
        """What the chain's row must say."""
        sums = dict.fromkeys(
            (
                "consumed_tokens",
                "supplied_tokens",
                "cost_nanos",
                "revenue_nanos",
                "gross_tokens",
                "gross_nanos",
            ),
            0,
        )
        for (_state, direction, counts), (_entries, tokens, nanos) in self._states.items():
            consumed, sign = direction == Direction.CONSUME, 1 if counts else -1
            sums["consumed_tokens" if consumed else "supplied_tokens"] += sign * tokens
            sums["cost_nanos" if consumed else "revenue_nanos"] += sign * nanos
            sums["gross_tokens"] += tokens
            sums["gross_nanos"] += nanos
        return sums

    def tallies(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        """Entries, tokens and nano-dollars by state and direction, those without a delivery left out."""
        sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        for (state, direction, _counts), figures in self._states.items():
            if state is not None:
                for place, number in enumerate(figures):
                    sums[state, direction][place] += number
        return {key: (n, tokens, nanos) for key, (n, tokens, nanos) in sums.items()}


def exact_rollups(account: ExchangeAccount) -> dict[Key, Sums]:
    """The rollups that there must be, from the entries."""
    wanted: defaultdict[Key, list[int]] = defaultdict(lambda: [0] * len(Sums._fields))
    for rows in pages(account.pk, account.exchange_id):
        for row in rows:
            try:
                figures, keys = _exact(row)
            except (TypeError, ValueError):
                continue  # no number, or no time: said of the entry already
            for key in keys:
                for place, number in enumerate(figures):
                    wanted[key][place] += number
    return {key: Sums(*sums) for key, sums in wanted.items()}


def _exact(row: Row) -> tuple[Sums, list[Key]]:
    prompt, completion, cached, reasoning, cost, reverses, *rest, occurred = _of(row)
    direction, service, provider, family, api_key = rest
    sign = 1 if reverses is None else -1
    unpriced = prompt + completion if cost is None else 0
    figures = (prompt, completion, cached or 0, reasoning or 0, cost or 0, unpriced)
    sum(figures)  # all are numbers
    hour = datetime.strptime(occurred[:_HOUR], "%Y-%m-%dT%H").replace(tzinfo=UTC)
    told = (direction, service, provider or 0, family or "", api_key or 0)
    keys = [Key(Grain.HOUR.value, hour, *told), Key(Grain.DAY.value, hour.replace(hour=0), *told)]
    return Sums(1, *(sign * number for number in figures)), keys


def _kept(account: ExchangeAccount) -> Iterator[Row]:
    """The account's rollups as plain rows: grain, beginning, sums, and what tells them apart."""
    starts_at = (
        """to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')"""
        if connection.vendor == "postgresql"
        else "replace(starts_at, ' ', 'T') || CASE length(starts_at) WHEN 19 THEN '.000000' ELSE '' END"
    )
    columns = ", ".join(("grain", starts_at, *Sums._fields, *Key._fields[2:]))
    table = UsageRollup._meta.db_table
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} WHERE account_id = %s", [account.pk])  # noqa: S608 - our own
        while rows := cursor.fetchmany(PAGE):
            yield from rows


def compare(account: ExchangeAccount, chain: Chain, adder: Adder, problems: Problems) -> None:
    """Name every derived figure that is not what the entries add up to."""
    for name, wanted in adder.totals().items():
        kept = getattr(chain, name)
        if kept != wanted:
            problems.add(
                None, Kind.TOTALS, f"The chain's {name} is kept as {kept:,}; its entries make {wanted:,}."
            )
    exact = None if adder.fits_rollups(account) else exact_rollups(account)
    differences = [] if exact is None else rollups.compare(account, exact)
    for one in differences[:MOST_NAMED]:
        problems.add(None, Kind.ROLLUP, _sentence(one))
    if len(differences) > MOST_NAMED:
        more = len(differences) - MOST_NAMED
        problems.add(None, Kind.ROLLUP, f"{more:,} more rollups differ from their entries.")
    for message in (*_tally_differences(account, adder), *_key_differences(account, exact)):
        problems.add(None, Kind.TALLY, message)


def _sentence(one: rollups.Difference) -> str:
    key = one.key
    unlike = ", ".join(
        f"{name} {kept:,} instead of {wanted:,}"
        for name, kept, wanted in zip(Sums._fields, one.kept, one.entries, strict=True)
        if kept != wanted
    )
    return (
        f"The rollup of the {key.grain} from {key.starts_at:%Y-%m-%d %H:%M} UTC ({key.direction}, "
        f"service {key.service_id}) differs from its entries: {unlike}."
    )


def _tally_differences(account: ExchangeAccount, adder: Adder) -> Iterator[str]:
    kept = {key: (row.entries, row.tokens, row.cost_nanos) for key, row in tallies.of(account).items()}
    wanted = adder.tallies()
    for key in sorted(kept.keys() | wanted.keys()):
        there, right = kept.get(key, (0, 0, 0)), wanted.get(key, (0, 0, 0))
        if there != right:
            state, direction = key
            yield (
                f"The tally of {state} deliveries ({direction}) says {there[0]:,} entries, {there[1]:,} "
                f"tokens, {there[2]:,} nano-dollars; there are {right[0]:,}, {right[1]:,}, {right[2]:,}."
            )


def _key_differences(account: ExchangeAccount, exact: dict[Key, Sums] | None) -> Iterator[str]:
    """The days of keys, from which budgets are told, against the rollups: ``exact`` where those differ."""
    kept, wanted = budget_counting.kept(account), budget_counting.wanted(account, exact)
    nothing = budget_counting.Figures()
    for key, day in sorted(kept.keys() | wanted.keys()):
        there, right = kept.get((key, day), nothing), wanted.get((key, day), nothing)
        if there != right:
            yield (
                f"The spending of API key {key} on {day} says {there.entries:,} entries, {there.tokens:,} "
                f"tokens, {there.cost_nanos:,} nano-dollars; its entries make {right.entries:,}, "
                f"{right.tokens:,}, {right.cost_nanos:,}."
            )
