"""Our totals beside the Exchange's, and which part of the difference is known: what it has not counted yet.

Ours are net of reversals; the Exchange counts what was delivered, and knows no reversals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import ExchangeAccount
from usage import tallies
from usage.delivering.pause import SEEN_EVERY
from usage.models import Chain, Delivery, DeliveryQueue, DeliveryTally, OpeningBalance, UsageSnapshot

State = Delivery.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure in tokens, ours and theirs; ``theirs`` is None where it is not known."""

    title: str
    key: str
    ours: int
    theirs: int | None

    @property
    def difference(self) -> int | None:
        """Ours less theirs."""
        return None if self.theirs is None else self.ours - self.theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Entries that are in our totals and not in theirs (tokens positive), or the other way round."""

    state: str
    entries: int
    consumed_tokens: int
    supplied_tokens: int
    sentence: str

    @property
    def tokens(self) -> int:
        """Of both directions, without a sign."""
        return abs(self.consumed_tokens) + abs(self.supplied_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Both books' totals. What no reason explains is for reconciliation to look at line by line."""

    rows: tuple[Row, ...]
    reasons: tuple[Reason, ...]
    unexplained: int
    """Tokens of both directions that differ and that no reason explains; 0 where theirs are unknown.

    What is being sent or uncertain explains anything from nothing to all of it, as in reconciliation.
    """

    @property
    def is_equal(self) -> bool:
        # what waits here and what came another way there may be as many tokens
        return all(row.difference == 0 for row in self.rows) and not self.unexplained


_REASONS: dict[str, tuple[int, Callable[[int], str]]] = {
    State.PENDING: (
        1,
        lambda n: ngettext("%(n)s entry waits for delivery", "%(n)s entries wait for delivery", n),
    ),
    State.SENDING: (1, lambda n: ngettext("%(n)s entry is being sent", "%(n)s entries are being sent", n)),
    State.UNCERTAIN: (
        1,
        lambda n: ngettext(
            "%(n)s entry was sent, and nobody knows whether it was counted",
            "%(n)s entries were sent, and nobody knows whether they were counted",
            n,
        ),
    ),
    State.REJECTED: (
        1,
        lambda n: ngettext(
            "%(n)s entry was rejected by the Exchange", "%(n)s entries were rejected by the Exchange", n
        ),
    ),
    State.LOCAL: (
        -1,
        lambda n: ngettext(
            "%(n)s entry was reversed here after it was counted there",
            "%(n)s entries were reversed here after they were counted there",
            n,
        ),
    ),
}
"""Whether such entries are in ours alone (1), or taken off ours alone (-1), and how that is said."""
_OPEN = (State.SENDING, State.UNCERTAIN)
"""They are in theirs, or are not."""


def differences_of(
    account: ExchangeAccount,
    chain: Chain,
    theirs: UsageSnapshot | None,
    *,
    delivered_before: tallies.Counts | None = None,
) -> Differences:
    """Two queries: the tallies, the opening balance. ``theirs`` may be older than ours.

    ``delivered_before`` is what was delivered before theirs were asked for. Without it a third query may
    look whether anything was delivered since they were fetched: then they may be lower than ours by that.
    """
    counted = tallies.of(account)
    rows = (
        _row(_("Consumed"), "consume", chain.consumed_tokens, theirs.consumed_tokens if theirs else None),
        _row(_("Supplied"), "supply", chain.supplied_tokens, theirs.supplied_tokens if theirs else None),
        _row(_("Net"), "net", chain.net_tokens, theirs.net_tokens if theirs else None),
    )
    reasons = []
    for state, (sign, said) in _REASONS.items():
        sums = tallies.sum_up(row for (of, _direction), row in counted.items() if of == state)
        if sums.entries:
            reasons.append(
                Reason(
                    state=state,
                    entries=sums.entries,
                    consumed_tokens=sign * sums.consumed_tokens,
                    supplied_tokens=sign * sums.supplied_tokens,
                    sentence=said(sums.entries) % {"n": f"{sums.entries:,}"},
                )
            )
    opening = OpeningBalance.objects.filter(account=account).first()
    if opening and (opening.consumed_tokens or opening.supplied_tokens):
        reasons.append(
            Reason(
                state="opening",
                entries=0,
                consumed_tokens=-opening.consumed_tokens,
                supplied_tokens=-opening.supplied_tokens,
                sentence=_("The Exchange had counted some before your first entry here"),
            )
        )
    return Differences(
        rows=rows,
        reasons=tuple(reasons),
        unexplained=_unexplained(account, rows, reasons, theirs, delivered_before, counted) if theirs else 0,
    )


def _unexplained(
    account: ExchangeAccount,
    rows: tuple[Row, ...],
    reasons: list[Reason],
    theirs: UsageSnapshot,
    before: tallies.Counts | None,
    counted: Mapping[tuple[str, str], DeliveryTally],
) -> int:
    delivered = tallies.sum_up(row for (state, _), row in counted.items() if state == State.DELIVERED)
    fewer = more = 0
    for row, name in zip(rows[:2], ("consumed_tokens", "supplied_tokens"), strict=True):
        left = (row.difference or 0) - sum(getattr(one, name) for one in reasons if one.state not in _OPEN)
        most = sum(getattr(one, name) for one in reasons if one.state in _OPEN)
        most += getattr(delivered, name) - getattr(before, name) if before else 0
        fewer += max(-left, 0)
        more += max(left - most, 0)
    if more and before is None and _delivered_since(account, theirs):
        more = 0
    return fewer + more


def _delivered_since(account: ExchangeAccount, theirs: UsageSnapshot) -> bool:
    since = theirs.fetched_at - SEEN_EVERY
    return DeliveryQueue.objects.filter(exchange=account.exchange_id, delivered_at__gt=since).exists()


def _row(title: str, key: str, ours: int, theirs: int | None) -> Row:
    return Row(title=title, key=key, ours=ours, theirs=theirs)
