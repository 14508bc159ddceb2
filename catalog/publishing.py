"""Publishing a service: the one function behind the page, the command and other programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.exchanges import gateway_for
from accounts.models import ExchangeAccount
from accounts.models.audit import Outcome, SubjectKind
from catalog.mirror import note_published
from catalog.models import Service as MirroredService
from catalog.models_publishing import Publication
from catalog.patience import shared
from catalog.publish_once import Offer, take_turn
from exchange import (
    AmbiguousOutcome,
    ExchangeError,
    ExchangeProtocolError,
    ExchangeRejected,
    GatewayError,
    Service,
)

PAGE_DEADLINE = 8.0
"""Seconds in all that a page gives the Exchange: HTMX gives the page twenty."""
USUAL_WAIT = 10.0
"""Seconds that one publication waits for another of the same name, where no deadline is given."""
SENDING_SHARE = 0.75
"""Of the deadline; the rest is for looking where the answer was lost."""


class NotPublished(ExchangeError):  # noqa: N818 - named as the errors of the exchange package
    """The answer was lost, and the Exchange was asked: it does not have what was sent."""


class PublicationUnknown(AmbiguousOutcome):
    """The answer was lost, and the Exchange could not be asked. The next try looks before it sends."""


@dataclass(frozen=True, slots=True)
class Published:
    """The service as the Exchange has it. ``found``: the answer was lost, and it was found by looking."""

    service: Service
    found: bool = False


def publish(
    account: ExchangeAccount, offer: Offer, *, token: str = "", deadline: float | None = None
) -> Published:
    """Offer a service at the Exchange, or update the one that this provider has under this name.

    The same form (``token``) with the same content is published once, however often it is sent. A lost
    answer is settled by asking the Exchange what it has. ``deadline`` is the total of seconds that it is
    given; the client's own if None.

    Raises exchange.NotRegistered or exchange.NotAProvider; BeingPublished; NotPublished or PublicationUnknown
    where an answer was lost; and exchange.ExchangeError (a ComplianceRefusal names the rules it broke).
    """
    turn = take_turn(account, offer, token, wait=USUAL_WAIT if deadline is None else deadline)
    if turn.service_id is not None and account.provider_id is not None:
        return Published(Service(id=turn.service_id, provider_id=account.provider_id, **asdict(offer)))
    try:
        published = _settle(account, offer, look_first=turn.look_first, left=shared(deadline))
        action = _action(account, offer)
        with transaction.atomic():
            note_published(account, published.service)
            _note(action, account, offer, number=published.service.id)
    except BaseException as error:
        with transaction.atomic():
            turn.end(Publication.State.UNKNOWN if _in_doubt(error) else Publication.State.NOT_PUBLISHED)
            if isinstance(error, ExchangeError | GatewayError):
                _note(_action(account, offer), account, offer, error=error)
        raise
    turn.end(Publication.State.PUBLISHED, published.service.id)
    return published


def publish_service(
    account: ExchangeAccount,
    *,
    name: str,
    model_family: str,
    price_per_1k_tokens: Decimal,
    trial_tokens: int = 0,
    deadline: float | None = None,
) -> Service:
    """``publish``, for programs that want the service alone."""
    offer = Offer(
        name=name,
        model_family=model_family,
        price_per_1k_tokens=price_per_1k_tokens,
        trial_tokens=trial_tokens,
    )
    return publish(account, offer, deadline=deadline).service


def _settle(
    account: ExchangeAccount, offer: Offer, *, look_first: bool, left: Callable[[], float | None]
) -> Published:
    if look_first and (found := _look(account, offer, left())):
        return Published(found, found=True)
    seconds = left()
    gateway = gateway_for(account, None if seconds is None else seconds * SENDING_SHARE)
    try:
        return Published(gateway.publish_service(**asdict(offer)))
    except AmbiguousOutcome:
        found = _look(account, offer, left())
    except ExchangeProtocolError as unreadable:
        # an answer came, and says nothing; where the next one says nothing either, that is the news
        try:
            found = _look(account, offer, left())
        except PublicationUnknown:
            raise unreadable from None
    if found is None:
        raise NotPublished(
            _(
                "The answer was lost, so the Exchange was asked: it does not have this offer. "
                "It was not published, and nothing you typed is lost. Publish it again."
            )
        )
    return Published(found, found=True)


def _look(account: ExchangeAccount, offer: Offer, deadline: float | None) -> Service | None:
    try:
        own = gateway_for(account, deadline).list_my_services()
    except ExchangeError as error:
        raise PublicationUnknown(
            _(
                "It is not known whether this was published: the answer was lost, and the Exchange cannot be "
                "asked now. Nothing you typed is lost. Publish it again in a moment: the Exchange is asked "
                "first, and nothing is sent twice."
            )
        ) from error
    return next((service for service in own if offer.is_what(service)), None)


def _action(account: ExchangeAccount, offer: Offer) -> str:
    """Whether this account has a service of this name on offer already, as far as the mirror knows."""
    # a name that is refused may be one for which no database can be asked
    if account.provider_id is None or not offer.name.isprintable():
        return "service.published"
    own = MirroredService.objects.filter(exchange=account.exchange_id, delisted_at=None, name=offer.name)
    is_there = own.filter(provider__remote_id=account.provider_id).exists()
    return "service.updated" if is_there else "service.published"


def _note(
    action: str,
    account: ExchangeAccount,
    offer: Offer,
    *,
    number: int | None = None,
    error: ExchangeError | GatewayError | None = None,
) -> None:
    detail: dict[str, object] = {
        "model_family": offer.model_family,
        "price_per_1k_tokens": format(offer.price_per_1k_tokens, "f"),
        "trial_tokens": offer.trial_tokens,
    }
    outcome = Outcome.DONE
    if error is not None:
        outcome = Outcome.REFUSED if isinstance(error, ExchangeRejected) else Outcome.FAILED
        detail["error"] = type(error).__name__
    if isinstance(error, ExchangeRejected):
        detail["rules"] = audit.rules_of(error.rules)
    subject = audit.Subject(SubjectKind.SERVICE, "" if number is None else number, offer.name)
    audit.note(action, account=account, subject=subject, outcome=outcome, detail=detail)


def _in_doubt(error: BaseException) -> bool:
    """Whether the Exchange may have got it all the same. What is not known to say otherwise leaves doubt."""
    if isinstance(error, AmbiguousOutcome | ExchangeProtocolError):
        return True
    return not isinstance(error, ExchangeError | GatewayError | ValueError)
