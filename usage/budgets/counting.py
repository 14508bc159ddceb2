"""What keys spend: added with every entry, looked at against the budget, and made again when in doubt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple

from django.db import connection
from django.db.models import F, Q, Sum

from accounts.keys.budgets import Budget, Spent, Window, budget_of, window_of
from accounts.models import ApiKey, ExchangeAccount
from usage.models import BudgetNotice, KeyDay, LedgerEntry, OverBudget, UsageRollup
from usage.models.budget import ALL_TIME, NoticeKind
from usage.models.entry import Direction
from usage.models.rollup import Grain
from usage.rollups import Key, Sums
from usage.writing.inserting import execute_many, insert


class Figures(NamedTuple):
    """What a day of a key adds up: entries, tokens, nano-dollars, tokens without a price."""

    entries: int = 0
    tokens: int = 0
    cost_nanos: int = 0
    unpriced_tokens: int = 0


def add(entries: Iterable[LedgerEntry]) -> None:
    """Add new entries to their keys' days. In the transaction that inserts them, as all that follows it."""
    days: defaultdict[tuple[int, date], list[int]] = defaultdict(lambda: [0] * len(Figures._fields))
    for entry in entries:
        if entry.api_key_id is not None and entry.direction == Direction.CONSUME:
            for place, number in enumerate(_figures(entry)):
                days[entry.api_key_id, _day(entry.occurred_at)][place] += number
    if days:
        # in one order everywhere, so that two never wait for each other in a circle
        rows = [
            (key, connection.ops.adapt_datefield_value(day), *days[key, day]) for key, day in sorted(days)
        ]
        execute_many(_upsert(), rows)


def judge(key: ApiKey, entries: Sequence[LedgerEntry], now: datetime) -> dict[int, OverBudget]:
    """Mark those new entries with which the key goes beyond its budget, and note the limits reached.

    After ``add``, in the same transaction: entries at the same instant see each other's. Answers the marks by
    the entry's number.
    """
    budget = budget_of(key)
    consumed = [entry for entry in entries if entry.direction == Direction.CONSUME]
    if budget is None or not consumed:
        return {}

    by_window: defaultdict[Window, list[LedgerEntry]] = defaultdict(list)
    for entry in consumed:
        by_window[window_of(budget.period, entry.occurred_at)].append(entry)
    marks: dict[int, OverBudget] = {}
    for stretch, fresh in by_window.items():
        after = spent({key.pk: stretch}).get(key.pk, Spent()).of(budget.unit)
        running = before = after - sum(_against(budget, entry) for entry in fresh)
        for entry in fresh:
            running += _against(budget, entry)
            if running > budget.limit:
                marks[entry.seq] = _mark(entry, key, budget, stretch, running)
        _note(key, budget, stretch, before, after, now)
    insert(list(marks.values()))
    return marks


def marked(entries: Iterable[int]) -> set[int]:
    """The numbers of those of these entries (by key of their rows) that are marked."""
    return set(OverBudget.objects.filter(entry__in=entries).values_list("entry__seq", flat=True))


def spent(windows: Mapping[int, Window]) -> dict[int, Spent]:
    """What each of these keys (by number) spent in its window: a look for each different window."""
    by_window: defaultdict[Window, list[int]] = defaultdict(list)
    for key, window in windows.items():
        by_window[window].append(key)
    found: dict[int, Spent] = {}
    for window, keys in by_window.items():
        rows = KeyDay.objects.filter(_within(window), key__in=keys).values_list("key").order_by("key")
        for key, *figures in rows.annotate(*(Sum(name) for name in Figures._fields)):
            entries, tokens, nanos, unpriced = (int(figure) for figure in figures)
            found[key] = Spent(tokens=tokens, nanos=nanos, unpriced_tokens=unpriced, entries=entries)
    return found


def from_rollups(account: ExchangeAccount) -> dict[tuple[int, date], Figures]:
    """What the days of keys must be for the entries of this account, by its rollups."""
    rows = (
        UsageRollup.objects.filter(
            account=account, grain=Grain.DAY, direction=Direction.CONSUME, key_id__gt=0
        )
        .order_by()
        .values_list("key_id", "starts_at")
        .annotate(
            Sum("entries"),
            tokens=Sum(F("prompt_tokens") + F("completion_tokens")),
            nanos=Sum("cost_nanos"),
            unpriced=Sum("unpriced_tokens"),
        )
    )
    return {(key, _day(starts_at)): Figures(*map(int, figures)) for key, starts_at, *figures in rows}


def kept(account: ExchangeAccount) -> dict[tuple[int, date], Figures]:
    """The days of the keys of this account's person, as they are kept."""
    rows = KeyDay.objects.filter(key__user=account.user_id).values_list("key", "day", *Figures._fields)
    return {(key, day): Figures(*figures) for key, day, *figures in rows}


