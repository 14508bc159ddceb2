"""What was true of a service as an entry is recorded: its names, its price, and what the tokens cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from django.db.models import BigIntegerField

from accounts.models import Exchange
from accounts.prepared import Prepared, Slot
from catalog.estimating import EXACT, cost_of
from catalog.models import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A service as the mirror knows it now; the price in USD per 1,000 tokens."""

    service_name: str | None = None
    model_family: str | None = None
    provider_id: int | None = None
    provider_name: str | None = None
    price_per_1k_tokens: Decimal | None = None


UNKNOWN = Offered()
"""A service that the mirror does not list: recorded all the same, for the Exchange judges."""

_COLUMNS = (
    "remote_id",
    "name",
    "model_family",
    "provider__remote_id",
    "provider__display_name",
    "price_per_1k_tokens",
)
_NUMBER = BigIntegerField()
_ONE = Prepared(
    lambda: Service.objects.filter(
        exchange=Slot("exchange", _NUMBER), remote_id=Slot("service", _NUMBER)
    ).values_list(*_COLUMNS)
)


def offers_of(exchange: Exchange, service_ids: Iterable[int]) -> dict[int, Offered]:
    """What is known of these services (the Exchange's numbers); those that are not known are left out."""
    wanted = set(service_ids)
    if len(wanted) == 1:
        rows = _ONE.rows(exchange=exchange.pk, service=wanted.pop())
    else:
        rows = list(Service.objects.filter(exchange=exchange, remote_id__in=wanted).values_list(*_COLUMNS))
    return {
        number: Offered(
            service_name=name,
            model_family=family,
            provider_id=provider,
            provider_name=provider_name,
            price_per_1k_tokens=Decimal(price),
        )
        for number, name, family, provider, provider_name, price in rows
    }


def cost_nanos(price_per_1k_tokens: Decimal, *, prompt_tokens: int, completion_tokens: int) -> int:
    """What the tokens cost in nano-dollars, rounded half-even once; a price in USD per 1,000 tokens."""
    cost = cost_of(price_per_1k_tokens, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
    return int(cost.scaleb(9, EXACT).to_integral_value(ROUND_HALF_EVEN, EXACT))
