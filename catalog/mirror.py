"""The catalogue of an Exchange, kept here: fetched whole, compared, and written where it differs.

What an Exchange answers is judged before anything is written. A bad answer (malformed, a number twice)
changes nothing that was good, and is said; a service of an unknown provider is set aside alone; a catalogue
that lost more than half waits until a person accepts that. What vanished is marked delisted, and every price
that is seen is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import audit
from accounts.exchanges import client, current_exchange
from accounts.models import Exchange, ExchangeAccount
from accounts.models.audit import SubjectKind
from catalog import merging
from catalog.merging import Merged
from catalog.models import Mirror, Service
from catalog.patience import shared
from catalog.plausibility import (
    BusyError,
    CatalogueError,
    ImplausibleError,
    require_numbers,
    require_plausible,
)
from exchange import ExchangeError, Listing
from exchange import Provider as ListedProvider
from exchange import Service as ListedService
from exchange.sentences import Sentence, gettext_noop

__all__ = [
    "BusyError",
    "CatalogueError",
    "ImplausibleError",
    "Refreshed",
    "is_older_than",
    "mirror_of",
    "note_published",
    "refresh",
]

log = structlog.get_logger("gateway.catalog")
LEASE = timedelta(minutes=2)
TRIES = 3
SHOWN_ORPHANS = 100

Fetched = tuple[Listing[ListedService], Listing[ListedProvider]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What a refresh did, in services. ``unchanged``: the Exchange said so, and nothing was compared."""

    as_of: datetime
    unchanged: bool = False
    listed: int = 0
    added: int = 0
    changed: int = 0
    repriced: int = 0
    delisted: int = 0
    relisted: int = 0
    set_aside: int = 0

    @property
    def has_news(self) -> bool:
        """Whether anything here is another than before."""
        return any((self.added, self.changed, self.repriced, self.delisted))


def mirror_of(exchange: Exchange) -> Mirror:
    """What is known of how well we know this Exchange's catalogue; made at first use."""
    mirror, _created = Mirror.objects.get_or_create(exchange=exchange)
    return mirror


def is_older_than(mirror: Mirror, age: timedelta) -> bool:
    """Whether the catalogue was never fetched, or longer ago than this."""
    return mirror.refreshed_at is None or timezone.now() - mirror.refreshed_at > age


def refresh(
    *, accept_shrink: bool = False, deadline: float | None = None, since: Mirror | None = None
) -> Refreshed:
    """Fetch the configured Exchange's catalogue and take over what is new.

    ``deadline`` is the total of seconds that the Exchange has. With ``since``, only if nobody has tried since
    this row was read: of many who watch, one asks the Exchange. Raises exchange.ExchangeError, BusyError or
    ImplausibleError: in each case what is kept stays as it was.
    """
    mirror = mirror_of(current_exchange())
    lease = _take_lease(mirror, since)
    try:
        return _refresh(mirror, lease, accept_shrink=accept_shrink, left=shared(deadline))
    except BusyError:
        raise  # somebody else is at it: nothing failed
    except (ExchangeError, CatalogueError) as error:
        Mirror.objects.filter(pk=mirror.pk).update(failed_at=timezone.now(), failure=error.sentence[:1000])
        log.warning("catalogue_not_taken_over", reason=error.sentence)
        raise
    finally:
        # only our own: after two minutes another may have taken it
        Mirror.objects.filter(pk=mirror.pk, leased_until=lease).update(leased_until=None)


def note_published(account: ExchangeAccount, service: ListedService) -> Service:
    """Take a service that ``account`` has just published into the mirror, and its price, without asking."""
    provider = ListedProvider(
        id=service.provider_id,
        user_id=account.exchange_user_id or 0,
        display_name=account.provider_name,
        description=account.provider_description,
    )
    mirror = mirror_of(account.exchange)
    with transaction.atomic():
        Mirror.objects.select_for_update().get(pk=mirror.pk)
        merging.merge_one(account.exchange, provider, service, timezone.now()).write()
        # the tag is that of a list without it
        Mirror.objects.filter(pk=mirror.pk).update(edition=F("edition") + 1, services_etag=None)
    return Service.objects.select_related("provider").get(exchange=account.exchange, remote_id=service.id)


