"""The logs in the order of time: entries from a place on, along the index of one filter."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.db.models import QuerySet

from accounts.models import ExchangeAccount
from usage.logs.conditions import Driver, narrowed, split
from usage.logs.filters import LogFilters
from usage.logs.places import FIRST, LAST, Compared, Place, Walked, Window, compared
from usage.models import LedgerEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The part of one index that is walked, and whether upwards (towards what is newer)."""

    driver: Driver
    low: Place = FIRST
    low_sign: str = ">="
    high: Place = LAST
    high_sign: str = "<"
    upwards: bool = False

    def rows(self, account: ExchangeAccount) -> QuerySet[LedgerEntry]:
        """The entries, in order.

        The index's whole key is both the range and the order, so that no other index can serve the query: a
        planner that took the index of time would look for last year's service in all of this year's entries.
        """
        order = self.driver.order
        rows = self.driver.rows(account).filter(
            self._bound(self.low_sign, self.low), self._bound(self.high_sign, self.high)
        )
        return rows.order_by(*(order if self.upwards else [f"-{name}" for name in order]))

    def up_to(self, edge: Place) -> Way:
        """The way that ends with this place."""
        if self.upwards:
            return replace(self, high=edge, high_sign="<=")
        return replace(self, low=edge, low_sign=">=")

    def _bound(self, sign: str, place: Place) -> Compared:
        leading = [self.driver.value] if self.driver.column else []
        return compared(self.driver.order, sign, [*leading, place.occurred_at, place.seq])


def walk(
    account: ExchangeAccount, filters: LogFilters, place: Place | None, *, upwards: bool, window: Window
) -> Walked:
    """What fits from this place on, which is not among it; from the newest on where there is no place."""
    driver, rest = split(filters.chosen)
    way = _way(driver, filters, place, upwards=upwards)
    edge = None
    if rest:
        # where enough has been looked at: what fits is looked for on this side of it alone
        edge = _place_number(window.looked_at, way, account)
        way = way.up_to(edge) if edge else way
    rows = narrowed(way.rows(account), rest).select_related("delivery", "api_key")
    entries = list(rows[: window.size + 1])
    if len(entries) > window.size:
        del entries[window.size :]
        return Walked(entries=entries, ahead=str(place_of(entries[-1])))
    if edge:
        return Walked(entries=entries, ahead=str(edge), searched_to=edge.occurred_at)
    return Walked(entries=entries)


def place_of(entry: LedgerEntry) -> Place:
    return Place(entry.occurred_at, entry.seq)


def _way(driver: Driver, filters: LogFilters, place: Place | None, *, upwards: bool) -> Way:
    low = Place(filters.since, 0) if filters.since else FIRST
    high = Place(filters.until, 0) if filters.until else LAST
    if place is None:
        return Way(driver=driver, low=low, high=high)
    if not upwards:
        return Way(driver=driver, low=low, high=min(high, place))
    if place < low:
        return Way(driver=driver, low=low, high=high, upwards=True)
    return Way(driver=driver, low=place, low_sign=">", high=high, upwards=True)


def _place_number(number: int, way: Way, account: ExchangeAccount) -> Place | None:
    """The place of the so-manieth entry on the way; None where the way is shorter."""
    prefix = way.driver.prefix
    places = way.rows(account).values_list(f"{prefix}occurred_at", f"{prefix}seq")
    return next((Place(at, seq) for at, seq in places[number - 1 : number]), None)
