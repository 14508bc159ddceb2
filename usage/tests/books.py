"""A book with everything in it, and the anchors outside the database that confirm it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.utils import timezone

from accounts.factories import make_account
from accounts.models import ApiKey, ExchangeAccount
from catalog.tests.mirrored import make_provider, make_service
from exchange import Direction, StatementEntry
from usage import ledger
from usage.canonical import digest, fields_of
from usage.factories import make_draft, make_entries, mark
from usage.models import Chain, Delivery, LedgerEntry
from usage.models.entry import GENESIS_HASH
from usage.verification import Verification, verify
from usage.verifying.head_lines import HeadLine
from usage.verifying.repairing import rebuild_derived
from usage.verifying.rows import Row, pages


def make_book(account: ExchangeAccount | None = None) -> ExchangeAccount:
    """Two dozen entries: priced and not, both directions, a key, attributes, other letters, two reversals."""
    account = account or make_account()
    provider = make_provider(number=7)
    make_service(provider=provider, number=1, family="gpt-4o", price="0.5")
    make_service(provider=provider, number=2, family="o3", price="0.000000000123")
    key = ApiKey.objects.create(user=account.user, label="agent")
    long_ago = timezone.now() - timedelta(days=3)
    make_entries(account, 8)
    make_entries(
        account,
        [
            make_draft(service_id=2, prompt_tokens=n * 1_000_003, cached_tokens=n, memo="naïve “量” \\\x7f\t")
            for n in range(1, 7)
        ],
        source="api",
        api_key=key,
    )
    make_entries(
        account,
        [
            make_draft(
                service_id=3 - n % 2,
                direction="supply",
                reasoning_tokens=n,
                occurred_at=long_ago + timedelta(hours=7 * n, microseconds=n % 2),
                attributes={"team": "a" * n, "ticket": None, "n": n},
            )
            for n in range(8)
        ],
        source="litellm",
    )
    for number, entry in enumerate(entries_of(account)[:16], start=101):
        mark(entry, Delivery.State.DELIVERED, exchange_entry_id=number)
    ledger.reverse(account, 3, reason="twice", source="page")  # delivered: local
    ledger.reverse(account, 20, reason="mistake", source="page")  # pending: withdrawn
    return account


def entries_of(account: ExchangeAccount) -> list[LedgerEntry]:
    return list(LedgerEntry.objects.filter(account=account).order_by("seq"))


def log_heads(path: Path, account: ExchangeAccount, *seqs: int) -> None:
    """Append what the head log would have said when these were the newest."""
    chain = Chain.objects.get(account=account)
    with path.open("ab") as file:
        for entry in LedgerEntry.objects.filter(account=account, seq__in=seqs).order_by("seq"):
            line = HeadLine(timezone.now(), account.exchange.base_url, chain.chain_id, entry.seq, entry.hash)
            file.write(line.written())


def statement_line(entry: LedgerEntry, *, number: int, **changes: Any) -> StatementEntry:
    """The Exchange's line for an entry of ours."""
    told = {
        "user_id": 1,
        "service_id": entry.service_id,
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "direction": Direction(entry.direction),
        "memo": entry.memo,
        "id": number,
        "created_at": timezone.now(),
        "prev_hash": GENESIS_HASH,
        "hash": "f" * 64,
        "idempotency_key": entry.hash,
        "raw": {},
    }
    return StatementEntry.model_construct(**{**told, **changes})


def statement(account: ExchangeAccount, states: Iterable[str] = ("delivered",)) -> list[StatementEntry]:
    """What the Exchange would say of everything that it has counted."""
    deliveries = Delivery.objects.filter(account=account, state__in=list(states)).select_related("entry")
    return [
        statement_line(delivery.entry, number=delivery.exchange_entry_id or delivery.seq)
        for delivery in deliveries.order_by("seq")
    ]


def recompute(account: ExchangeAccount, first: int = 1) -> None:
    """What a patient tamperer does: make the chain anew from an entry on, with its head and every sum."""
    chain = Chain.objects.get(account=account)
    before = LedgerEntry.objects.filter(account=account, seq__lt=first).order_by("seq").last()
    seq, prev = (before.seq, before.hash) if before else (0, GENESIS_HASH)
    entries = [entry for entry in entries_of(account) if entry.seq > seq]
    for entry in entries:
        entry.seq, entry.prev_hash = seq + 1, prev
        entry.hash = digest(fields_of(entry, chain_id=chain.chain_id, exchange=account.exchange.base_url))
        LedgerEntry.objects.filter(pk=entry.pk).update(
            seq=entry.seq, prev_hash=entry.prev_hash, hash=entry.hash
        )
        Delivery.objects.filter(entry=entry).update(seq=entry.seq, occurred_at=entry.occurred_at)
        seq, prev = entry.seq, entry.hash
    Chain.objects.filter(account=account).update(seq=seq, hash=prev)
    rebuild_derived(account)


def truncate(account: ExchangeAccount, last: int) -> None:
    """Take the newest entries away, with their deliveries; the head and every sum fit what is left."""
    entries = LedgerEntry.objects.filter(account=account, seq__gt=last)
    taken_back = list(entries.filter(reverses_seq__isnull=False).values_list("reverses_seq", flat=True))
    Delivery.objects.filter(entry__in=entries).delete()
    entries.delete()
    Delivery.objects.filter(account=account, seq__in=taken_back, state="withdrawn").update(state="pending")
    head = LedgerEntry.objects.get(account=account, seq=last)
    Chain.objects.filter(account=account).update(seq=last, hash=head.hash)
    rebuild_derived(account)


def found(account: ExchangeAccount, lines: Iterable[StatementEntry] | None = None) -> Verification:
    """Verify with an account that remembers nothing of what was read before."""
    return verify(ExchangeAccount.objects.select_related("exchange").get(pk=account.pk), statement=lines)


def rows_of(account: ExchangeAccount) -> list[Row]:
    """The entries as verification reads them."""
    return [row for page in pages(account.pk, account.exchange_id) for row in page]


def kinds(verification: Verification) -> set[tuple[int | None, str]]:
    return {(problem.seq, problem.kind) for problem in verification.problems}


def other_value(value: Any, random: Any) -> Any:
    """Something else of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + random.choice([1, -1, 1000]) if value else 1
        case Decimal():
            return value + Decimal("0.000000000001")
        case str():
            return value + random.choice([" ", "0", "é"])
        case None:
            return 1
    return value + timedelta(microseconds=random.choice([1, -1, 3_600_000_000]))
