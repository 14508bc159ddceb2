"""Making again what is derived from the entries: rollups, tallies, totals. Never an entry or a head."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import product

from django.db import transaction
from django.db.models import BooleanField, Count, ExpressionWrapper, F, Q, Sum

from accounts import audit
from accounts.models import ExchangeAccount
from accounts.models.audit import SubjectKind
from usage import rollups
from usage.budgets import counting as budget_counting
from usage.models import Chain, Delivery, DeliveryTally, LedgerEntry
from usage.models.entry import Direction


@dataclass(frozen=True, slots=True)
class Repaired:
    """How many rollups there are now, and which totals and tallies said something else before."""

    rollups: int
    totals: tuple[str, ...]
    tallies: tuple[str, ...]


def rebuild_derived(account: ExchangeAccount) -> Repaired:
    """Make them again, in one transaction; recording into this account waits meanwhile."""
    with transaction.atomic():
        # the order in which everybody locks: the chain, deliveries, tallies
        chain = Chain.objects.select_for_update().filter(account=account).first()
        made = rollups.rebuild(account)
        budget_counting.rebuild(account)
        done = Repaired(made, _rebuild_totals(chain) if chain else (), _rebuild_tallies(account))
        detail = {"rollups": done.rollups, "wrong": [*done.totals, *done.tallies]}
        audit.note("books.rebuilt", account=account, subject=audit.Subject(SubjectKind.BOOKS), detail=detail)
        return done


def _rebuild_totals(chain: Chain) -> tuple[str, ...]:
    sums: defaultdict[str, int] = defaultdict(int)
    rows = (
        LedgerEntry.objects.filter(account=chain.account_id)
        .annotate(counts=ExpressionWrapper(Q(reverses_seq__isnull=True), BooleanField()))
        .values_list("direction", "counts")
        .annotate(tokens=Sum(F("prompt_tokens") + F("completion_tokens")), nanos=Sum("cost_nanos"))
    )
    for direction, counts, tokens, nanos in rows:
        tokens, nanos, sign = int(tokens), int(nanos or 0), 1 if counts else -1
        consumed = direction == Direction.CONSUME
        sums["consumed_tokens" if consumed else "supplied_tokens"] += sign * tokens
        sums["cost_nanos" if consumed else "revenue_nanos"] += sign * nanos
        sums["gross_tokens"] += tokens
        sums["gross_nanos"] += nanos
    names = (
        "consumed_tokens",
        "supplied_tokens",
        "cost_nanos",
        "revenue_nanos",
        "gross_tokens",
        "gross_nanos",
    )
    wrong = tuple(name for name in names if getattr(chain, name) != sums[name])
    for name in wrong:
        setattr(chain, name, sums[name])
    if wrong:
        chain.save(update_fields=wrong)
    return wrong


def _rebuild_tallies(account: ExchangeAccount) -> tuple[str, ...]:
    every = list(product(Delivery.State.values, Direction.values))
    DeliveryTally.objects.bulk_create(
        [DeliveryTally(account=account, state=state, direction=direction) for state, direction in every],
        ignore_conflicts=True,
    )
    # a delivery that is moving now has locked its tally already, or will add to what is written here
    kept = {
        (tally.state, tally.direction): tally
        for tally in DeliveryTally.objects.select_for_update()
        .filter(account=account)
        .order_by("state", "direction")
    }
    rows = (
        Delivery.objects.filter(account=account)
        .values_list("state", "entry__direction")
        .annotate(
            entries=Count("pk"),
            tokens=Sum(F("entry__prompt_tokens") + F("entry__completion_tokens")),
            nanos=Sum("entry__cost_nanos"),
        )
    )
    right = {
        (state, direction): (entries, int(tokens), int(nanos or 0))
        for state, direction, entries, tokens, nanos in rows
    }
    wrong = []
    for key, tally in kept.items():
        figures = right.get(key, (0, 0, 0))
        if (tally.entries, tally.tokens, tally.cost_nanos) != figures:
            tally.entries, tally.tokens, tally.cost_nanos = figures
            tally.save(update_fields=["entries", "tokens", "cost_nanos"])
            wrong.append(" ".join(key))
    return tuple(wrong)
