"""The market: who trades, and what is on offer."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet

from sandbox.compliance import rules_broken_by_service
from sandbox.models import Account, Provider, Service
from sandbox.refusals import ComplianceRefusal, NotFound
from sandbox.shapes import Offering, Registration


@dataclass(frozen=True)
class Registered:
    """An account after POST /users, its provider where it has that role, and whether it is new."""

    account: Account
    provider: Provider | None
    is_new: bool


@dataclass(frozen=True)
class Published:
    """A service after POST /services, and whether it is new."""

    service: Service
    is_new: bool


@transaction.atomic
def register(registration: Registration) -> Registered:
    """Make the account of this email, or add roles to the one that is there; no role is ever taken away.

    A name or description that is sent replaces the one kept; an empty one leaves it.
    """
    wanted = {
        "is_consumer": "consumer" in registration.roles,
        "is_provider": "provider" in registration.roles,
        "display_name": registration.display_name,
        "description": registration.description,
    }
    _, is_new = Account.objects.get_or_create(email=registration.email, defaults=wanted)
    account = Account.objects.select_for_update().get(email=registration.email)
    if not is_new:
        for field, value in wanted.items():
            setattr(account, field, value or getattr(account, field))
        account.save(update_fields=list(wanted))
    if not account.is_provider:
        return Registered(account, None, is_new)
    provider, _ = Provider.objects.get_or_create(account=account)
    return Registered(account, provider, is_new)


@transaction.atomic
def publish(offering: Offering) -> Published:
    """Publish a service, or update the one that this provider published under this name.

    Raises NotFound for an unknown provider and ComplianceRefusal with every rule that is broken.
    """
    provider = Provider.objects.filter(pk=offering.provider_id).first()
    if provider is None:
        raise NotFound(f"There is no provider {offering.provider_id}. Register with the provider role first.")
    broken = rules_broken_by_service(offering.name, offering.price_per_1k_tokens, offering.trial_tokens)
    if broken:
        raise ComplianceRefusal(broken)
    service, is_new = Service.objects.update_or_create(
        provider=provider,
        name=offering.name,
        defaults={
            "model_family": offering.model_family,
            "price_per_1k": _plain(offering.price_per_1k_tokens),
            "trial_tokens": offering.trial_tokens,
        },
    )
    return Published(service, is_new)


def all_providers() -> QuerySet[Provider]:
    """Every provider with its account, oldest first."""
    return Provider.objects.select_related("account").order_by("pk")


def services_of(provider_id: int | None) -> QuerySet[Service]:
    """Every service, or one provider's (none for a provider that is not there), oldest first."""
    services = Service.objects.order_by("pk")
    return services if provider_id is None else services.filter(provider_id=provider_id)


def _plain(price: Decimal) -> str:
    """The one way to write this price: no exponent, no zeros at the end, no minus before a zero."""
    text = f"{price + 0:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
