"""By what a summary is narrowed; the names in the address are those of the logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from usage.models.entry import Direction

LARGEST = 2**63 - 1
COLUMNS = {
    "direction": "direction",
    "service": "service_id",
    "provider": "provider_id",
    "family": "model_family",
    "key": "key_id",
}
"""The name in the address, and the rollups' column."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What an address asks for, by its names; what cannot be meant is left aside and named in ``unknown``."""

    chosen: dict[str, str]
    unknown: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, str | int]:
        """The same as the columns of the rollups."""
        numbers = ("service", "provider", "key")
        return {
            COLUMNS[name]: int(value) if name in numbers else value for name, value in self.chosen.items()
        }

    def without(self, name: str) -> dict[str, str]:
        return {other: value for other, value in self.chosen.items() if other != name}


def filters_of(query: Mapping[str, str]) -> Filters:
    """The filters of an address."""
    # a family's name may begin with a space
    asked = {name: value if name == "family" else value.strip() for name, value in _given(query)}
    chosen = {name: value for name, value in asked.items() if _can_be(name, value)}
    return Filters(chosen, tuple(name for name in asked if name not in chosen))


def _given(query: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, query[name]) for name in COLUMNS if query.get(name, "").strip()]


def _can_be(name: str, value: str) -> bool:
    if name == "direction":
        return value in Direction.values
    if name == "family":
        return "\x00" not in value and len(value) <= 1000
    return value.isascii() and value.isdigit() and len(value) <= 19 and int(value) <= LARGEST
