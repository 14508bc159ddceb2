"""Keys as the pages show them: each with its state in words, and what it has spent of its budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.utils.translation import gettext as _

from accounts.api_keys import EXPIRES_SOON, State, state_of
from accounts.keys.budgets import Budget, Standing, standings
from accounts.models import ApiKey, ApiKeySecret
from accounts.models.api_key import Scope

MOST_TAGS_LISTED = 6
Look = Literal["ok", "warn", "bad", ""]


@dataclass(frozen=True, slots=True)
class Chip:
    """A state in words, and how it looks."""

    words: str
    look: Look = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key as ``api_keys.keys_of`` gives it, how it stands, and the name of its default service."""

    key: ApiKey
    standing: Standing
    state: State
    chips: tuple[Chip, ...]
    service_name: str = ""

    @property
    def secrets(self) -> list[ApiKeySecret]:
        """Those that did not end before the key does, newest first."""
        live: list[ApiKeySecret] = self.key.live_secrets  # type: ignore[attr-defined]
        return live

    @property
    def used_at(self) -> datetime | None:
        used: datetime | None = self.key.used_at  # type: ignore[attr-defined]
        return used

    @property
    def scopes(self) -> list[str]:
        return [str(Scope(scope).label) for scope in self.key.scopes if scope in Scope.values]

    @property
    def more_tags(self) -> list[str]:
        """Those for which a list has no room."""
        tags: list[str] = self.key.tags[MOST_TAGS_LISTED:]
        return tags

    @property
    def look(self) -> Look:
        """Of the bar: calm, from the soft limit on a warning, and then spent."""
        if not self.standing.allowed:
            return "bad"
        return "warn" if self.standing.is_soft else ""

    @property
    def width(self) -> int:
        """Of the bar, in per cent: what is spent is seen, however little it is."""
        width = min(self.standing.percent, 100)
        return max(width, 1) if self.standing.figure > 0 else width


def rows_of(keys: Iterable[ApiKey], now: datetime, names: Mapping[int, str]) -> list[KeyRow]:
    """These keys in their order; ``names`` are the services', by number, as far as they are known."""
    keys = list(keys)
    standing = standings(keys, now)
    rows = []
    for key in keys:
        state, number = state_of(key, now), key.default_service_id
        rows.append(
            KeyRow(
                key=key,
                standing=standing[key.pk],
                state=state,
                chips=tuple(_chips(key, state, standing[key.pk], now)),
                service_name="" if number is None else names.get(number, f"#{number}"),
            )
        )
    return rows


def written(budget: Budget, figure: int) -> str:
    """A figure of the budget, exactly, as people type it: 1,200,000, or 12.50."""
    amount = budget.amount(figure)
    if isinstance(amount, int):
        return f"{amount:,}"
    whole, _point, cents = f"{amount:,f}".partition(".")
    return f"{whole}.{cents.rstrip('0'):0<2}" if cents.strip("0") else whole


def _chips(key: ApiKey, state: State, standing: Standing, now: datetime) -> list[Chip]:
    if state == "revoked":
        return [Chip(_("Revoked"))]
    if state == "expired":
        return [Chip(_("Expired"), "bad")]
    chips = []
    if not standing.allowed:
        chips.append(Chip(_("Budget reached"), "bad"))
    elif standing.is_soft:
        chips.append(Chip(_("Soft limit reached"), "warn"))
    if key.expires_at is not None and key.expires_at - now <= EXPIRES_SOON:
        chips.append(Chip(_("Expires soon"), "warn"))
    return chips or [Chip(_("Active"), "ok")]
