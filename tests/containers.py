"""The compose files and the Dockerfile, as Docker reads them, as far as tests need it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
TRIAL, LIVE = REPOSITORY / "docker-compose.yml", REPOSITORY / "deploy" / "compose.live.yml"
_INTERPOLATED = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


class NotTold(LookupError):  # noqa: N818 - said of a variable
    """A variable that a file insists on is not set."""


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """With ``${NAME}``, ``${NAME:-value}`` and ``${NAME:?why}`` in place. Raises NotTold."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if given := variables.get(name):
            return given
        if kind == "?":
            raise NotTold(f"{name}: {rest}")
        return rest or ""

    return _INTERPOLATED.sub(value, text)


def compose(file: Path, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The document, with these variables in the environment."""

    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: filled(value) for key, value in node.items()}
        if isinstance(node, list):
            return [filled(value) for value in node]
        return interpolated(node, variables or {}) if isinstance(node, str) else node

    document = filled(yaml.safe_load(file.read_text()))
    assert isinstance(document, dict)
    return document


def dockerfile() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage, by its name, in order: ``{"runtime": [("FROM", "python"), …]}``."""
    text = re.sub(r"\\\n\s*", " ", (REPOSITORY / "Dockerfile").read_text())
    stages: dict[str, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            parent, _, name = rest.partition(" AS ")
            stages[name] = []
            rest = parent
        stages[list(stages)[-1]].append((instruction, rest.strip()))
    return stages


def said(stage: str, instruction: str) -> str:
    """What the last such instruction of a stage says, or of the stage that it begins with."""
    stages = dockerfile()
    while stage in stages:
        if found := [rest for name, rest in stages[stage] if name == instruction]:
            return found[-1]
        stage = stages[stage][0][1]
    raise AssertionError(f"{instruction} is not said")


def command_of(service: Mapping[str, Any]) -> list[str]:
    """The words of a service of ours: its own, or its image's."""
    words = service.get("command") or json.loads(said(service["build"]["target"], "CMD"))
    return shlex.split(words) if isinstance(words, str) else [str(word) for word in words]
