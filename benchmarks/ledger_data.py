"""Ledgers of any length for benchmarks: the same each time, and shaped like ninety days of a busy account.

Twenty-four services, each used by one of six agents; an entry in five has a memo of a few common words. What
is rare (a word, a state) is there a hundred times at least, so that a page of it is full in a short
ledger too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from accounts.factories import make_account, make_exchange
from accounts.models import ApiKey, ExchangeAccount
from catalog.models import Provider, Service, price_rank
from usage import ledger
from usage.ledger import Draft
from usage.memos import index as memo_index
from usage.models import Chain, Delivery, DeliveryTally, LedgerEntry, UsageRollup
from usage.rollups import Key, Sums

SERVICES, PROVIDERS, AGENTS = 24, 12, 6
RARE = 100
FAMILIES = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "llama-3.3-70b", "qwen-3-235b", "deepseek-v3"]
WORDS = ["nightly", "batch", "translation", "support", "chat", "summary", "eval", "agent", "report", "报告"]
RARE_WORD = "reconstruction"
SPAN = timedelta(days=90)
OWN = 100_000
MILLION = 1_000_000
SOURCES = ["api"] * 17 + ["litellm"] * 3
BATCH = 100
"""Entries that one agent records at a time."""


def market(now: datetime) -> None:
    """Providers and services, so that entries have names and prices."""
    exchange = make_exchange()
    providers = [
        Provider.objects.create(
            exchange=exchange, remote_id=n, user_remote_id=n, display_name=f"Provider {n}", listed_at=now
        )
        for n in range(1, PROVIDERS + 1)
    ]
    for n in range(1, SERVICES + 1):
        price = Decimal(n) / 10_000
        Service.objects.create(
            exchange=exchange,
            provider=providers[n % PROVIDERS],
            remote_id=n,
            name=f"Service {n}",
            model_family=FAMILIES[n % len(FAMILIES)],
            price_per_1k_tokens=price,
            price_rank=price_rank(price),
            listed_at=now,
        )


def drafts(count: int, since: datetime, until: datetime, seed: int = 7) -> Iterator[Draft]:
    """So many, oldest first, spread evenly between the two; a batch at a time of one agent's services."""
    rng = random.Random(seed)  # noqa: S311 - the same each time
    step = (until - since) / count
    for n in range(count):
        words = rng.sample(WORDS, 2) if rng.random() < 0.2 else []
        if n % (count // RARE) == count // RARE // 2:
            words.append(RARE_WORD)
        agent = n // BATCH % AGENTS
        service = agent + AGENTS * rng.randrange(SERVICES // AGENTS) + 1
        yield Draft(
            service_id=service,
            prompt_tokens=rng.randint(50, 8000),
            completion_tokens=rng.randint(10, 2000),
            direction="supply" if service == SERVICES else "consume",
            memo=" ".join(words),
            occurred_at=since + step * n,
        )


def fill(count: int, own: int = OWN, batch: int = BATCH) -> ExchangeAccount:
    """An account with so many entries, most of them delivered.

    The first ``own`` are recorded, ``batch`` at a time; more are copies of these, as many and later in time,
    made by the database itself: as many rows, sums and index entries, with hashes that lead nowhere. The
    next entry that is recorded comes after all of them.
    """
    now = datetime.now(UTC)
    market(now)
    account = make_account(provider=True)
    # the first agent is a person, without a key
    keys = [ApiKey.objects.create(user=account.user, label=f"agent {n}") for n in range(1, AGENTS)]
    own = min(count, own)
    until = now - timedelta(minutes=1)
    told = drafts(own, until - SPAN, until - SPAN + SPAN * own / count)
    for number, drafted in enumerate(batched(told, batch)):
        agent = number % AGENTS
        source = SOURCES[number % len(SOURCES)] if agent else "page"
        ledger.record(account, drafted, source=source, api_key=keys[agent - 1] if agent else None)
    for copy in range(1, count // own):
        # what is rare comes once in a million
        is_rare = copy * own % MILLION == 0
        append_copies(account, own, SPAN * own / count * copy, rare=is_rare)
    sum_up(account)
    settle(account)
    return account


def batched(told: Iterator[Draft], size: int) -> Iterator[list[Draft]]:
    while batch := list(islice(told, size)):
        yield batch


def append_copies(account: ExchangeAccount, own: int, later: timedelta, *, rare: bool) -> None:
    """The first ``own`` entries once more, so much later, with all that depends on them."""
    sqlite = connection.vendor == "sqlite"
    hours = int(later / timedelta(hours=1))
    moved = (
        f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', occurred_at, '+{hours} hours')"
        if sqlite
        else f"occurred_at + interval '{hours} hours'"
    )
    newest = LedgerEntry.objects.filter(account=account).order_by("-seq")[0]
    seq, last = newest.seq, newest.pk
    random_hash = (
        "hex(randomblob(32))" if sqlite else "encode(sha256((gen_random_uuid()::text)::bytea), 'hex')"
    )
    random_id = "lower(hex(randomblob(16)))" if sqlite else "gen_random_uuid()"
    entry = {
        **{
            field.column: field.column for field in LedgerEntry._meta.concrete_fields if not field.primary_key
        },
        "seq": f"seq + {seq}",
        "occurred_at": moved,
        "entry_id": random_id,
        "hash": random_hash,
    }
    if not rare:
        entry["memo"] = f"trim(replace(memo, '{RARE_WORD}', ''))"
    with connection.cursor() as cursor:
        _copy(cursor, LedgerEntry, entry, f"account_id = {account.pk} AND seq <= {own} ORDER BY seq")
        delivery = {field.column: field.column for field in Delivery._meta.concrete_fields}
        delivery |= {
            "entry_id": f"entry_id + {last}",
            "seq": f"seq + {seq}",
            "occurred_at": moved,
        }
        _copy(cursor, Delivery, delivery, f"account_id = {account.pk} AND seq <= {own} ORDER BY seq")
    rest = LedgerEntry.objects.filter(account=account, seq__gt=seq).exclude(memo="")
    memo_index.add(rest.values_list("pk", "account_id", "memo").iterator(chunk_size=5000))
    end = LedgerEntry.objects.filter(account=account).order_by("-seq")[0]
    Chain.objects.filter(account=account).update(seq=end.seq, hash=end.hash)


def _copy(cursor: Any, model: type[Model], columns: dict[str, str], which: str) -> None:
    table = model._meta.db_table
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - our own names and numbers
        f"SELECT {', '.join(columns.values())} FROM {table} WHERE {which}",
        [],
    )


def sum_up(account: ExchangeAccount) -> None:
    """Every rollup again, by the database itself: usage.rollups takes minutes for ten million."""
    sqlite = connection.vendor == "sqlite"
    signed = "(CASE WHEN reverses_seq IS NULL THEN 1 ELSE -1 END)"
    sums = [
        "COUNT(*)",
        f"SUM({signed} * prompt_tokens)",
        f"SUM({signed} * completion_tokens)",
        f"SUM({signed} * COALESCE(cached_tokens, 0))",
        f"SUM({signed} * COALESCE(reasoning_tokens, 0))",
        f"SUM({signed} * COALESCE(cost_nanos, 0))",
        f"SUM(CASE WHEN cost_nanos IS NULL THEN {signed} * (prompt_tokens + completion_tokens) ELSE 0 END)",
    ]
    rest = (
        "direction, service_id, COALESCE(provider_id, 0), COALESCE(model_family, ''), COALESCE(api_key_id, 0)"
    )
    UsageRollup.objects.filter(account=account).delete()
    with connection.cursor() as cursor:
        for grain, form in (("hour", "%%Y-%%m-%%d %%H:00:00"), ("day", "%%Y-%%m-%%d 00:00:00")):
            start = (
                f"strftime('{form}', occurred_at)" if sqlite else f"date_trunc('{grain}', occurred_at, 'UTC')"
            )
            cursor.execute(
                f"INSERT INTO usage_usagerollup (account_id, grain, {', '.join(Key._fields[1:])}, "  # noqa: S608
                f"{', '.join(Sums._fields)}) "
                f"SELECT account_id, '{grain}', {start}, {rest}, {', '.join(sums)} "
                f"FROM usage_ledgerentry WHERE account_id = %s GROUP BY account_id, {start}, {rest}",
                [account.pk],
            )


def settle(account: ExchangeAccount) -> None:
    """All delivered but a hundred each that are pending, rejected and uncertain (in every million)."""
    now = timezone.now()
    apart = min(Delivery.objects.filter(account=account).count(), MILLION) // RARE
    rows = Delivery.objects.filter(account=account)
    with transaction.atomic():
        rows.update(state="delivered", settled_at=now, settled_by="answer", attempts=1, status=201)
        for place, state in enumerate(("pending", "rejected", "uncertain")):
            rows.extra(where=[f"seq %% {apart} = {place}"]).update(state=state)  # noqa: S610 - our own number
        DeliveryTally.objects.filter(account=account).delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO usage_deliverytally (account_id, state, direction, entries, tokens, cost_nanos) "
                "SELECT d.account_id, d.state, e.direction, COUNT(*), "
                "SUM(e.prompt_tokens + e.completion_tokens), COALESCE(SUM(e.cost_nanos), 0) "
                "FROM usage_delivery d JOIN usage_ledgerentry e ON e.id = d.entry_id "
                "WHERE d.account_id = %s GROUP BY d.account_id, d.state, e.direction",
                [account.pk],
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
