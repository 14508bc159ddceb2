"""A process that has the site loaded and forks another for each job, so that a round of kills is quick.

One for all the tests: which site it is that a fork belongs to, the order says. It opens no connection of its
own. Orders come as lines of JSON on stdin, answers go the same way to stdout.
Who gave the orders kills by the process id that it got; only the parent, which is this, can wait for the end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import django
from django.conf import settings
from django.core.management import get_commands, load_command_class

COMMANDS = [("catalog", "sync_catalog"), ("usage", "sync_usage"), ("usage", "verify_ledger")]
"""Loaded beforehand too: a fork that is killed within milliseconds shall have begun its work by then."""


def main() -> None:
    django.setup()
    from tests.faults import jobs

    for app, name in COMMANDS:
        load_command_class(app, name)
    get_commands()
    running: set[int] = set()
    print(json.dumps({"ready": os.getpid()}), flush=True)
    with _ending(running):
        for line in sys.stdin:
            order = json.loads(line)
            if "wait" in order:
                _pid, status = os.waitpid(order["wait"], 0)
                running.discard(order["wait"])
                answer = {"code": os.waitstatus_to_exitcode(status)}
            else:
                pid = os.fork()
                if pid == 0:
                    _do(getattr(jobs, order["job"]), order)
                running.add(pid)
                answer = {"pid": pid}
            print(json.dumps(answer), flush=True)


def _do(job: Callable[..., None], order: dict[str, Any]) -> None:
    """In the fork: do the job with its output in a file, and end without a word to whoever is above."""
    code = 1
    try:
        for stream, path in ((0, os.devnull), (1, order["output"]), (2, f"{order['output']}.err")):
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, stream)
        _configure(**order["site"])
        job(**order["words"])
        code = 0
    except BaseException:  # noqa: BLE001 - it ends here, whatever it was
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _configure(*, database: str, base_url: str, email: str, head_log: str) -> None:
    """Be a process of this site: as if it had been started with its environment."""
    settings.DATABASES["default"]["NAME"] = database
    settings.TOKLIGENCE = replace(settings.TOKLIGENCE, base_url=base_url, email=email)
    settings.HEAD_LOG = head_log


@contextmanager
def _ending(running: set[int]) -> Iterator[None]:
    """Leave nobody behind, should the tests end in the middle."""
    try:
        yield
    finally:
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
