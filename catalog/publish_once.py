"""One publication of a name at a time, whatever the number of processes, clicks and lost answers.

A publication takes the account's row for that name, sends, and writes down how it went. Another one that
comes in the meantime waits; if the very same was published, that is its success too. Where it is not known
how the last try went, or where it died, the row is taken with the duty to look before anything is sent.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import ExchangeAccount
from catalog.models_publishing import Publication
from exchange import GatewayError, Service

State = Publication.State
LEASE = timedelta(seconds=30)
"""Longer than sending and looking take together: a client's call gives up after ten seconds."""
LOOK_EVERY = 0.1
"""Seconds between two looks at a row that another has taken."""


class BeingPublished(GatewayError):  # noqa: N818 - named as the errors of the exchange package
    """Another publication of this name did not end while we waited; nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is to be on offer under a name. ``price_per_1k_tokens`` is in USD per 1,000 tokens."""

    name: str
    model_family: str
    price_per_1k_tokens: Decimal
    trial_tokens: int = 0

    def is_what(self, service: Service) -> bool:
        """Whether the Exchange's service is exactly this."""
        return (
            service.name == self.name
            and service.model_family == self.model_family
            and service.price_per_1k_tokens == self.price_per_1k_tokens
            and service.trial_tokens == self.trial_tokens
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to publish. ``look_first``: how the last try went is not known.

    ``service_id`` is the Exchange's number where the very same was published already: there is nothing to do.
    """

    row: Publication
    look_first: bool = False
    service_id: int | None = None

    def end(self, state: Publication.State, service_id: int | None = None) -> None:
        """Say how it went, and let the next one in."""
        Publication.objects.filter(pk=self.row.pk, lease=self.row.lease).update(
            state=state, service_remote_id=service_id, leased_until=None
        )


def take_turn(  # nosec B107 - the token names a form, and lets nobody in
    account: ExchangeAccount,
    offer: Offer,
    token: str = "",
    *,
    wait: float,
    pause: Callable[[float], None] = time.sleep,
) -> Turn:
    """Take the turn for this name, after ``wait`` seconds at the most. Raises BeingPublished.

    ``token`` names the form that was sent: the same form with the same content is published once.
    """
    content = _digest(
        offer.model_family, format(offer.price_per_1k_tokens.normalize(), "f"), offer.trial_tokens
    )
    row, _made = Publication.objects.get_or_create(account=account, name_hash=_digest(offer.name))
    give_up_at = time.monotonic() + wait
    met_another = False
    while True:
        same = row.state == State.PUBLISHED and row.content_hash == content
        if same and (met_another or (token and row.token == token)):
            return Turn(row, service_id=row.service_remote_id)
        look_first = row.state in (State.SENDING, State.UNKNOWN)
        if _take(row, content, token):
            return Turn(row, look_first=look_first)
        met_another = True
        if time.monotonic() >= give_up_at:
            raise BeingPublished(
                _("This service is being published at this moment. Look at your services in half a minute.")
            )
        pause(LOOK_EVERY)
        row.refresh_from_db()


def _take(row: Publication, content: str, token: str) -> bool:
    now = timezone.now()
    if row.state == State.SENDING and _is_held(row, now):
        return False
    seen, row.lease = row.lease, uuid.uuid4()
    # only if nobody was quicker: whoever takes it changes the lease
    free = Publication.objects.filter(pk=row.pk, lease=seen, state=row.state)
    return bool(
        free.update(
            lease=row.lease,
            leased_until=now + LEASE,
            state=State.SENDING,
            content_hash=content,
            token=token,
        )
    )


def _is_held(row: Publication, now: datetime) -> bool:
    return row.leased_until is not None and row.leased_until > now


def _digest(*parts: object) -> str:
    text = "\x00".join(str(part) for part in parts)
    # whether a text can be sent at all is not judged here
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
