"""Recording one entry through the API against a bare Django view that inserts one row, under the same server.

    make bench
    python benchmarks/bench_api_recording.py --rounds 9 --seconds 10
    python benchmarks/bench_api_recording.py --bare-closes

Both run by the Procfile's gunicorn (2 workers, 4 threads each) on a SQLite file, with the site's own settings
of the database (``synchronous=FULL``), and are asked over 8 connections that stay open; rounds alternate, and
what counts is the medians. The site shall answer half as many requests a second, which it does not yet:
docs/benchmarks.md shows where the time goes, and less than ``LEAST`` is a failure here. It looks the key up,
judges, prices, chains and hashes the entry, and writes sums, delivery, the key's day and the chain beside it.
``--bare-closes`` lets the bare view open a connection for each request, as Django does if nothing is said.

``wrk`` asks, if it is installed (apt-get install wrk). Without it a client in Python does, which takes much
of the processors from the servers, more from the faster: its ratios are too good.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.test_settings")

from benchmarks.databases import in_a_process, migrate, start_django, use
from tests.procfile import processes
from tests.site_process import REPOSITORY, site_environment

CONNECTIONS, ROUNDS, SECONDS, WARM_UP = 8, 7, 4.0, 2.0
WANTED, LEAST = 0.5, 0.15
HAS_WRK = shutil.which("wrk") is not None
NOWHERE = "http://127.0.0.1:1"
START_LIMIT = 60


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to: requests a second, latencies in milliseconds."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked: a URL, by an API key where it needs one."""

    url: str
    key: str = ""


def prepare(database: str) -> dict[str, str]:
    """A site's database with one person, one account, one key and a small market; the key's secret."""
    start_django(NOWHERE)
    from django.db import connection
    from django.utils import timezone

    from accounts.api_keys import create_key
    from accounts.factories import make_account
    from accounts.keys.settings import KeySettings
    from benchmarks.ledger_data import market

    migrate(database)
    market(timezone.now())
    created = create_key(make_account().user, KeySettings(label="bench"))
    database_settings = {name: connection.settings_dict[name] for name in ("OPTIONS", "CONN_MAX_AGE")}
    return {"key": created.secret_text, "database": json.dumps(database_settings)}


def check(database: str) -> dict[str, Any]:
    """How many entries are in the ledger, and what verify_ledger finds wrong with them."""
    start_django(NOWHERE)
    use(database)
    from usage.models import Chain
    from usage.verification import verify

    found = verify(Chain.objects.get().account, statement=None)
    return {"entries": found.entries, "problems": [str(problem) for problem in found.problems]}


