"""gunicorn inside this process: it alone hands over a request's socket, which dropping it needs."""

import socket
from typing import Any, NamedTuple

from gunicorn.app.base import BaseApplication

from sandbox.content_type import sandbox_application


class Address(NamedTuple):
    """Where to listen; port 0 is any that is free."""

    host: str
    port: int


def parse_address(text: str) -> Address:
    """`port`, `host:port` or `[IPv6]:port`. Raises ValueError for anything else."""
    host, colon, port = text.rpartition(":")
    if not colon:
        host = "127.0.0.1"
    elif host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif not host or ":" in host:
        raise ValueError(text)
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise ValueError(text)
    host.encode("idna")  # what is no host name, such as "a..b", ends here rather than in the resolver
    return Address(host, int(port))


def listen(address: Address) -> socket.socket:
    """A listening socket. Raises OSError where there can be none, such as for a port that is in use.

    gunicorn could open it as well, but tries for five seconds before it says that it cannot.
    """
    family, *_, found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(found[:2], family=family, backlog=2048)


def url_of(listener: socket.socket) -> str:
    """The address that a caller on this machine uses."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  read, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


ACCESS_LINE = (
    '{"event": "request", "method": "%(m)s", "path": "%(U)s", "status": %(s)s, "duration_us": %(D)s, '
    '"request_id": "%({x-request-id}o)s"}'
)
"""With --verbosity 2: a JSON object for each request. gunicorn escapes quotes in what comes from outside."""


class ExchangeServer(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Serves the sandbox on a listening socket until SIGINT or SIGTERM, and then exits with 0."""

    def __init__(self, listener: socket.socket, *, workers: int, threads: int, verbose: bool) -> None:
        self.options: dict[str, Any] = {
            "bind": [f"fd://{listener.detach()}"],
            "worker_class": "gthread",
            "workers": workers,
            "threads": threads,
            "keepalive": 15,
            "limit_request_line": 8190,
            # Somebody waits at the terminal, and no answer here is worth more than a moment.
            "graceful_timeout": 1,
            "loglevel": "info" if verbose else "warning",
            "accesslog": "-" if verbose else None,
            "access_log_format": ACCESS_LINE,
            "control_socket_disable": True,
            # Nobody speaks for another caller here, not even on this machine.
            "forwarded_allow_ips": "",
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return sandbox_application()
