"""Finding entries in the admin by what an index finds: an entry's hash, id or number, a person's address."""

from __future__ import annotations

import re
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import ExchangeAccount
from accounts.operating.filters import number_in
from usage.models import LedgerEntry

MOST_ACCOUNTS = 5000
"""In how many accounts a number or an id is looked up."""
MOST_FOUND = 1000

_HASH = re.compile(r"[0-9a-f]{64}")


def account_of(address: str) -> int | None:
    """The account of a person, by the whole address: at the configured Exchange, or else the newest."""
    if "@" not in address:
        return None
    mine = ExchangeAccount.objects.filter(user__email=address.strip().lower())
    here = mine.filter(exchange__base_url=settings.TOKLIGENCE.base_url)
    keys = here.order_by("-pk").values_list("pk", flat=True)
    return keys.first() or mine.order_by("-pk").values_list("pk", flat=True).first()


def keys_of_entries(text: str) -> list[int]:
    """The keys of the entries with this hash, id or number; none for words that are none of these."""
    entries = _entries(text.strip().lower())
    return [] if entries is None else list(entries.values_list("pk", flat=True)[:MOST_FOUND])


def _entries(text: str) -> QuerySet[LedgerEntry] | None:
    if _HASH.fullmatch(text):
        return LedgerEntry.objects.filter(hash=text)
    # ids and numbers are looked up account by account: so the indexes have them
    if (number := number_in(text)) is not None:
        return LedgerEntry.objects.filter(account__in=_accounts(), seq=number)
    try:
        return LedgerEntry.objects.filter(account__in=_accounts(), entry_id=UUID(text))
    except ValueError:
        return None


def _accounts() -> list[int]:
    return list(ExchangeAccount.objects.order_by("-pk").values_list("pk", flat=True)[:MOST_ACCOUNTS])
