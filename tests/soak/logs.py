"""Whether the processes complained: every line of their logs, but for what a soak itself brings about."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

SEVERE = ("error", "critical")
MOST = 50
_KILLED = re.compile(r"Worker \(pid:(\d+)\) was sent SIGKILL")


def complaints(paths: Iterable[Path], killed: Collection[int]) -> tuple[list[str], Counter[str]]:
    """The lines that should not be there, and how many of each level there were.

    Expected is one kind alone: gunicorn's line that a worker was sent SIGKILL, of those that we have
    ``killed``. Every other line of level error or critical is a complaint, and every line that is none of the
    site's JSON: a traceback that nobody caught.
    """
    found: list[str] = []
    levels: Counter[str] = Counter()
    for path in paths:
        with path.open(errors="replace") as lines:
            for line in lines:
                level, text = _read(line)
                levels[level] += 1
                if level in ("info", "warning", "debug") or _is_expected(text, killed):
                    continue
                if len(found) < MOST:
                    found.append(f"{path.name}: {text[:2000]}")
    return found, levels


def _read(line: str) -> tuple[str, str]:
    line = line.strip()
    if not line:
        return "info", ""
    try:
        event: Any = json.loads(line)
        return str(event["level"]), line
    except (ValueError, TypeError, KeyError):
        return "no level", line


def _is_expected(text: str, killed: Collection[int]) -> bool:
    told = _KILLED.search(text)
    return told is not None and int(told[1]) in killed
