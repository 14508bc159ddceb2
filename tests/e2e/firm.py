"""A firm that has kept its book for two months: ``python -m tests.e2e.firm EMAIL`` in a site's environment.

It is registered as consumer and provider, offers two services, has keys of every state, entries of every
state (each delivered to the Exchange for real), a difference, waiting rows of LiteLLM and a dispute pack.
What pages need to be found by is printed as one JSON document. ``--entries N`` adds as many that count as
delivered without having been sent: for what must be long, and not true.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import django

django.setup()

import requests  # noqa: E402
from django.core.management import CommandError, call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts import api_keys, registration  # noqa: E402
from accounts.keys.budgets import Budget  # noqa: E402
from accounts.keys.settings import KeySettings  # noqa: E402
from accounts.models import ApiKey, ExchangeAccount, User  # noqa: E402
from accounts.models.api_key import BudgetPeriod, BudgetUnit, Scope  # noqa: E402
from benchmarks.ledger_data import settle, sum_up  # noqa: E402
from catalog.models import Service  # noqa: E402
from catalog.publishing import publish_service  # noqa: E402
from usage import ledger, reconciliation  # noqa: E402
from usage.evidence import keeping  # noqa: E402
from usage.factories import make_draft, make_entry, mark  # noqa: E402
from usage.ledger import Draft  # noqa: E402
from usage.models.quarantine import QuarantinedRow  # noqa: E402
from usage.tests.litellm import make_row, placed, taken  # noqa: E402

DAYS = 60
MEMOS = ("nightly batch", "support chat", "translation 翻译", "eval run 14", "summaries", "", "", "")
LONG = "A provider of uncommonly long names & sons, inference brokers to the trade since 1898 (Rotterdam)"


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("email")
    parser.add_argument("--entries", type=int, default=0)
    parser.add_argument("--staff", action="store_true")
    asked = parser.parse_args(words)
    print(json.dumps(build(asked.email, more=asked.entries, is_staff=asked.staff)))


def build(email: str, *, more: int = 0, is_staff: bool = False) -> dict[str, Any]:
    """Everything above, in the order in which it would have happened."""
    user, _created = User.objects.get_or_create(email=email)
    User.objects.filter(pk=user.pk).update(is_staff=is_staff, is_superuser=is_staff)
    account = registration.ensure_registered(user, provider=True, display_name=LONG)
    own = offer(account)
    command("sync_catalog")
    keys, secret = make_keys(user)
    record(account, keys, own)
    command("sync_usage", "--once")
    numbers = disturb(account, keys)
    if more:
        lengthen(account, keys, more)
    command("verify_ledger")
    run = reconciliation.reconcile(account)
    numbers |= leave_open(account, keys[0])
    pack = keeping.make(account, since=None, until=None, deadline=6)
    for row in (
        make_row(),
        make_row(),
        make_row(model="a-model-nobody-offers-" + "x" * 60),
        placed("no number"),
    ):
        taken(account, row, key=keys[1])
    return {
        **numbers,
        "service": own[0],
        "provider": account.provider_id,
        "key": keys[0].pk,
        "secret": secret,
        "run": run.pk,
        "pack": str(pack.pk),
        "row": QuarantinedRow.objects.filter(account=account).latest("pk").pk,
    }


def command(*words: str) -> None:
    """Run it without its words; what it could not do shows on the pages, and is meant to."""
    with contextlib.suppress(CommandError):
        call_command(*words, stdout=io.StringIO(), stderr=io.StringIO())


def offer(account: ExchangeAccount) -> list[int]:
    """Two services; the Exchange's numbers."""
    offers = (
        (
            "Night shift, 70B, with a name that goes on for longer than any column of a table is wide",
            "llama-3.3-70b",
            "0.0006",
        ),
        ("Day shift", "gpt-4o-mini", "0.00031"),
    )
    return [
        publish_service(
            account, name=name, model_family=family, price_per_1k_tokens=Decimal(price), trial_tokens=10_000
        ).id
        for name, family, price in offers
    ]


