"""An Exchange that only lists a catalogue of the size it is started with, in a process of its own.

    python -m benchmarks.catalogue_exchange 50000

It prints its address. ``POST /_mode/tags`` makes it honour ETags, ``/_mode/plain`` not, and ``/_mode/dear``
gives every service another price.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from benchmarks.catalogue_data import body_of, make_providers, make_services
from benchmarks.databases import REPOSITORY


class Listing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies: ClassVar[dict[str, bytes]] = {}
    mode: ClassVar[list[str]] = ["plain"]

    def do_GET(self) -> None:
        dear = self.mode[0] == "dear" and self.path == "/services"
        body = self.bodies["/services dear" if dear else self.path]
        tag = f'"{hashlib.sha256(body).hexdigest()}"' if self.mode[0] == "tags" else None
        if tag and self.headers.get("If-None-Match") == tag:
            self._answer(304, b"", tag)
        else:
            self._answer(200, body, tag)

    def do_POST(self) -> None:
        self.mode[0] = self.path.rpartition("/")[2]
        self._answer(204, b"", None)

    def _answer(self, status: int, body: bytes, tag: str | None) -> None:
        self.send_response(status)
        if tag:
            self.send_header("ETag", tag)
        if status == 200:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the measurements stand on stdout."""


@contextmanager
def listing_exchange(count: int) -> Iterator[str]:
    """The address of an Exchange that lists so many services, while the block runs."""
    words = [sys.executable, "-m", __name__, str(count)]
    with subprocess.Popen(  # noqa: S603 - our own module
        words, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main(count: int) -> None:
    Listing.bodies["/services"] = body_of("services", make_services(count))
    Listing.bodies["/services dear"] = body_of("services", make_services(count, price_factor=2))
    Listing.bodies["/providers"] = body_of("providers", make_providers(count))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listing)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
