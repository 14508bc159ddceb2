"""gunicorn's configuration: ``gunicorn gateway_site.wsgi --config python:gateway_site.gunicorn_conf``.

Of the environment it reads WEB_ADDRESS (``host:port``, or ``unix:/run/gateway/web.sock``; 127.0.0.1:8000),
WEB_CONCURRENCY (processes; 2) and WEB_THREADS (threads of each; 4). Any other option of gunicorn can be given
behind ``--config``, or in GUNICORN_CMD_ARGS.

SIGHUP starts new workers with the code as it is now on the disk, and lets the old ones finish. So the
application is not loaded before the workers are forked (``preload_app``), and the master keeps nothing of
ours in memory that a new worker would inherit instead of reading it.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from gunicorn import util

from gateway_site.config import ConfigError, load_config

if TYPE_CHECKING:
    from socket import socket


def whole_number(name: str, default: int) -> int:
    """What the environment says, 1 or more. Ends the process, in one line, where it says anything else."""
    raw = os.environ.get(name, "").strip() or str(default)
    if not (raw.isascii() and raw.isdigit() and 1 <= int(raw[:6]) <= 1024):
        sys.exit(f"Configuration: environment: {name}: must be a whole number from 1 to 1024")
    return int(raw)


def log_form() -> str:
    """How the site's log lines look: ``text`` or ``json``. What is wrong in it, a worker says better."""
    try:
        return load_config().log_format
    except ConfigError:
        return "text"


bind = os.environ.get("WEB_ADDRESS", "").strip() or "127.0.0.1:8000"
# a UNIX socket is for the group: the proxy in front is a member of it
umask = 0o007
workers = whole_number("WEB_CONCURRENCY", 2)
worker_class = "gthread"
threads = whole_number("WEB_THREADS", 4)
preload_app = False

# seconds without a sign of life, after which a worker is killed: of its loop, not of a request. It has none
# while it starts, either, which takes a while on a busy machine.
timeout = 60
# seconds that requests in flight have when a worker stops. Whoever stops the master gives it longer than that
graceful_timeout = 30
# longer than a proxy keeps a connection that is not used (nginx: 60 s): who closes first, loses no request
keepalive = 75
# what a process may have gathered in memory ends with it, and not in all of them at once
max_requests = 200_000
max_requests_jitter = 50_000
# the workers' sign of life is a file: on a disk that is busy they would seem to be dead
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - gunicorn unlinks it at once

limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190

# Whose word on scheme, client and path counts is decided by TRUSTED_PROXIES, in one place, for TCP and UNIX
# sockets alike (gateway_site.middleware); gunicorn would believe whoever reaches a UNIX socket.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

control_socket_disable = True

accesslog = None  # the site logs its requests itself
loglevel = "warning"
# its own lines in the site's form; in a worker they go where all others go, once the site has set that up
logconfig_dict: dict[str, Any] = {
    "disable_existing_loggers": False,
    "formatters": {"gateway": {"()": "gateway_site.log_format.formatter", "form": log_form()}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "gateway", "stream": "ext://sys.stderr"}
    },
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {
        "gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
    },
}


def post_fork(_server: Any, _worker: Any) -> None:
    """A new worker reads all of ours from the disk, and refuses in words of ours."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "gateway_site"]:
        del sys.modules[name]
    util.write_error = write_refusal


def child_exit(_server: Any, worker: Any) -> None:
    """Where several processes count together, take what this one has measured out of the sums.

    In a process of its own: the master keeps nothing of ours in memory.
    """
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR") or os.fork():
        return
    try:
        from gateway_site.metrics import forget_process

        forget_process(worker.pid)
    except Exception:  # noqa: BLE001 - there is nobody to whom it could go further
        traceback.print_exc()
    finally:  # whatever it was: this copy of the master ends here
        os._exit(0)


def write_refusal(client: socket, status: int, reason: str, _told: str) -> None:
    """Answer what gunicorn itself refuses, before the site sees it: plain text, nothing of it repeated."""
    body = f"{status} {reason}\n"
    head = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options: nosniff",
    )
    util.write_nonblock(client, ("\r\n".join(head) + f"\r\n\r\n{body}").encode("latin-1"))
