"""Publishing a service: the one function behind the page and the command."""

from __future__ import annotations

from decimal import Decimal

from accounts.exchanges import gateway_for
from accounts.models import ExchangeAccount
from exchange import Service


def publish_service(
    account: ExchangeAccount,
    *,
    name: str,
    model_family: str,
    price_per_1k_tokens: Decimal,
    trial_tokens: int = 0,
    deadline: float | None = None,
) -> Service:
    """Offer a service at the Exchange, or update the one that this provider has under this name.

    The price is in USD per 1,000 tokens. Raises exchange.NotRegistered, exchange.NotAProvider, or
    exchange.ExchangeError (a ComplianceRefusal names the rules that were broken).
    """
    return gateway_for(account, deadline).publish_service(
        name=name,
        model_family=model_family,
        price_per_1k_tokens=price_per_1k_tokens,
        trial_tokens=trial_tokens,
    )
