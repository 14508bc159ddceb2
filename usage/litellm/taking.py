"""Taking a body's rows: each is counted once, or kept aside for a person, or known to be no usage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.utils import timezone

from accounts.models import ApiKey, ExchangeAccount
from usage import ledger
from usage.litellm.judging import Aside, judged
from usage.litellm.keeping import conflict_of, keep, note_recorded, states_of
from usage.litellm.reading import NothingToRead, Unreadable
from usage.litellm.rows import Row, identity_of, row_of
from usage.models.quarantine import Reason, RowState
from usage.writing.drafts import Draft
from usage.writing.results import Result

MOST_ROWS = 10_000
"""Rows of one body: twenty times as many as LiteLLM collects, if nobody tells it otherwise."""
Judged = tuple[Row, Draft | Aside]

log = structlog.get_logger("gateway.ledger")


@dataclass(slots=True, kw_only=True)
class Taken:
    """What became of the rows of a body; ``ignored`` by why they are no usage."""

    received: int = 0
    recorded: int = 0
    duplicates: int = 0
    ignored: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("failure", "cache_hit", "reread", "no_tokens"), 0)
    )
    quarantined: int = 0
    over_budget: int = 0


class TooManyRows(ValueError):  # noqa: N818 - said of the body
    """There are more than MOST_ROWS; ``taken`` is what became of so many."""

    def __init__(self, taken: Taken) -> None:
        super().__init__(f"more than {MOST_ROWS}")
        self.taken = taken


def take(account: ExchangeAccount, key: ApiKey | None, rows: Iterable[Any]) -> Taken:
    """Take rows as ``reading.rows_of`` gives them, up to a thousand in one transaction.

    What one call has told twice is counted once, whenever it comes. Raises NothingToRead where no row could
    be read, and TooManyRows.
    """
    taken, batch, readable = Taken(), list[Judged](), 0
    default = key.default_service_id if key else None
    now, last = timezone.now(), ""
    for told in rows:
        if taken.received == MOST_ROWS:
            _settle(account, key, batch, taken)
            raise TooManyRows(taken)
        taken.received += 1
        if isinstance(told, dict):
            row = row_of(told)
            one = judged(row, now, default)
        else:
            row = _no_row(told, last)
            one = Aside(row=row, reason=Reason.UNREADABLE, identity=row.identity, detail=_detail(told))
        readable += not isinstance(told, Unreadable)
        last = str(row.identity)
        if isinstance(one, str):
            taken.ignored[one] += 1
            continue
        batch.append((row, one))
        if len(batch) == ledger.MOST_AT_ONCE:
            _settle(account, key, batch, taken)
            batch, now = [], timezone.now()
    if taken.received and not readable:
        raise NothingToRead
    _settle(account, key, batch, taken)
    log.info("litellm_rows_taken", account=account.pk, **_figures(taken))
    return taken


def _settle(account: ExchangeAccount, key: ApiKey | None, batch: list[Judged], taken: Taken) -> None:
    asides = [one for _row, one in batch if isinstance(one, Aside)]
    drafts = [(row, one) for row, one in batch if isinstance(one, Draft)]
    states = states_of(account, (row.identity for row, _draft in drafts)) if drafts else {}
    fit = [(row, draft) for row, draft in drafts if states.get(row.identity) != RowState.DISCARDED]
    taken.duplicates += len(drafts) - len(fit)
    if fit:
        results = ledger.record(account, [draft for _row, draft in fit], source="litellm", api_key=key)
        for (row, _draft), result in zip(fit, results, strict=True):
            taken.recorded += result.status == "recorded"
            taken.over_budget += result.status == "recorded" and result.over_budget
            aside = _after(row, result)
            if aside:
                asides.append(aside)
            else:
                taken.duplicates += result.status != "recorded"
        if states:
            note_recorded(account, [one.entry.entry_id for one in results if one.entry])
    if asides:
        known = keep(account, key, asides)
        taken.duplicates += known
        taken.quarantined += len(asides) - known


def _after(row: Row, result: Result) -> Aside | None:
    """Why the ledger has not got it after all; None where it has, whichever service it was placed in then."""
    if result.status == "invalid":
        detail = f"{result.field}: {result.error}"
        return Aside(row=row, reason=Reason.REFUSED, identity=row.identity, detail=detail)
    if result.status == "conflict" and result.entry is not None:
        return conflict_of(row, result.entry)
    return None


def _no_row(told: Any, last: str) -> Row:
    """What stands for text or a value that is no row: nothing of it is kept but a hash."""
    if isinstance(told, Unreadable):
        # where the rest is lost, it is another loss after another row
        return Row(identity=identity_of("unreadable", told.digest, last if told.rest else ""), named=False)
    said = "" if isinstance(told, list) else str(told)
    return Row(identity=identity_of("no row", type(told).__name__, said), named=False)


def _detail(told: Any) -> str:
    return "rest" if isinstance(told, Unreadable) and told.rest else ""


def _figures(taken: Taken) -> dict[str, Any]:
    return {
        "received": taken.received,
        "recorded": taken.recorded,
        "duplicates": taken.duplicates,
        "ignored": sum(taken.ignored.values()),
        "quarantined": taken.quarantined,
    }
