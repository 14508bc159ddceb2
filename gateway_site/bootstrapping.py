"""From the configuration to a registered account, in one go; safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from accounts import audit
from accounts.commands import DEADLINE, acting_user
from accounts.exchanges import gateway_for
from accounts.models import User
from accounts.models.user import normalise_email
from accounts.registration import account_of, ensure_registered
from catalog.publishing import publish_service
from exchange import Provider, Service
from exchange import User as ExchangeUser
from gateway_site.config import ConfigError, GatewayConfig
from usage.summary import Summary, usage_summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrapped:
    """The account as the Exchange knows it, the service that was published (if any), and the totals."""

    user: ExchangeUser
    provider: Provider | None
    service: Service | None
    summary: Summary


def bootstrap(config: GatewayConfig) -> Bootstrapped:
    """Ensure the configured account, make ``admin_email`` the operator, publish ``publish_name`` if wanted.

    Raises ConfigError when what is set does not suffice, and exchange.ExchangeError; what was done before
    stays, and is not done twice when this is repeated.
    """
    publishes = config.enable_provider and bool(config.publish_name)
    if publishes and not config.model_family:
        raise ConfigError(
            "model_family is not set: publish_name is to be published, and a service needs a model family."
        )
    if config.admin_email:
        make_operator(config.admin_email)
    user = acting_user()
    account = ensure_registered(
        user,
        provider=config.enable_provider,
        # a provider that has a name keeps it: buyers know it by that name
        display_name=account_of(user).provider_name or config.display_name,
        deadline=DEADLINE,
    )
    service = None
    if publishes:
        service = publish_service(
            account,
            name=config.publish_name,
            model_family=config.model_family,
            price_per_1k_tokens=config.price_per_1k,
            trial_tokens=config.trial_tokens,
            deadline=DEADLINE,
        )
    audit.note(
        "site.bootstrapped", account=account, detail={"published": config.publish_name if publishes else None}
    )
    gateway = gateway_for(account)
    summary = usage_summary(account, deadline=DEADLINE)
    return Bootstrapped(user=gateway.user, provider=gateway.provider, service=service, summary=summary)


def make_operator(email: str) -> User:
    """Let this person, known or new or made inactive, into the Django admin with every right."""
    with transaction.atomic():
        user, created = User.objects.get_or_create(email=normalise_email(email))
        if created:
            audit.note("person.added", subject=audit.of_person(user))
        if not (user.is_active and user.is_staff and user.is_superuser):
            user.is_active = user.is_staff = user.is_superuser = True
            user.save(update_fields=["is_active", "is_staff", "is_superuser"])
            audit.note("person.operator_given", subject=audit.of_person(user), detail={"superuser": True})
    return user
