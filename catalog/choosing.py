"""Choosing a service or a provider out of the kept catalogue: the same question, the same choice.

For pages, commands, the API and other programs alike::

    choice = choose_service(account, Criteria(model_family="gpt-4o", max_price_per_1k=Decimal("0.005")))
    choice.service.id, choice.provider.display_name, choice.as_of

Nothing here asks the Exchange; ``catalog.choosing_live`` brings the catalogue up to date first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Exchange, ExchangeAccount
from catalog import consumption
from catalog.choosing_criteria import Criteria, Seller, misses_of
from catalog.choosing_nearest import Candidate, NothingFits, no_provider, no_service
from catalog.choosing_rows import by_seller, narrowed, offers_in, on_offer, sellers_of
from catalog.choosing_strategies import Strategy, Used, provider_order, service_order, turn_of
from catalog.models import Mirror, Provider, Service
from exchange import GatewayError
from exchange import Provider as ListedProvider
from exchange import Service as ListedService

__all__ = [
    "CatalogueNotFetched",
    "Choice",
    "Criteria",
    "NothingFits",
    "ServiceChoice",
    "Strategy",
    "choose_provider",
    "choose_service",
]


class CatalogueNotFetched(GatewayError):  # noqa: N818 - the tree's names say what happened
    """There is nothing to choose from, because this Exchange's catalogue was never fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen, as the Exchange lists it, out of the catalogue ``as_of`` that moment."""

    provider: ListedProvider
    strategy: Strategy
    as_of: datetime
    consumption_known: bool | None
    """Whether what was consumed could be known; None where the strategy does not ask."""

    @property
    def note(self) -> str:
        """What a person should know of how it was chosen; often nothing."""
        if self.consumption_known is not False:
            return ""
        if self.strategy is Strategy.SPREAD:
            return _("What you consumed cannot be known yet, so providers take turns by the hour.")
        return _("What you consumed cannot be known yet, so the cheapest was chosen.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceChoice(Choice):
    """A chosen service; its price is in USD per 1,000 tokens."""

    service: ListedService


def choose_service(
    whose: ExchangeAccount | Exchange,
    criteria: Criteria | None = None,
    strategy: Strategy = Strategy.CHEAPEST,
    *,
    now: datetime | None = None,
) -> ServiceChoice:
    """The first service, in the strategy's order, that is on offer and meets every criterion.

    Without an account nobody's consumption can be known. Raises NothingFits (an exchange.NoMatch whose
    sentence tells what came nearest) and CatalogueNotFetched.
    """
    criteria, exchange, now = criteria or Criteria(), _exchange_of(whose), now or timezone.now()
    as_of, used = _as_of(exchange), _used(whose, strategy, now)
    sellers, misses = sellers_of(exchange), misses_of(criteria)
    offers = offers_in(narrowed(exchange, criteria), sellers)
    fitting = [offer for offer in offers if not misses(offer.name, offer.seller, offer)]
    if not fitting:
        raise no_service(criteria, offers_in(on_offer(exchange), sellers))
    chosen = min(fitting, key=service_order(strategy, used))
    return ServiceChoice(
        service=ListedService(
            id=chosen.number,
            provider_id=chosen.seller.number,
            name=chosen.name,
            model_family=chosen.model_family,
            price_per_1k_tokens=chosen.price_per_1k_tokens,
            trial_tokens=chosen.trial_tokens,
        ),
        provider=_listed_provider(exchange, chosen.seller),
        strategy=strategy,
        as_of=as_of,
        consumption_known=_known(strategy, used),
    )


def choose_provider(
    whose: ExchangeAccount | Exchange,
    criteria: Criteria | None = None,
    strategy: Strategy = Strategy.LONGEST_STANDING,
    *,
    now: datetime | None = None,
) -> Choice:
    """The first provider, in the strategy's order, with one offer that meets all that is asked of an offer.

    Raises what ``choose_service`` raises.
    """
    criteria, exchange, now = criteria or Criteria(), _exchange_of(whose), now or timezone.now()
    as_of, used = _as_of(exchange), _used(whose, strategy, now)
    sellers, misses = sellers_of(exchange), misses_of(criteria)
    fitting = []
    for seller, offers in by_seller(narrowed(exchange, criteria), sellers).items():
        fits = [offer for offer in offers if not misses(seller.name, seller, offer)]
        if fits or not misses(seller.name, seller, None):
            fitting.append((seller, fits))
    if not fitting:
        candidates: list[Candidate] = []
        for seller, offers in by_seller(on_offer(exchange), sellers).items():
            candidates += [(seller, offer) for offer in offers] or [(seller, None)]
        raise no_provider(criteria, candidates)
    chosen, _fits = min(fitting, key=provider_order(strategy, used))
    return Choice(
        provider=_listed_provider(exchange, chosen),
        strategy=strategy,
        as_of=as_of,
        consumption_known=_known(strategy, used),
    )


def _exchange_of(whose: ExchangeAccount | Exchange) -> Exchange:
    return whose.exchange if isinstance(whose, ExchangeAccount) else whose


def _as_of(exchange: Exchange) -> datetime:
    as_of = Mirror.objects.filter(exchange=exchange).values_list("refreshed_at", flat=True).first()
    if as_of is None:
        raise CatalogueNotFetched(
            _("The catalogue has not been fetched yet. Fetch it: python manage.py sync_catalog.")
        )
    return as_of


def _used(whose: ExchangeAccount | Exchange, strategy: Strategy, now: datetime) -> Used:
    if not strategy.needs_consumption:
        return Used()
    if not isinstance(whose, ExchangeAccount):
        return Used(turn=turn_of(0, now))
    turn = turn_of(whose.pk, now)
    by_service = consumption.last_30_days(whose, now)
    if by_service is None:
        return Used(turn=turn)
    # what was consumed from a service that is gone was consumed from its provider all the same
    provider_of = dict(
        Service.objects.filter(exchange=whose.exchange_id, remote_id__in=list(by_service)).values_list(
            "remote_id", "provider__remote_id"
        )
    )
    by_provider: Counter[int] = Counter()
    for number, provider in provider_of.items():
        by_provider[provider] += by_service[number]
    return Used(by_service=by_service, by_provider=by_provider, turn=turn)


def _known(strategy: Strategy, used: Used) -> bool | None:
    return used.by_service is not None if strategy.needs_consumption else None


def _listed_provider(exchange: Exchange, seller: Seller) -> ListedProvider:
    row = Provider.objects.get(exchange=exchange, remote_id=seller.number)
    return ListedProvider(
        id=row.remote_id,
        user_id=row.user_remote_id,
        display_name=row.display_name,
        description=row.description,
    )
