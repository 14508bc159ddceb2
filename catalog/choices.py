"""The services as a list to choose one from, where they are few enough for a list."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import Exchange, ExchangeAccount
from catalog.models import Service

LONGEST_LIST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceChoice:
    """A service by the Exchange's numbers of it and of its provider, and their names."""

    number: int
    name: str
    provider_number: int
    provider_name: str


def service_choices(exchange: Exchange) -> list[ServiceChoice]:
    """Every service that is listed, from the mirror; none where they are too many for a list."""
    listed = Service.objects.filter(exchange=exchange, delisted_at=None)
    rows = listed.values_list("remote_id", "name", "provider__remote_id", "provider__display_name")
    found = [
        ServiceChoice(number=number, name=name, provider_number=provider, provider_name=provider_name)
        for number, name, provider, provider_name in rows[: LONGEST_LIST + 1]
    ]
    return found if len(found) <= LONGEST_LIST else []


def choices_of_keys(account: ExchangeAccount) -> list[tuple[int, str]]:
    """The same for ``accounts.keys.services``: each by its name and its provider's, in their order."""
    found = service_choices(account.exchange)
    found.sort(key=lambda one: (one.name.casefold(), one.provider_name.casefold(), one.number))
    return [(one.number, f"{one.name} · {one.provider_name} (#{one.number})") for one in found]
