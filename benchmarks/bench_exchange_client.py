"""What the Exchange client costs over bare ``requests``: the same answers of one sandbox, in one run.

Rounds of both alternate, so that noise troubles them alike; what counts is the ratio of the medians.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests
import structlog

from benchmarks.rows import RATIO, Figure, Limit, Row
from benchmarks.sizes import Size
from exchange import ExchangeClient
from tests.exchange_process import running_exchange

ROUNDS, CALLS = 9, 40
MOST = 2.0


def seconds(work: Callable[[], object]) -> float:
    """How long CALLS calls take."""
    start = time.perf_counter()
    for _ in range(CALLS):
        work()
    return time.perf_counter() - start


def measure(what: str, bare: Callable[[], object], ours: Callable[[], object]) -> Row:
    """The medians of one call: bare, and ours."""
    pairs = [(seconds(bare), seconds(ours)) for _ in range(ROUNDS)]
    without, with_client = (statistics.median(column) / CALLS * 1000 for column in zip(*pairs, strict=True))
    return Row(
        f"Exchange client: {what}",
        "bare requests",
        with_client / without,
        figures=(Figure("", with_client, "ms"), Figure("bare", without, "ms")),
        limits=(Limit(RATIO, most=MOST),),
    )


def rows(_size: Size) -> Iterator[Row]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder, running_exchange(Path(folder), "--seed") as exchange:
        session = requests.Session()
        session.trust_env = False
        with ExchangeClient(exchange.base_url) as client:
            user_id = client.register_user("bench@example.com", ["consumer"]).user.id
            yield measure(
                "60 services",
                lambda: session.get(f"{exchange.base_url}/services", timeout=10).json(),
                client.list_services,
            )
            yield measure(
                "the totals",
                lambda: session.get(
                    f"{exchange.base_url}/usage/summary", params={"user_id": user_id}, timeout=10
                ).json(),
                lambda: client.get_usage_summary(user_id),
            )
