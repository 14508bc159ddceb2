"""One request, followed through the logs: from the site to the Exchange, and from recording to delivery."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.exchange_process import ExchangeProcess, running_exchange
from tests.site_process import SiteProcess, running_beside, running_site

pytestmark = [pytest.mark.own_database, pytest.mark.alone]
TOKEN = "a-token-for-prometheus-0123456789"
Line = dict[str, Any]
ENV = {
    "TOKLIGENCE_LOG_FORMAT": "json",
    "TOKLIGENCE_LOG_LEVEL": "INFO",
    "TOKLIGENCE_EMAIL": "ada@example.com",
    "METRICS_TOKEN": TOKEN,
}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with running_exchange(tmp_path_factory.mktemp("exchange"), "--seed", "--verbosity", "2") as process:
        yield process


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, exchange: ExchangeProcess) -> Iterator[SiteProcess]:
    with running_site(tmp_path_factory.mktemp("site"), exchange.base_url, ENV) as process:
        yield process


def lines_of(path: Path) -> list[Line]:
    """What stands there as JSON, an object a line; a line of another kind is none."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]


def waited_for(path: Path, fits: Callable[[Line], bool]) -> Line:
    """The first line that fits, as soon as it stands there."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        for line in lines_of(path):
            if fits(line):
                return line
        time.sleep(0.1)
    raise AssertionError(path.read_text())


def test_a_request_has_one_name_here_and_at_the_exchange(
    site: SiteProcess, exchange: ExchangeProcess
) -> None:
    made = json.loads(site.manage("create_api_key", "--label", "Agent", "--json").stdout)
    key = {"Authorization": f"Bearer {made['secret']}"}
    asked = requests.get(f"{site.base_url}/api/v1/services/choose?strategy=cheapest", headers=key, timeout=30)
    name = asked.headers["X-Request-ID"]
    log = site.folder / "site.log"
    request = waited_for(log, lambda line: line["component"] == "gateway/web" and line["request_id"] == name)
    assert (request["event"], request["key_id"]) == ("http_request", made["id"])
    assert made["secret"] not in log.read_text()
    sent = [
        line for line in lines_of(log) if line["component"] == "gateway/http" and line["request_id"] == name
    ]
    assert sent, log.read_text()
    theirs = waited_for(exchange.output, lambda line: line.get("request_id") == name)
    assert theirs["path"] in ("/services", "/providers")


def test_an_entry_has_one_name_where_it_is_recorded_and_where_it_is_delivered(
    site: SiteProcess, exchange: ExchangeProcess
) -> None:
    made = json.loads(site.manage("create_api_key", "--label", "Agent", "--json").stdout)
    entry_id = str(uuid.uuid4())
    usage = {
        "entry_id": entry_id,
        "service_id": 1,
        "prompt_tokens": 5,
        "completion_tokens": 5,
        "direction": "consume",
    }
    with running_beside(site, "delivery"):
        answer = requests.post(
            f"{site.base_url}/api/v1/usage",
            json=usage,
            headers={"Authorization": f"Bearer {made['secret']}"},
            timeout=30,
        )
        assert answer.status_code == 201
        recorded = waited_for(
            site.folder / "site.log",
            lambda line: line["event"] == "entries_recorded" and entry_id in line["entry_id"],
        )
        assert recorded["request_id"] == answer.headers["X-Request-ID"]
        reported = waited_for(
            site.folder / "delivery.log",
            lambda line: line["event"] == "entry_reported" and line["entry_id"] == entry_id,
        )
        assert (reported["seq"], reported["state"]) == (recorded["seq"], "delivered")
        theirs = waited_for(exchange.output, lambda line: line.get("request_id") == reported["request_id"])
        assert (theirs["method"], theirs["path"]) == ("POST", "/usage")
        # what the worker's process counted is told by the web's
        figures = requests.get(
            f"{site.base_url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
        ).text
    assert 'tokligence_exchange_calls_total{operation="report_usage",outcome="ok"} 1.0' in figures
    assert "tokligence_worker_alive 1.0" in figures
    assert 'tokligence_entries{direction="consume",state="delivered"} 1.0' in figures
    counted = "django_http_responses_total_by_status_view_method_total"
    assert f'{counted}{{method="POST",status="201",view="api:record"}} 1.0' in figures
