"""The Procfile's commands, as the shell that starts them reads them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

PROCFILE = Path(__file__).resolve().parent.parent / "Procfile"


def processes(variables: Mapping[str, str] | None = None) -> dict[str, list[str]]:
    """The words of every process, with ``${NAME:-value}`` from these variables, else the value.

    What ``gateway_site.gunicorn_conf`` reads in the environment, WEB_ADDRESS, is put behind the words of web.
    """
    given = variables or {}
    lines = PROCFILE.read_text().splitlines()
    named = (line.split(":", 1) for line in lines if line.strip() and not line.startswith("#"))
    commands = {
        name: shlex.split(re.sub(r"\$\{(\w+):-(.*?)\}", lambda found: given.get(found[1]) or found[2], words))
        for name, words in named
    }
    if "WEB_ADDRESS" in given:
        commands["web"] += ["--bind", given["WEB_ADDRESS"]]
    return commands
