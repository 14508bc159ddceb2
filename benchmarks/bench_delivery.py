"""Delivering, several reports under way at once, against one at a time; and against bare ``requests``.

The Exchange is the sandbox over HTTP. Far away, each answer of it comes 50 ms later: eight at once must be at
least four times as fast as one. Near, the processor is what counts: there the baseline posts the same reports
over one connection that stays open, with no book beside it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from benchmarks.databases import Place, migrate, start_django
from benchmarks.rows import RATIO, Figure, Limit, Row
from benchmarks.sizes import Size
from tests.exchange_process import running_exchange

ENTRIES = 200
AWAY_MS = 50
LEAST = 4.0


def rows(place: Place, size: Size) -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_exchange(Path(folder)) as exchange,
    ):
        found = place.run(__name__, place.new(), exchange.base_url, str(size.load_rounds))
    yield Row(
        f"delivering, an Exchange {AWAY_MS} ms away, 8 at once",
        "one at a time",
        found["far"] / found["far, one"],
        place.title,
        figures=(Figure("", found["far"], "/s"), Figure("bare", found["far, one"], "/s")),
        limits=(Limit(RATIO, least=LEAST),),
    )
    yield Row(
        "delivering, an Exchange nearby, 8 at once",
        "bare requests, one at a time",
        found["near"] / found["posts"],
        place.title,
        figures=(
            Figure("", found["near"], "/s"),
            Figure("one at a time", found["near, one"], "/s"),
            Figure("bare", found["posts"], "/s"),
        ),
    )


def measure(database: str, base_url: str, rounds: int) -> dict[str, float]:
    """Entries a second, the best round of each; the rounds alternate."""
    import requests

    start_django(base_url)
    migrate(database)
    from accounts import exchanges
    from accounts.factories import make_user
    from accounts.registration import ensure_registered
    from exchange.wire_json import dumps
    from usage import ledger
    from usage.delivering.senders import AT_ONCE
    from usage.delivery import deliver_due

    account = ensure_registered(make_user(), provider=True, display_name="Bench")
    service = exchanges.gateway_for(account).publish_service("bench-llama", "llama", Decimal("0.0007"))
    session = requests.Session()
    session.trust_env = False

    def deliver(at_once: int, entries: int = ENTRIES) -> float:
        now = datetime.now(UTC)
        draft = ledger.Draft(
            service_id=service.id,
            prompt_tokens=900,
            completion_tokens=100,
            direction="consume",
            occurred_at=now,
        )
        ledger.record(account, [draft] * entries, source="api")
        began, done = time.perf_counter(), 0
        while done < entries:
            one = deliver_due(account.exchange, at_once=at_once)
            if not one.delivered:
                raise RuntimeError(one.failure or "nothing was delivered")
            done += one.delivered
        return entries / (time.perf_counter() - began)

    def post(entries: int = ENTRIES) -> float:
        began = time.perf_counter()
        for _ in range(entries):
            report = {
                "user_id": account.exchange_user_id,
                "service_id": service.id,
                "prompt_tokens": 900,
                "completion_tokens": 100,
                "direction": "consume",
            }
            answer = session.post(
                f"{base_url}/usage",
                data=dumps(report),
                headers={"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex},
                timeout=10,
            )
            answer.raise_for_status()
        return entries / (time.perf_counter() - began)

    def away(milliseconds: int) -> None:
        faults = {"latency_ms": milliseconds}
        session.patch(f"{base_url}/_control/faults", json=faults, timeout=10).raise_for_status()

    deliver(AT_ONCE, 40)  # the Exchange proves that it honours the key, and everything is warm
    best: dict[str, float] = {}
    for _ in range(rounds):
        away(AWAY_MS)
        found = {"far, one": deliver(1), "far": deliver(AT_ONCE)}
        away(0)
        found |= {"posts": post(), "near, one": deliver(1), "near": deliver(AT_ONCE)}
        best = {name: max(rate, best.get(name, 0.0)) for name, rate in found.items()}
    return best


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
