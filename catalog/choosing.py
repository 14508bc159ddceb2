"""Choosing a provider by what is asked of it, the same way every time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from accounts.exchanges import client
from catalog.patience import shared
from exchange import Gateway, Provider

Predicate = Callable[[Provider], bool]


def choose_provider(
    *, name: str = "", model_family: str = "", exclude: Sequence[str] = (), deadline: float | None = None
) -> Provider:
    """The longest-standing provider that fits: its name contains ``name``, it offers the model family, and it
    is none of ``exclude`` (whole names). Case does not matter. ``deadline`` is the total of seconds.

    Raises exchange.NoMatch when none fits, and exchange.ExchangeError.
    """
    left = shared(deadline)
    predicates: list[Predicate] = []
    if name:
        predicates.append(lambda provider: name.casefold() in provider.display_name.casefold())
    if exclude:
        excluded = {other.casefold() for other in exclude}
        predicates.append(lambda provider: provider.display_name.casefold() not in excluded)
    if model_family:
        services = client().list_services(deadline=left())
        offering = {s.provider_id for s in services if s.model_family.casefold() == model_family.casefold()}
        predicates.append(lambda provider: provider.id in offering)
    return Gateway(client(), deadline=left()).choose_provider(*predicates)