def make_keys(user: User) -> tuple[list[ApiKey], str]:
    """Keys near, within, beyond and without a budget, and one that was revoked; the first one's secret."""
    tokens, usd = BudgetUnit.TOKENS, BudgetUnit.USD
    month, day, total = BudgetPeriod.MONTH, BudgetPeriod.DAY, BudgetPeriod.TOTAL
    long = "Nightly batch with a label as long as a label may be, or nearly so: forty more letters"
    near = Budget(unit=tokens, period=month, limit=1_200_000, soft_limit=900_000)
    beyond = Budget(unit=usd, period=total, limit=5_000_000_000)
    wanted = (
        KeySettings(label="Support agent", tags=("production", "support"), budget=near),
        KeySettings(label=long, tags=("batch",), budget=beyond),
        KeySettings(
            label="翻译 translation",
            scopes=(Scope.RECORD.value,),
            budget=Budget(unit=tokens, period=day, limit=50_000),
        ),
        KeySettings(label="Notebook"),
        KeySettings(label="Old intern"),
    )
    made = [api_keys.create_key(user, one) for one in wanted]
    api_keys.revoke(made[-1].key)
    return [one.key for one in made], made[0].secret_text


def record(account: ExchangeAccount, keys: list[ApiKey], own: list[int]) -> None:
    """A few entries a day, more on working days; some of them supplied."""
    rng, now = random.Random(11), datetime.now(UTC)  # noqa: S311 - the same each time
    bought = list(
        Service.objects.filter(exchange=account.exchange, remote_id__lte=60).order_by("remote_id")[:40:4]
    )
    for key in (*keys[:4], None):
        drafts = []
        for back in range(DAYS, 0, -1):
            day = now - timedelta(days=back)
            for _each in range(rng.randint(0, 2 if day.weekday() < 5 else 1)):
                supplies = key is None and rng.random() < 0.7
                drafts.append(
                    Draft(
                        service_id=rng.choice(own)
                        if supplies
                        else rng.choice(bought[: 4 + back % 5]).remote_id,
                        prompt_tokens=rng.randint(2_000, 60_000),
                        completion_tokens=rng.randint(300, 9_000),
                        direction="supply" if supplies else "consume",
                        memo=rng.choice(MEMOS),
                        occurred_at=day + timedelta(seconds=rng.randint(0, 40_000) - 40_000),
                    )
                )
        ledger.record(account, drafts or [make_draft()], source="api" if key else "page", api_key=key)


def disturb(account: ExchangeAccount, keys: list[ApiKey]) -> dict[str, int]:
    """A refusal, a reversal, and an entry of theirs alone."""
    refused = make_entry(
        account=account,
        direction="supply",
        memo="another's service, by mistake",
        source="api",
        api_key=keys[1],
    )
    taken_back = make_entry(account=account, memo="typed twice")
    command("sync_usage", "--once")
    reversal = ledger.reverse(account, taken_back.seq, reason="typed twice", source="page")
    line = {
        "user_id": account.exchange_user_id,
        "service_id": 5,
        "prompt_tokens": 900,
        "completion_tokens": 100,
        "direction": "consume",
    }
    answer = requests.post(
        f"{account.exchange.base_url}/usage",
        json=line,
        headers={"Idempotency-Key": f"foreign-{account.pk}"},
        timeout=30,
    )
    answer.raise_for_status()
    return {
        "refused": refused.seq,
        "reversal": reversal.seq,
        "reversed": taken_back.seq,
        "delivered": 3,
    }


def leave_open(account: ExchangeAccount, key: ApiKey) -> dict[str, int]:
    """An entry whose answer was lost, and one that waits."""
    lost = make_entry(account=account, memo="the answer was lost", source="api", api_key=key)
    mark(lost, "uncertain", error="The answer was lost.", attempts=1)
    memo = "a memo that goes on and on, because whoever wrote it had a lot to say about this batch; " * 3
    waits = make_entry(account=account, memo=memo, source="api", api_key=key)
    return {"uncertain": lost.seq, "pending": waits.seq}


def lengthen(account: ExchangeAccount, keys: list[ApiKey], count: int) -> None:
    """As many more, of the last thirty days, that were never sent."""
    rng, now = random.Random(7), timezone.now()  # noqa: S311 - the same each time
    step = timedelta(days=30) / count
    for start in range(0, count, 500):
        drafts = [
            make_draft(
                service_id=rng.randrange(1, 40),
                prompt_tokens=rng.randint(50, 8000),
                completion_tokens=rng.randint(10, 2000),
                memo=rng.choice(MEMOS),
                occurred_at=now - timedelta(days=30) + step * (start + n),
            )
            for n in range(500)
        ]
        ledger.record(account, drafts, source="api", api_key=keys[start // 500 % 4])
    sum_up(account)
    settle(account)


if __name__ == "__main__":
    main()
