"""Recording usage by hand: into the ledger first, then to the Exchange at once where that can be."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.exchanges import status_of
from accounts.models import ApiKey, ExchangeAccount
from usage.delivery import deliver_now
from usage.ledger import Draft, record_one
from usage.models import Delivery, LedgerEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of it. ``repeated``: it was in the ledger before, and is there once.

    ``delivery`` is the state of its report to the Exchange; ``error`` and ``rules``: why it is not delivered.
    """

    entry: LedgerEntry
    delivery: str
    repeated: bool
    error: str = ""
    rules: tuple[dict[str, str], ...] = ()

    @property
    def entry_id(self) -> str:
        return str(self.entry.entry_id)

    @property
    def seq(self) -> int:
        return self.entry.seq

    @property
    def hash(self) -> str:
        return self.entry.hash


def record_usage(
    account: ExchangeAccount,
    draft: Draft,
    *,
    source: str,
    api_key: ApiKey | None = None,
    deadline: float | None = None,
) -> Recorded:
    """Record tokens consumed or supplied, and report them at once; ``deadline`` is the seconds for that.

    The entry stays whatever the Exchange does. While that is known to be away nobody waits for it: the worker
    reports the entry later. Raises EntryInvalid or EntryConflict, and then nothing was recorded.
    """
    result = record_one(account, draft, source=source, api_key=api_key)
    assert result.entry is not None  # noqa: S101 - it was recorded, or had been
    report = Delivery.objects.get(entry=result.entry)
    # one that was there before is the worker's: in a restored backup it may have been reported since
    is_new = result.status == "recorded"
    if is_new and status_of(account.exchange).state != "unreachable":
        report = deliver_now(result.entry, deadline=deadline)
    return Recorded(
        entry=result.entry,
        delivery=report.state,
        repeated=result.status == "duplicate",
        error=report.error,
        rules=tuple(report.rules),
    )
