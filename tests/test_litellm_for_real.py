"""The real LiteLLM posts to a running site: every call once, whatever comes twice, broken, or by the 512."""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.litellm_package import (
    MISSING,
    PATH,
    Batch,
    answer_of,
    entries,
    is_installed,
    make_key,
    relay_to,
    run,
)
from tests.site_process import REPOSITORY, SiteProcess, running_site

pytestmark = [pytest.mark.skipif(not is_installed(), reason=MISSING), pytest.mark.own_database]
NOWHERE = "http://127.0.0.1:9"
AS_THE_PROXY = """\
import asyncio, os, litellm, yaml
async def main():
    config = yaml.safe_load(open("config.yaml"))
    settings = litellm.callback_settings = config["callback_settings"]
    (name,) = config["litellm_settings"]["callbacks"]
    headers = settings[name]["headers"]
    headers["Authorization"] = os.environ[headers["Authorization"].removeprefix("os.environ/")]
    callback = litellm.logging_callback_manager.add_custom_callback_generic_api_str(name)
    assert callback.max_retries == 5
    litellm.callbacks = [callback]
{calls}
    await asyncio.sleep(6)
asyncio.run(main())
"""
SAID = "the-conversation-itself"
MANY = 512
ADDRESS = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Made:
    """What LiteLLM did, the site to which it told it, and each batch on its way."""

    site: SiteProcess
    key: str
    calls: dict[str, Any]
    batches: list[Batch]
    book: list[dict[str, Any]]

    def post(self, body: bytes) -> dict[str, Any]:
        """Send a body as LiteLLM sends it."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        answer = requests.post(f"{self.site.base_url}{PATH}", body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def service_of(self, name: str) -> int | None:
        """The service under which a call is in the book; None where it is not."""
        found = [one for one in self.book if one["attributes"]["litellm_id"] == self.calls[name]]
        return found[0]["service_id"] if found else None


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """One run of LiteLLM, which is slow to start, for all of these tests."""
    if not is_installed():
        pytest.skip(MISSING)
    with running_site(
        tmp_path_factory.mktemp("site"), NOWHERE, {"TOKLIGENCE_EMAIL": "ada@example.com"}
    ) as site:
        key = make_key(site, "--service-id", "11")
        with relay_to(site) as relay:
            calls = answer_of(run("-m", "tests.litellm_calls", f"{relay.base_url}{PATH}", key))
        yield Made(site, key, calls, list(relay.batches), entries(site, key))


def figures(answer: dict[str, Any]) -> dict[str, int]:
    """What is not zero of an answer."""
    told = {**answer, **answer["ignored"]}
    del told["ignored"]
    return {name: count for name, count in told.items() if count}


def test_every_call_is_in_the_book_once(made: Made) -> None:
    bought = [made.calls[name] for name in ("plain", "streamed", "tagged", "named", "bought")]
    bought += [made.calls["lost"], made.calls["silent"]]
    bought += [*made.calls["ndjson"], *made.calls["single"], *made.calls["many"]]
    counted = Counter(one["attributes"]["litellm_id"] for one in made.book)
    assert counted == Counter(bought)
    assert {(one["source"], one["direction"], one["memo"]) for one in made.book} == {
        ("litellm", "consume", "")
    }
    assert {one["total_tokens"] for one in made.book} <= {30, 17}


def test_the_first_batch_is_judged_row_by_row(made: Made) -> None:
    assert figures(made.batches[0].answer) == {
        "received": 8,
        "recorded": 5,
        "failure": 1,
        "cache_hit": 1,
        "quarantined": 1,
    }
    assert made.calls["cached"] == made.calls["bought"], "answered from LiteLLM's own cache"


def test_a_call_goes_to_the_service_that_it_names(made: Made) -> None:
    assert [made.service_of(name) for name in ("plain", "tagged", "named", "rubbish")] == [11, 12, 13, None]


def test_512_rows_come_in_one_batch(made: Made) -> None:
    sizes = {batch.answer["received"]: len(batch.body) for batch in made.batches}
    assert sizes[MANY] > 5_000_000
    assert figures(made.batches[-1].answer) == {"received": MANY, "recorded": MANY}


def test_lines_and_single_rows_are_taken_too(made: Made) -> None:
    lines = next(batch for batch in made.batches if b"\n{" in batch.body)
    assert figures(lines.answer) == {"received": 2, "recorded": 2}
    singles = [batch for batch in made.batches if batch.body.startswith(b"{") and batch is not lines]
    assert [figures(batch.answer) for batch in singles] == [{"received": 1, "recorded": 1}] * 2
    assert {batch.headers["Content-Type"] for batch in made.batches} == {"application/json"}


def test_a_batch_whose_answer_was_lost_is_sent_again_and_counted_once(made: Made) -> None:
    first, second = (batch for batch in made.batches if made.calls["lost"].encode() in batch.body)
    assert first.body == second.body
    assert figures(first.answer) == {"received": 1, "recorded": 1}
    assert figures(second.answer) == {"received": 1, "duplicates": 1}


def test_litellm_can_be_told_to_send_no_conversation(made: Made) -> None:
    (batch,) = (batch for batch in made.batches if made.calls["silent"].encode() in batch.body)
    assert SAID.encode() not in batch.body
    assert figures(batch.answer) == {"received": 1, "recorded": 1}


def test_every_batch_again_records_nothing(made: Made) -> None:
    for batch in made.batches:
        answer = made.post(batch.body)
        assert (answer["recorded"], answer["received"]) == (0, batch.answer["received"])
        assert answer["duplicates"] == batch.answer["recorded"] + batch.answer["duplicates"]
        assert answer["quarantined"] == batch.answer["quarantined"]
    assert len(entries(made.site, made.key)) == len(made.book)


def test_a_bad_row_among_good_ones_costs_none_of_them(made: Made) -> None:
    rows = json.loads(made.batches[0].body)
    plain, tagged = ({**rows[index], "litellm_call_id": f"other-{index}"} for index in (0, 2))
    good = [json.dumps(row) for row in (plain, tagged)]
    odd = json.dumps({**rows[0], "litellm_call_id": "odd", "prompt_tokens": -1})
    broken = good[0].replace('"status": "success"', '"status": success')
    answer = made.post(f"[{good[0]},{odd},{broken},{good[1]}]".encode())
    assert figures(answer) == {"received": 4, "recorded": 2, "quarantined": 2}
    again = made.post(f"{good[0]}\n{good[0][:300]}\n{good[1]}".encode())
    assert figures(again) == {"received": 3, "duplicates": 2, "quarantined": 1}


def test_nothing_of_a_conversation_is_kept_anywhere(made: Made) -> None:
    assert SAID.encode() in made.batches[0].body
    kept = [path for path in made.site.folder.rglob("*") if path.is_file()]
    assert {path.name for path in kept} >= {"gateway.sqlite3", "site.log"}
    for path in kept:
        assert SAID.encode() not in path.read_bytes(), path.name


def code_of_the_page(kind: str) -> list[str]:
    """The snippets of docs/litellm.md in this language."""
    page = (REPOSITORY / "docs" / "litellm.md").read_text()
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_pages_snippets_run_as_written(made: Made, tmp_path: Path) -> None:
    """With the proxy's settings: not the proxy itself, another package, but its function that reads them."""
    program, calls = code_of_the_page("python")
    (config,) = code_of_the_page("yaml")
    assert ADDRESS in program
    assert ADDRESS in config
    (tmp_path / "hello.py").write_text(program.replace(ADDRESS, made.site.base_url))
    (tmp_path / "config.yaml").write_text(config.replace(ADDRESS, made.site.base_url))
    (tmp_path / "calls.py").write_text(AS_THE_PROXY.format(calls=textwrap.indent(calls, "    ")))
    before = len(entries(made.site, made.key))
    env = {"GATEWAY_KEY": made.key, "GATEWAY_AUTHORIZATION": f"Bearer {made.key}"}
    with ThreadPoolExecutor() as both:
        list(both.map(lambda name: run(name, cwd=tmp_path, env=env), ("hello.py", "calls.py")))
    assert sorted(one["service_id"] for one in entries(made.site, made.key)[before:]) == [11, 12, 13]
