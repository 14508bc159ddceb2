"""The whole set of one soak: database, Exchange, web, workers, an account that trades, a key and a person."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.databases import new_database
from tests.faults.site import migrate
from tests.ports import free_address
from tests.site_process import REPOSITORY, SiteProcess, collect_static_files, site_environment
from tests.soak.mix import Mix
from tests.soak.options import Options
from tests.soak.person import Person
from tests.soak.processes import Market, Process, Web, running_market, worker

EMAIL = "trader@soak.example"
METRICS_TOKEN = "soak-metrics-0123456789-abcdefghijklmnop"
COMMAND_LIMIT = 3600
SERVICES_USED = 20


@dataclass(frozen=True)
class SiteSet:
    """What runs, and how to reach it."""

    folder: Path
    environment: Mapping[str, str]
    market: Market
    web: Web
    workers: list[Process]
    secret: str
    mix: Mix
    person: Person

    @property
    def promised(self) -> Path:
        """The file with every entry that was answered for."""
        return self.folder / "promised.txt"

    @property
    def processes(self) -> list[Process]:
        return [self.web, *self.workers]

    def pids(self) -> dict[str, int]:
        """Of what runs now, by name; what is just being restarted is left out."""
        found: dict[str, int] = {}
        for process in self.processes:
            try:
                found[process.name] = process.pid
                if isinstance(process, Web):
                    found |= {f"web {place}": pid for place, pid in enumerate(process.workers(), start=1)}
            except (RuntimeError, OSError):
                continue
        if "web" in found:
            found["web master"] = found.pop("web")
        return found

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``manage.py`` with these words; the caller looks at the exit code."""
        return _run([sys.executable, "manage.py", *words], self.environment)

    def books(self) -> dict[str, Any]:
        """What ``books.py`` finds. Raises RuntimeError where it cannot be known."""
        done = _run([sys.executable, "-m", "tests.soak.books", str(self.promised)], self.environment)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        document: dict[str, Any] = json.loads(done.stdout)
        return document


@contextmanager
def running_set(options: Options, folder: Path) -> Iterator[SiteSet]:
    """Everything started, and gone at the exit but for what lies in the folder."""
    with new_database(folder) as database, running_market(folder) as market, ExitStack() as stack:
        environment = _environment(options, folder, market.base_url, database.url)
        migrate(database, folder)
        collect_static_files(environment)
        own = _document(environment, "bootstrap", "--json")["service"]["id"]
        _document(environment, "sync_catalog", "--json")
        services = [one["id"] for one in _document(environment, "list_services", "--json")]
        secret = _document(environment, "create_api_key", "--label", "Soak", "--json")["secret"]
        address = free_address()
        # a worker that is replaced after so many requests would hide a leak
        without_recycling = ["--max-requests", "0"] if options.steady else []
        web = Web(environment, folder, address=address, options=without_recycling)
        workers = [
            *(worker("delivery", n, environment, folder) for n in range(1, options.deliverers + 1)),
            worker("catalogue", 1, environment, folder),
        ]
        for process in (web, *workers):
            stack.callback(process.end)
            process.start()
        web.wait_until_it_answers()
        person = Person(SiteProcess(f"http://{address}", folder, environment), EMAIL, METRICS_TOKEN)
        person.sign_in()
        mix = Mix(own, [one for one in services if one != own][:SERVICES_USED])
        yield SiteSet(folder, environment, market, web, workers, secret, mix, person)


def _environment(options: Options, folder: Path, exchange_url: str, database_url: str) -> dict[str, str]:
    metrics = folder / "metrics"
    metrics.mkdir(exist_ok=True)
    return site_environment(
        folder,
        exchange_url,
        {
            "DATABASE_URL": database_url,
            "METRICS_TOKEN": METRICS_TOKEN,
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            "TOKLIGENCE_EMAIL": EMAIL,
            "TOKLIGENCE_DISPLAY_NAME": "Ada Inference",
            "TOKLIGENCE_ENABLE_PROVIDER": "true",
            "TOKLIGENCE_PUBLISH_NAME": "ada-llama",
            "TOKLIGENCE_MODEL_FAMILY": "llama-3.1-70b",
            "TOKLIGENCE_PRICE_PER_1K": "0.0007",
            "TOKLIGENCE_API_RATE": "0",
            "TOKLIGENCE_LOG_FORMAT": "json",
            "TOKLIGENCE_LOG_LEVEL": "info",
            "TOKLIGENCE_HEAD_LOG": str(folder / "heads.jsonl"),
        },
    )


def _document(environment: Mapping[str, str], *words: str) -> Any:
    done = _run([sys.executable, "manage.py", *words], environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def _run(words: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT,
        check=False,
    )
