"""What a person at a terminal sees of the log, and what a pipe and the log file get."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys

import pytest

import manage
from gateway_site.tests.project import KEY, TIME_LIMIT, Project

SPEAK = (
    "import logging, structlog; structlog.get_logger('gateway.core').info('whispered'); "
    "logging.getLogger('library').info('whispered'); structlog.get_logger('gateway.core').warning('shouted')"
)


def at_a_terminal(project: Project, *words: str, **variables: str) -> str:
    """What stands on the terminal after this manage.py has run with its stderr there."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *words],
            cwd=project.root,
            env=project.environ(SECRET_KEY=KEY, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal is closed at the other end
            while part := os.read(ours, 65536):
                shown += part
        assert process.wait(TIME_LIMIT) == 0, shown
    finally:
        os.close(ours)
    return shown.decode()


def test_a_person_sees_warnings_alone_and_the_file_has_it_all(project: Project) -> None:
    shown = at_a_terminal(project, "shell", "-c", SPEAK, TOKLIGENCE_LOG_FILE="gateway.log")
    assert shown.count("shouted") == 1
    assert "whispered" not in shown
    kept = (project.root / "gateway.log").read_text()
    assert (kept.count("whispered"), kept.count("shouted")) == (2, 1)


def test_a_person_who_asks_for_more_sees_it(project: Project) -> None:
    assert at_a_terminal(project, "shell", "-v", "2", "-c", SPEAK).count("whispered") == 2


def test_a_pipe_gets_every_line(project: Project) -> None:
    ended = project.manage("shell", "-c", SPEAK, SECRET_KEY=KEY)
    assert (ended.stderr.count("whispered"), ended.stderr.count("shouted")) == (2, 1)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["bootstrap"],
        ["bootstrap", "--json"],
        ["list_services", "-v", "1"],
        ["migrate", "-v0"],
        ["x", "-v"],
    ],
)
def test_a_command_that_ends_is_quiet(words: list[str]) -> None:
    assert manage.wants_quiet(words)


@pytest.mark.parametrize(
    "words",
    [
        ["runserver"],
        ["runexchange", "127.0.0.1:8080"],
        ["bootstrap", "-v", "2"],
        ["bootstrap", "-v2", "--json"],
        ["bootstrap", "--verbosity", "3"],
        ["bootstrap", "--verbosity=2"],
    ],
)
def test_a_server_and_who_asks_for_more_are_not(words: list[str]) -> None:
    assert not manage.wants_quiet(words)
