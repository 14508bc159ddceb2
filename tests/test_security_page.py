"""docs/security.md names files and tests: each of them is there, and every requirement of the chapters is."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from exchange import normalise_base_url

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text()
_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"[\w/*.-]+/[\w*.-]+\.(?:py|md|html|toml|ini)")
_ROW = re.compile(r"^\| (\d\.\d\.\d+) \| ([12]) \|[^|]+\| ([a-z ]+) \|([^|]+)\|([^|]+)\|$", re.MULTILINE)
# how many requirements of levels 1 and 2 each section of ASVS 5.0 has
SECTIONS = {
    "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
}  # fmt: skip
STATES = {"met", "partly", "not met", "not applicable"}


def named() -> list[str]:
    return sorted({code for code in _CODE.findall(PAGE) if _FILE.match(code)})


def test_it_names_many() -> None:
    assert len([one for one in named() if "::" in one]) > 60
    assert "gateway_site/tests/test_every_url.py" in PAGE


@pytest.mark.parametrize("name", named())
def test_what_it_names_is_there(name: str) -> None:
    file, _colons, test = name.partition("::")
    assert list(ROOT.glob(file)), file
    if test:
        assert re.search(rf"^\s*def {re.escape(test)}\(", (ROOT / file).read_text(), re.MULTILINE), name


def test_every_requirement_is_there_once() -> None:
    rows = _ROW.findall(PAGE)
    numbers = [number for number, *_rest in rows]
    assert len(numbers) == len(set(numbers))
    assert Counter(number.rpartition(".")[0] for number in numbers) == SECTIONS


def test_each_is_answered_and_the_sum_is_right() -> None:
    rows = _ROW.findall(PAGE)
    states = Counter(state for _number, _level, state, _how, _tests in rows)
    assert set(states) <= STATES
    for number, _level, state, how, tests in rows:
        assert len(how.strip()) > 3, number
        assert state != "met" or "`" in tests, number
    told = "Of {}: {} met, {} partly, {} not met, {} not applicable.".format(
        len(rows), *(states[state] for state in ("met", "partly", "not met", "not applicable"))
    )
    assert told in PAGE


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "gopher://example.org/_x",
        "ftp://example.org",
        "javascript:alert(1)",
        "//example.org",
        "http://user:secret@169.254.169.254/",
        "http://example.org\r\nX: y",
        "unix:///run/x",
        "http+unix://x/",
        "data:,x",
    ],
)
def test_an_exchanges_address_is_http_and_carries_no_secret(address: str) -> None:
    with pytest.raises(ValueError, match="The Exchange's address") as refused:
        normalise_base_url(address)
    assert "secret" not in str(refused.value)
