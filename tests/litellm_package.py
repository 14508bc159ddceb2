"""The real LiteLLM in an environment of its own (``make install-litellm``), a relay, and a site for it."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.site_process import REPOSITORY, SiteProcess

ENVIRONMENT = REPOSITORY / ".venv-litellm"
PYTHON = ENVIRONMENT / "bin" / "python"
PATH = "/api/v1/usage/litellm"
MISSING = "LiteLLM: NOT RUN. It is not installed; `make install-litellm` does that where there is a network."


def is_installed() -> bool:
    return (ENVIRONMENT / ".installed").exists()


def run(*words: str, cwd: Path = REPOSITORY, env: Mapping[str, str] | None = None) -> str:
    """What a program under that interpreter prints; it asks nobody but whom it is told to."""
    told = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    ended = subprocess.run(
        [str(PYTHON), *words],
        cwd=cwd,
        env={**os.environ, **told, **(env or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    return ended.stdout


def answer_of(text: str) -> Any:
    """The JSON document that a program printed last; LiteLLM prints advice of its own before it."""
    return json.loads(text.strip().splitlines()[-1])


@dataclass
class Batch:
    """One request as it came from LiteLLM, and what the site said."""

    body: bytes
    headers: dict[str, str]
    answer: dict[str, Any]


@dataclass
class Relay:
    """Between LiteLLM and the site: hands everything on, and keeps it. One answer to ``?lost`` it loses."""

    base_url: str = ""
    has_lost: bool = False
    batches: list[Batch] = field(default_factory=list)


@contextmanager
def relay_to(site: SiteProcess) -> Iterator[Relay]:
    relay = Relay()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: self.headers[name] for name in ("Content-Type", "Authorization")}
            answer = requests.post(f"{site.base_url}{self.path}", body, headers=headers, timeout=60)
            relay.batches.append(Batch(body, headers, answer.json()))
            is_lost = self.path.endswith("?lost") and not relay.has_lost
            relay.has_lost |= is_lost
            self.send_response(502 if is_lost else answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    relay.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield relay
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_key(site: SiteProcess, *options: str) -> str:
    """The secret of a new key of the person for whom the site's commands act."""
    made = site.manage("create_api_key", "--label", "LiteLLM", *options, "--json")
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["secret"])


def entries(site: SiteProcess, key: str) -> list[dict[str, Any]]:
    """Everything in the book, by the API, oldest first."""
    found: list[dict[str, Any]] = []
    asked: dict[str, str] = {"limit": "200"}
    while True:
        answer = requests.get(
            f"{site.base_url}/api/v1/usage/logs",
            asked,
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
        ).json()
        found += answer["entries"]
        if not answer["older_than"]:
            return found[::-1]
        asked["older_than"] = answer["older_than"]
