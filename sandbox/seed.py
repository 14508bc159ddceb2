"""An example market, so that there is something to discover."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from sandbox.example_market import MARKET
from sandbox.market import publish, register
from sandbox.models import Account, Service
from sandbox.shapes import Offering, Registration


@dataclass(frozen=True)
class Seeded:
    """How many providers and services were added."""

    providers: int
    services: int


@transaction.atomic
def seed_market() -> Seeded:
    """Add what is missing of the example market. What is there is left alone, changed by somebody or not."""
    providers = services = 0
    for example in MARKET:
        if not Account.objects.filter(email=example.email, is_provider=True).exists():
            register(
                Registration(
                    email=example.email,
                    roles=["consumer", "provider"],
                    display_name=example.display_name,
                    description=example.description,
                )
            )
            providers += 1
        provider = Account.objects.select_related("provider").get(email=example.email).provider
        published = set(Service.objects.filter(provider=provider).values_list("name", flat=True))
        for name, model_family, price, trial_tokens in example.offerings:
            if name in published:
                continue
            publish(
                Offering(
                    provider_id=provider.pk,
                    name=name,
                    model_family=model_family,
                    price_per_1k_tokens=Decimal(price),
                    trial_tokens=trial_tokens,
                )
            )
            services += 1
    return Seeded(providers, services)
