"""What the Exchange client costs over bare ``requests``: the same answers of one sandbox, in one run.

    make bench

Rounds of both alternate, so that noise troubles them alike; what counts is the ratio of the medians.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.test_settings")

import requests
import structlog

from exchange import ExchangeClient
from tests.exchange_process import running_exchange

ROUNDS, CALLS = 9, 40


def seconds(work: Callable[[], object]) -> float:
    """How long CALLS calls take."""
    start = time.perf_counter()
    for _ in range(CALLS):
        work()
    return time.perf_counter() - start


def measure(bare: Callable[[], object], ours: Callable[[], object]) -> tuple[float, float]:
    """The median milliseconds of one call: bare, and ours."""
    pairs = [(seconds(bare), seconds(ours)) for _ in range(ROUNDS)]
    return tuple(statistics.median(column) / CALLS * 1000 for column in zip(*pairs, strict=True))  # type: ignore[return-value]


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder, running_exchange(Path(folder), "--seed") as exchange:
        session = requests.Session()
        session.trust_env = False
        with ExchangeClient(exchange.base_url) as client:
            account = client.register_user("bench@example.com", ["consumer"])
            user_id = account.user.id
            rows = {
                "GET /services, 60 of them": measure(
                    lambda: session.get(f"{exchange.base_url}/services", timeout=10).json(),
                    client.list_services,
                ),
                "GET /usage/summary": measure(
                    lambda: session.get(
                        f"{exchange.base_url}/usage/summary", params={"user_id": user_id}, timeout=10
                    ).json(),
                    lambda: client.get_usage_summary(user_id),
                ),
            }
    print(f"{'call':<28}{'requests':>12}{'client':>12}{'ratio':>8}")
    for name, (bare, ours) in rows.items():
        print(f"{name:<28}{bare:>9.2f} ms{ours:>9.2f} ms{ours / bare:>8.2f}")


if __name__ == "__main__":
    main()
