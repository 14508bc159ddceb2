"""How each filter of the logs is looked for: along an index of its own, or beside another filter's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat

from accounts.models import ExchangeAccount
from usage.models import Delivery, LedgerEntry

COLUMNS = {
    "state": "delivery__state",
    "key": "api_key_id",
    "service": "service_id",
    "provider": "provider_id",
    "family": "model_family",
    "source": "source",
    "direction": "direction",
}
"""Filters with an index of their own, those that usually leave the fewest entries first."""
_NUMBERS = ("key", "service", "provider")


@dataclass(frozen=True, slots=True)
class Driver:
    """The index along which entries are looked at, and the value that it begins with after the account.

    ``prefix`` leads from an entry to the table whose index it is.
    """

    column: str | None = None
    value: Any = None
    prefix: str = ""

    @property
    def order(self) -> list[str]:
        """The columns of the index after the account: its first, and the order of the list."""
        leading = [self.column] if self.column else []
        return [*leading, f"{self.prefix}occurred_at", f"{self.prefix}seq"]

    def rows(self, account: ExchangeAccount) -> QuerySet[LedgerEntry]:
        """The account's entries, where the index begins with the account."""
        if self.column == COLUMNS["key"]:
            # said, because only then a database takes an index that leaves out the rest
            return beside(LedgerEntry.objects.filter(api_key__isnull=False), "account_id", account.pk)
        return LedgerEntry.objects.filter(**{f"{self.prefix}account": account})


BY_TIME = Driver()


def split(chosen: Mapping[str, Any]) -> tuple[Driver, dict[str, Any]]:
    """The driver for these filters, and those that are looked for beside it. Times are in neither."""
    rest = {name: value for name, value in chosen.items() if name not in ("since", "until", "q")}
    # delivered is what most entries are
    names = sorted(COLUMNS, key=lambda name: name == "state" and rest.get(name) == Delivery.State.DELIVERED)
    for name in names:
        if rest.get(name):  # 0 stands for NULL, by which no index is walked here
            prefix = "delivery__" if name == "state" else ""
            return Driver(COLUMNS[name], rest.pop(name), prefix), rest
    return BY_TIME, rest


def narrowed(rows: QuerySet[LedgerEntry], rest: Mapping[str, Any]) -> QuerySet[LedgerEntry]:
    """Those that fit these filters too, whichever index the rows are read along."""
    for name, value in rest.items():
        if name == "least":
            rows = rows.alias(_total=F("prompt_tokens") + F("completion_tokens")).filter(_total__gte=value)
        elif name == "state":
            rows = rows.filter(delivery__state=value)
        else:
            rows = beside(rows, COLUMNS[name], value, number=name in _NUMBERS)
    return rows


def beside(
    rows: QuerySet[LedgerEntry], column: str, value: Any, *, number: bool = True
) -> QuerySet[LedgerEntry]:
    """The rows with this value (0: without one), as something that no index has.

    Otherwise a database may walk the index of the filter that leaves the most, from its beginning to its end.
    """
    expression: Combinable = (
        F(column) + Value(0) if number else Concat(F(column), Value(""), output_field=TextField())
    )
    rows = rows.alias(**{f"_{column}": expression})
    return rows.filter(**{f"_{column}__isnull": True} if value == 0 else {f"_{column}": value})
