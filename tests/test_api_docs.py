"""docs/api.md: every command in it is run, in order, in one shell, and does what is said beside it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway_site.api import api
from gateway_site.api_words import CODES
from tests.api_callers import settle_in
from tests.exchange_process import REPOSITORY, running_exchange
from tests.site_process import SiteProcess, running_site

TEXT = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")
COMMAND = re.compile(
    r"^```sh\n(?P<script>.*?)^```\n"
    r"(?:\nAnswers (?P<status>\d{3})(?::|, without a body\.)\n(?:\n```json\n(?P<example>.*?)^```\n)?)?",
    re.MULTILINE | re.DOTALL,
)
ADDRESS = "ada@example.com"
DONE = "-- done --"
# what is measured: the status after the body, on a line of its own
SHELL = """
curl() { command curl --silent --show-error --noproxy '*' --write-out '\\n%{http_code}\\n' "$@"; }
"""

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("curl") and shutil.which("bash")),
        reason="NOT RUN: there is no curl, or no bash, here",
    ),
    pytest.mark.own_database,
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    folder = tmp_path_factory.mktemp("api-docs")
    with (
        running_exchange(folder, "--seed") as exchange,
        running_site(folder, exchange.base_url, {"TOKLIGENCE_LOG_LEVEL": "WARNING"}) as process,
    ):
        yield process


@pytest.fixture(scope="module")
def secret(site: SiteProcess) -> str:
    """A key as the document has it made by the command."""
    settle_in(site, ADDRESS)
    words = re.search(r"^ +python manage\.py (create_api_key .*)$", TEXT, re.MULTILINE)
    assert words, "the document says how a key is made"
    made = re.findall(r'"[^"]*"|\S+', words[1])
    done = site.manage(*(word.strip('"') for word in made), "--json", env={"TOKLIGENCE_EMAIL": ADDRESS})
    assert done.returncode == 0, done.stderr
    told: str = json.loads(done.stdout)["secret"]
    return told


def test_every_command_does_what_the_document_says(site: SiteProcess, secret: str, tmp_path: Path) -> None:
    answers: list[Any] = [{}]
    filled: dict[str, Callable[[], str]] = {
        "GATEWAY": lambda: site.base_url,
        "KEY": lambda: secret,
        "CHALLENGE": lambda: answers[-1]["challenge"],
        "CODE": lambda: site.newest_code(ADDRESS),
        "CSRF": lambda: answers[-1]["csrf_token"],
        "SERVICE_ID": lambda: str(answers[-1]["id"]),
        "KEY_ID": lambda: str(keys(answers)),
    }
    commands = list(COMMAND.finditer(TEXT))
    with shell(tmp_path) as run:
        for command in commands:
            script = fill(command["script"], filled)
            if not command["status"]:
                assert "curl" not in script, f"no status is said beside:\n{script}"
                run(script)
                continue
            body, _line, status = run(script).rpartition("\n")
            assert status == command["status"], f"{script}\n{body}"
            if command["example"]:
                answers.append(json.loads(body))
                assert shape(answers[-1]) == shape(json.loads(command["example"])), script
            else:
                assert body.strip() == ""
    assert len(answers) > 20


def keys(answers: list[Any]) -> int:
    """The number of the key that the document has just made."""
    made: int = next(one["id"] for one in reversed(answers) if "secret" in one)
    return made


def test_every_operation_is_in_the_document_with_a_command() -> None:
    scripts = [command["script"] for command in COMMAND.finditer(TEXT) if command["status"]]
    for path, operations in api.get_openapi_schema()["paths"].items():
        address = re.sub(r"\\\{\w+\\\}", r"[\\w$]+", re.escape(path))
        for method in operations:
            assert f"`{method.upper()} {path}`" in TEXT
            assert any(is_of(script, method.upper(), address) for script in scripts), (method, path)


def is_of(script: str, method: str, address: str) -> bool:
    found = re.search(rf'curl (?:-X (\w+) )?"\$GATEWAY{address}(?:\?[^"]*)?"', script)
    return bool(found) and (found[1] or ("POST" if " -d " in script else "GET")) == method


def test_every_code_of_a_refusal_is_in_its_table() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d{3}) \|", TEXT, re.MULTILINE))
    assert rows == {code: str(status) for code, (status, _text) in CODES.items()}


def fill(script: str, values: Mapping[str, Callable[[], str]]) -> str:
    """The script with what its reader fills in."""
    return re.sub(
        r"^([A-Z_]+)=.*$", lambda found: f"{found[1]}='{values[found[1]]()}'", script, flags=re.MULTILINE
    )


def shape(document: Any) -> Any:
    """The keys at every depth; of a list those of its first."""
    if isinstance(document, dict):
        return {name: shape(value) for name, value in document.items() if name != "attributes"}
    if isinstance(document, list):
        return [shape(document[0])] if document else []
    return None


@contextmanager
def shell(folder: Path) -> Iterator[Callable[[str], str]]:
    """One bash for all of it, as the reader has one: it answers with what a script printed."""
    with subprocess.Popen(
        ["bash", "--noprofile", "--norc"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as bash:
        told, printed = bash.stdin, bash.stdout
        assert told
        assert printed
        told.write(SHELL)

        def run(script: str) -> str:
            told.write(f"{script}\nprintf '\\n%s\\n' '{DONE}'\n")
            told.flush()
            lines: list[str] = []
            while (line := printed.readline()) != f"{DONE}\n":
                assert line, "".join(lines)  # it has ended
                lines.append(line)
            return "".join(lines).rstrip("\n")

        yield run
        told.close()