def _refresh(
    mirror: Mirror, lease: datetime, *, accept_shrink: bool, left: Callable[[], float | None]
) -> Refreshed:
    for _attempt in range(TRIES):
        # what others wrote before the lease was ours
        mirror.refresh_from_db()
        fetched = _fetch(mirror, left)
        now = timezone.now()
        if fetched is None:
            Mirror.objects.filter(pk=mirror.pk).update(refreshed_at=now, failure="")
            return Refreshed(as_of=now, unchanged=True, listed=_count_listed(mirror))
        services, providers = fetched
        require_numbers("service", [item.id for item in services])
        require_numbers("provider", [item.id for item in providers])
        # outside the transaction, which keeps every other writer waiting on SQLite: only the lease's holder
        # changes the catalogue, but for what is published meanwhile, and that is counted
        merged = merging.merge(mirror.exchange, providers.items, services.items, now)
        if _write(mirror, lease, merged, fetched, accept_shrink=accept_shrink):
            break
    else:
        raise BusyError(
            Sentence(
                gettext_noop("Services are being published at this moment. Look again in a few seconds.")
            )
        )
    log.info("catalogue_refreshed", listed=merged.listed, added=merged.added, repriced=merged.repriced)
    return Refreshed(
        as_of=now,
        listed=merged.listed - len(merged.orphans),
        added=merged.added,
        changed=merged.changed,
        repriced=merged.repriced,
        delisted=merged.delisted,
        relisted=merged.relisted,
        set_aside=len(merged.orphans),
    )


def _fetch(mirror: Mirror, left: Callable[[], float | None]) -> Fetched | None:
    """Services first: a new one never meets an unknown provider by timing. None: nothing changed."""
    # services that are set aside are compared anew, whatever the tags say
    trust_tags = mirror.refreshed_at is not None and not mirror.orphan_count
    services = client().fetch_services(mirror.services_etag if trust_tags else None, deadline=left())
    providers = client().fetch_providers(mirror.providers_etag if trust_tags else None, deadline=left())
    if services.not_modified and providers.not_modified:
        return None
    # one changed and the other did not: both are needed to compare, and in that order
    if services.not_modified:
        services = client().fetch_services(deadline=left())
        providers = client().fetch_providers(deadline=left())
    elif providers.not_modified:
        providers = client().fetch_providers(deadline=left())
    return services, providers


def _require_plausible(mirror: Mirror, merged: Merged, *, accept_shrink: bool) -> None:
    try:
        require_plausible(merged)
    except ImplausibleError:
        if not accept_shrink:
            raise
        subject = audit.Subject(SubjectKind.CATALOGUE, name=mirror.exchange.base_url)
        audit.note(
            "catalogue.shrink_accepted",
            subject=subject,
            detail={"listed_before": merged.listed_before, "kept": merged.kept},
        )


def _write(mirror: Mirror, lease: datetime, merged: Merged, fetched: Fetched, *, accept_shrink: bool) -> bool:
    """Write the difference, all or nothing; False where a service was published since it was fetched."""
    services, providers = fetched
    with transaction.atomic():
        held = Mirror.objects.select_for_update().get(pk=mirror.pk)
        if held.leased_until != lease:
            raise _busy()
        if held.edition != mirror.edition:
            return False
        if held.refreshed_at is not None:
            _require_plausible(mirror, merged, accept_shrink=accept_shrink)
        merged.write()
        Mirror.objects.filter(pk=mirror.pk).update(
            services_etag=services.etag,
            providers_etag=providers.etag,
            refreshed_at=merged.now,
            failure="",
            orphans=merged.orphans[:SHOWN_ORPHANS],
            orphan_count=len(merged.orphans),
        )
    return True


def _take_lease(mirror: Mirror, since: Mirror | None) -> datetime:
    """Only one process refreshes at a time; one that died lets go after two minutes."""
    now = timezone.now()
    free = Mirror.objects.filter(Q(leased_until=None) | Q(leased_until__lt=now), pk=mirror.pk)
    if since is not None:
        free = free.filter(refreshed_at=since.refreshed_at, failed_at=since.failed_at)
    if not free.update(leased_until=now + LEASE):
        raise _busy()
    return now + LEASE


def _busy() -> BusyError:
    return BusyError(
        Sentence(
            gettext_noop("The catalogue is being refreshed at this moment. Look again in a few seconds.")
        )
    )


def _count_listed(mirror: Mirror) -> int:
    return Service.objects.filter(exchange_id=mirror.exchange_id, delisted_at=None).count()
