"""The README says the same in every language: the same commands, settings and documents."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ENGLISH = (REPOSITORY / "README.md").read_text()
CHINESE = (REPOSITORY / "README.zh-hans.md").read_text()


def commands(text: str) -> list[str]:
    """What stands in its blocks of code, without the remarks."""
    blocks = re.findall(r"^ *```\w+\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(r"\s+#.*", "", line).strip() for block in blocks for line in block.splitlines()]


def names(text: str) -> list[str]:
    """The settings: what stands first in the rows of its tables."""
    return re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)))


def test_both_have_the_same_commands() -> None:
    assert len(commands(ENGLISH)) > 20
    assert commands(CHINESE) == commands(ENGLISH)


def test_both_have_the_same_settings() -> None:
    assert {"environment", "SECRET_KEY"} <= set(names(ENGLISH))
    assert names(CHINESE) == names(ENGLISH)


def test_both_have_the_same_chapters() -> None:
    assert CHINESE.count("\n## ") == ENGLISH.count("\n## ")


def test_both_lead_to_documents_that_are_there() -> None:
    for text in (ENGLISH, CHINESE):
        places = set(re.findall(r"\]\(([^)#]+)\)", text))
        assert {"docs/api.md", "docs/img/dashboard.png"} <= places
        assert [place for place in places if not (REPOSITORY / place).exists()] == []
