"""Does the server in this container answer? ``python deploy/healthcheck.py [URL]``: exit code 0 or 1.

Without a URL it asks ``/healthz`` where WEB_ADDRESS says that the site listens, in the name of a host that
the site knows (ALLOWED_HOSTS). Plain Python: an image without curl has this.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE = 4.0
"""Seconds."""
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "::1", "": "127.0.0.1"}  # noqa: S104 - read, not bound


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def connection_to(address: str) -> http.client.HTTPConnection:
    """To ``host:port`` or ``unix:/path``."""
    if address.startswith("unix:"):
        return UnixConnection(address.removeprefix("unix:"))
    host, _, port = address.rpartition(":")
    return http.client.HTTPConnection(EVERYWHERE.get(host, host.strip("[]")), int(port), timeout=PATIENCE)


def known_host(variables: Mapping[str, str]) -> str:
    """A name under which the site answers. Raises OSError where ALLOWED_HOSTS_FILE cannot be read."""
    named = variables.get("ALLOWED_HOSTS", "")
    if not named and (file := variables.get("ALLOWED_HOSTS_FILE")):
        named = Path(file).read_text(encoding="utf-8")
    first = named.split(",")[0].strip().removeprefix(".")
    return "localhost" if first in ("", "*") else first


def answers(variables: Mapping[str, str], url: str = "") -> bool:
    """Whether it answers with 200, within some seconds."""
    try:
        if url:
            parts = urlsplit(url)
            connection, host, path = connection_to(parts.netloc), parts.netloc, parts.path
        else:
            connection = connection_to(variables.get("WEB_ADDRESS") or "127.0.0.1:8000")
            host, path = known_host(variables), "/healthz"
        with closing(connection):
            connection.request("GET", path, headers={"Host": host})
            with connection.getresponse() as response:
                return response.status == 200
    except (OSError, ValueError, http.client.HTTPException):
        return False


def main(words: Sequence[str]) -> None:
    sys.exit(0 if answers(os.environ, *words[:1]) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
