"""The services among which a key's default is chosen: told by a callable that ``catalog`` registers.

accounts knows no catalogue. Until somebody has registered, and where the services are too many for a list,
there is none, and a number is typed.
"""

from __future__ import annotations

from collections.abc import Callable

from accounts.models import ExchangeAccount

Source = Callable[[ExchangeAccount], list[tuple[int, str]]]
"""The Exchange's numbers of its services, each with the words by which people know it."""
_sources: list[Source] = []


def register(source: Source) -> None:
    """Let this callable tell what there is to choose from, in place of the one before."""
    _sources[:] = [source]


def choices_for(account: ExchangeAccount) -> list[tuple[int, str]]:
    """What this account can choose from; empty where that is not known or too much."""
    return _sources[0](account) if _sources else []