def from_sums(sums: Mapping[Key, Sums]) -> dict[tuple[int, date], Figures]:
    """The same by rollups that somebody has added up anew."""
    days: defaultdict[tuple[int, date], list[int]] = defaultdict(lambda: [0] * len(Figures._fields))
    for key, one in sums.items():
        if key.grain == Grain.DAY and key.direction == Direction.CONSUME and key.key_id:
            tokens = one.prompt_tokens + one.completion_tokens
            for place, number in enumerate((one.entries, tokens, one.cost_nanos, one.unpriced_tokens)):
                days[key.key_id, _day(key.starts_at)][place] += number
    return {key: Figures(*figures) for key, figures in days.items()}


def wanted(
    account: ExchangeAccount, exact: Mapping[Key, Sums] | None = None
) -> dict[tuple[int, date], Figures]:
    """What they must be: a key records into the books of every Exchange that its person is at.

    ``exact`` are this account's rollups as they should be, where those that are kept are not to be believed.
    """
    days: defaultdict[tuple[int, date], list[int]] = defaultdict(lambda: [0] * len(Figures._fields))
    for one in ExchangeAccount.objects.filter(user=account.user_id):
        own = from_rollups(one) if exact is None or one.pk != account.pk else from_sums(exact)
        for key, figures in own.items():
            for place, number in enumerate(figures):
                days[key][place] += number
    return {key: Figures(*figures) for key, figures in days.items()}


def rebuild(account: ExchangeAccount) -> int:
    """Make the days of this person's keys again from the rollups; how many were wrong.

    In a transaction that holds the account's chain, after its rollups were made again.
    """
    there, right = kept(account), wanted(account)
    wrong = [key for key in there.keys() | right.keys() if there.get(key) != right.get(key)]
    for key, day in wrong:
        figures = right.get((key, day), Figures())
        KeyDay.objects.update_or_create(key_id=key, day=day, defaults=figures._asdict())
    return len(wrong)


def _mark(entry: LedgerEntry, key: ApiKey, budget: Budget, window: Window, running: int) -> OverBudget:
    return OverBudget(
        entry_id=entry.pk,
        key_id=key.pk,
        unit=budget.unit.value,
        period=budget.period.value,
        starts_on=_starts_on(window),
        limit=budget.limit,
        spent=running,
    )


def _note(key: ApiKey, budget: Budget, window: Window, before: int, after: int, now: datetime) -> None:
    thresholds = [(NoticeKind.FULL, budget.limit)]
    if budget.soft_limit is not None:
        thresholds.append((NoticeKind.SOFT, budget.soft_limit))
    reached = [(kind, threshold) for kind, threshold in thresholds if before < threshold <= after]
    if not reached or (window.ends_at is not None and window.ends_at <= now):
        return  # a period that is over needs nobody's attention
    BudgetNotice.objects.bulk_create(
        [
            BudgetNotice(
                key=key,
                kind=kind,
                unit=budget.unit,
                period=budget.period,
                starts_on=_starts_on(window),
                threshold=threshold,
                limit=budget.limit,
                spent=after,
                noted_at=now,
                # one mail tells the more important of two that were reached at once
                sent_at=now if kind == NoticeKind.SOFT and len(reached) > 1 else None,
            )
            for kind, threshold in reached
        ],
        ignore_conflicts=True,
    )


def _against(budget: Budget, entry: LedgerEntry) -> int:
    figures = _figures(entry)
    return figures.tokens if budget.unit == budget.unit.TOKENS else figures.cost_nanos


def _figures(entry: LedgerEntry) -> Figures:
    sign, tokens = entry.sign, entry.total_tokens
    return Figures(
        1, sign * tokens, sign * (entry.cost_nanos or 0), sign * tokens if entry.cost_nanos is None else 0
    )


def _within(window: Window) -> Q:
    within = Q()
    if window.starts_at is not None:
        within &= Q(day__gte=_day(window.starts_at))
    if window.ends_at is not None:
        # it ends with a midnight, which is of the next day
        within &= Q(day__lt=_day(window.ends_at))
    return within


def _starts_on(window: Window) -> date:
    return ALL_TIME if window.starts_at is None else _day(window.starts_at)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


@lru_cache(maxsize=1)
def _upsert() -> str:
    table = KeyDay._meta.db_table
    names, places = (
        ", ".join(("key_id", "day", *Figures._fields)),
        ", ".join(["%s"] * (2 + len(Figures._fields))),
    )
    change = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in Figures._fields)
    # only names of our own columns are in it
    return f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT (key_id, day) DO UPDATE SET {change}"  # noqa: S608
