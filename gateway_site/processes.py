"""``make run``: say where the site will be, and start the Procfile's processes until Ctrl-C.

The sandbox Exchange is started only while ``base_url`` is the default, and nothing listens there yet.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from gateway_site.config import PROJECT_ROOT, ConfigError, load_config
from gateway_site.environment import read_dotenv

WEB, EXCHANGE = "127.0.0.1:8000", "127.0.0.1:8080"
OURS = ("web", "catalogue", "delivery")


def is_taken(address: str) -> bool:
    """Whether something listens at this ``host:port``. Raises ConfigError for what is none."""
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ConfigError(f"WEB_ADDRESS = {address!r}: must be host:port, such as 127.0.0.1:8001")
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, int(port))) == 0


def plan(web: str, *, default_exchange: bool, base_url: str) -> tuple[list[str], list[str]]:
    """The Procfile's processes to start, and what to tell the person first.

    Raises ConfigError when the site's own address is in use.
    """
    if is_taken(web):
        raise ConfigError(
            f"{web} is in use. Stop what listens there, or take another: make run WEB_ADDRESS=127.0.0.1:8001"
        )
    told = [f"Tokligence Gateway   http://{web}", "Sign in with any email address: the code is printed here."]
    if not default_exchange:
        return [*OURS], [*told, f"Exchange             {base_url} (your base_url; no sandbox is started)"]
    if is_taken(EXCHANGE):
        why = "something listens there already; no sandbox is started"
        return [*OURS], [*told, f"Exchange             {base_url} ({why})"]
    return [*OURS, "exchange"], [*told, f"Sandbox Exchange     {base_url} (play money; docs/sandbox.md)"]


def main() -> None:
    web = os.environ.get("WEB_ADDRESS") or WEB
    try:
        read_dotenv(PROJECT_ROOT, os.environ)
        config = load_config()
        processes, told = plan(web, default_exchange=config.uses_default_exchange, base_url=config.base_url)
    except ConfigError as error:
        sys.exit(str(error))
    sys.stdout.write("\n" + "\n".join(f"  {line}" for line in [*told, "Ctrl-C stops everything."]) + "\n\n")
    sys.stdout.flush()
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    # .env is read by the site itself, and in development only: honcho must not hand it on
    honcho = [sys.executable, "-m", "honcho", "start", "--env", os.devnull, *processes]
    os.execve(sys.executable, honcho, environ)  # noqa: S606 - our own interpreter, no shell


if __name__ == "__main__":
    main()
