#!/usr/bin/env python
"""Run a management command: of the site, or (runexchange) of the sandbox Exchange, a project of its own."""

from __future__ import annotations

import argparse
import os
import sys

SERVERS = ("runserver", "runexchange")


def main() -> None:
    if sys.argv[1:2] == ["runexchange"]:
        os.environ["DJANGO_SETTINGS_MODULE"] = "gateway_site.sandbox_settings"
    else:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit(
            "Django is not installed in this Python. "
            "Type `make run` once, then use .venv/bin/python manage.py."
        )
    from gateway_site.config import ConfigError
    from gateway_site.log_format import STDERR_LEVEL

    if sys.stderr.isatty() and wants_quiet(sys.argv[1:]):
        os.environ.setdefault(STDERR_LEVEL, "WARNING")
    try:
        execute_from_command_line(sys.argv)
    except ConfigError as error:
        sys.exit(f"Configuration: {error}")


def wants_quiet(words: list[str]) -> bool:
    """Whether a person who types this command wants its answer, and of the log only warnings and worse."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-v", "--verbosity", nargs="?", default="1")
    chosen, _others = parser.parse_known_args(words)
    return words[:1] not in [[name] for name in SERVERS] and chosen.verbosity not in ("2", "3")


if __name__ == "__main__":
    main()