@contextmanager
def served(folder: Path, application: str, environment: dict[str, str]) -> Iterator[str]:
    """The application under the Procfile's gunicorn; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    server, site, *words = processes({"WEB_ADDRESS": address})["web"]
    assert site == "gateway_site.wsgi"
    log = folder / f"{application}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", server, application, *words],
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(address, process, log)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_LIMIT
    while time.monotonic() < give_up and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://{address}/healthz", timeout=5).close()
        except urllib.error.HTTPError:
            return  # there is no such page, but it answers
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"It did not start:\n{log.read_text()}")


def ask_by_wrk(target: Target, connections: int, seconds: float) -> Round:
    """wrk's figures. Raises RuntimeError where a request failed: then they mean nothing."""
    ended = subprocess.run(  # noqa: S603 - wrk, with our own words
        [
            *("wrk", "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{seconds:.0f}s", "--timeout", "30s"),
            *("--script", str(Path(__file__).with_name("record_usage.lua")), target.url),
            *("--", str(uuid.uuid4().int % 2**31), *([target.key] if target.key else [])),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(ended.stdout.splitlines()[-1])
    if told["failed"]:
        raise RuntimeError(f"{told['failed']} requests failed:\n{ended.stdout}")
    return Round(told["answered"] / told["seconds"], told["p50"], told["p99"])


def ask_by_python(target: Target, connections: int, seconds: float) -> Round:
    """The same by threads of this process."""
    latencies: list[float] = []
    until = time.monotonic() + seconds
    clients = [
        threading.Thread(target=_ask_until, args=(target, until, latencies)) for _ in range(connections)
    ]
    began = time.monotonic()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    took = time.monotonic() - began
    cuts = statistics.quantiles(latencies, n=100)
    return Round(len(latencies) / took, cuts[49] * 1000, cuts[98] * 1000)


def _ask_until(target: Target, until: float, latencies: list[float]) -> None:
    _scheme, _, address, path = target.url.split("/", 3)
    connection = HTTPConnection(address, timeout=30)
    headers = {"Content-Type": "application/json"}
    if target.key:
        headers["Authorization"] = f"Bearer {target.key}"
    entry = {"service_id": 1, "prompt_tokens": 1200, "completion_tokens": 300, "direction": "consume"}
    while time.monotonic() < until:
        body = json.dumps({"entry_id": str(uuid.uuid4()), **entry})
        began = time.perf_counter()
        connection.request("POST", f"/{path}", body, headers)
        response = connection.getresponse()
        answer = response.read()
        latencies.append(time.perf_counter() - began)
        assert response.status == 201, answer
    connection.close()


def measure(targets: dict[str, Target], connections: int, rounds: int, seconds: float) -> dict[str, Round]:
    """The medians of each target's rounds."""
    ask: Callable[..., Round] = ask_by_wrk
    if not HAS_WRK:
        print("wrk is not installed: asked by Python, which flatters the ratio (apt-get install wrk).")
        ask = ask_by_python
    for target in targets.values():
        ask(target, connections, WARM_UP)
    done: dict[str, list[Round]] = {name: [] for name in targets}
    for _ in range(rounds):
        for name, target in targets.items():
            done[name].append(ask(target, connections, seconds))
    return {
        name: Round(*(statistics.median(getattr(one, field) for one in all_) for field in Round.__slots__))
        for name, all_ in done.items()
    }


@contextmanager
def both(folder: Path, *, bare_closes: bool = False) -> Iterator[tuple[dict[str, Target], str]]:
    """The site and the bare view, running; and the site's database."""
    ours = str(folder / "gateway.sqlite3")
    start_url = f"sqlite:///{folder}/start.sqlite3"
    made = in_a_process(__file__, start_url, "prepare", ours)
    environment = {
        **site_environment(folder, NOWHERE, {"DATABASE_URL": f"sqlite:///{ours}"}),
        "TOKLIGENCE_API_RATE": "0",
        "TOKLIGENCE_LOG_LEVEL": "info",  # as it is by default: a line for each entry
        "BARE_DATABASE": str(folder / "bare.sqlite3"),
        "BARE_OPTIONS": json.dumps(
            json.loads(made["database"]) | ({"CONN_MAX_AGE": 0} if bare_closes else {})
        ),
    }
    subprocess.run(
        [sys.executable, "-c", "from benchmarks import bare_site; bare_site.make_table()"],
        cwd=REPOSITORY,
        env=environment,
        check=True,
    )
    with ExitStack() as stack:
        serve = partial(served, folder, environment=environment)
        bare = stack.enter_context(serve("benchmarks.bare_site"))
        site = stack.enter_context(serve("gateway_site.wsgi"))
        yield (
            {
                "bare view": Target(f"http://{bare}/"),
                "recording": Target(f"http://{site}/api/v1/usage", made["key"]),
            },
            ours,
        )


def compare(connections: int, rounds: int, seconds: float, *, bare_closes: bool) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        with both(Path(folder), bare_closes=bare_closes) as (targets, database):
            figures = measure(targets, connections, rounds, seconds)
        checked = in_a_process(__file__, f"sqlite:///{folder}/start.sqlite3", "check", database)
    bare, ours = figures["bare view"], figures["recording"]
    ratio = ours.rate / bare.rate
    good = ratio >= LEAST
    verdict = "" if ratio >= WANTED else f"  SHORT OF {WANTED:.2f}" if good else "  TOO SLOW"
    if not HAS_WRK:
        verdict = "  NO VERDICT: it was not asked by wrk"
    for name, one in figures.items():
        print(f"{name:<12}{one.rate:>12,.0f}/s{one.p50:>12.1f} ms{one.p99:>12.1f} ms")
    print(f"{'ratio':<12}{ratio:>12.2f}{verdict}")
    if checked["problems"]:
        print(f"WRONG: {checked['problems'][:5]}")
    print(f"{checked['entries']:,} entries recorded; the ledger verifies: {not checked['problems']}")
    return good and not checked["problems"]


def main(words: list[str]) -> None:
    match words:
        case ["prepare", database]:
            print(json.dumps(prepare(database)))
        case ["check", database]:
            print(json.dumps(check(database)))
        case _:
            parser = argparse.ArgumentParser(description="Recording through the API against a bare view.")
            parser.add_argument("--connections", type=int, default=CONNECTIONS, help="(%(default)s)")
            parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each (%(default)s)")
            parser.add_argument("--seconds", type=float, default=SECONDS, help="a round (%(default)s)")
            parser.add_argument("--bare-closes", action="store_true", help="its connection, each time")
            sizes = parser.parse_args(words)
            print(
                f"\nRecording through the API, one entry a request, {sizes.connections} connections\n"
                f"{'SQLite':<12}{'requests':>14}{'p50':>15}{'p99':>15}"
            )
            good = compare(sizes.connections, sizes.rounds, sizes.seconds, bare_closes=sizes.bare_closes)
            sys.exit(0 if good else "Recording through the API is slower than required.")


if __name__ == "__main__":
    main(sys.argv[1:])
