"""One account's totals at the Exchange: fetched, kept, and shown with their time."""

from __future__ import annotations

from contextlib import suppress

from django.utils import timezone

from accounts.exchanges import gateway_for
from accounts.models import ExchangeAccount
from accounts.registration import ensure_registered
from catalog.patience import shared
from exchange import ExchangeError
from usage.models import UsageSnapshot
from usage.reconciling.opening import keep_from_totals, kept_for
from usage.reconciling.totals import books_of

__all__ = ["UsageSnapshot", "latest", "refresh"]

LONGEST_HASH = 128


def latest(account: ExchangeAccount) -> UsageSnapshot | None:
    """The totals that were fetched last, without asking the Exchange."""
    return UsageSnapshot.objects.filter(account=account).first()


def refresh(account: ExchangeAccount, *, deadline: float | None = None) -> UsageSnapshot:
    """Ask the Exchange for the totals and keep them; who waits for registration is registered first.

    ``deadline`` is the total of seconds. Raises exchange.ExchangeError; what was kept before then stays.
    """
    left = shared(deadline)
    if not account.is_registered:
        account = ensure_registered(account.user, deadline=left())
    before = books_of(account) if kept_for(account) is None else None
    summary = gateway_for(account, left()).usage_snapshot()
    if before is not None:
        # what the account had there before its first entry can only be told until something is delivered
        keep_from_totals(account, summary, before=before, after=books_of(account))
    own = gateway_for(account, left()).list_my_services() if account.is_provider else None
    if account.free_granted is not None:
        # usage eats it up, and only a registration tells what is left; the totals are good without it
        with suppress(ExchangeError):
            ensure_registered(account.user, deadline=left())
    tip = summary.ledger_hash
    snapshot, _created = UsageSnapshot.objects.update_or_create(
        account=account,
        defaults={
            "consumed_tokens": summary.consumed_tokens,
            "supplied_tokens": summary.supplied_tokens,
            "net_tokens": summary.net_tokens,
            "entry_count": summary.entry_count,
            # an extension that does not fit here is one that is not offered
            "ledger_hash": tip if tip is not None and len(tip) <= LONGEST_HASH else None,
            "service_count": None if own is None else len(own),
            "fetched_at": timezone.now(),
        },
    )
    return snapshot
