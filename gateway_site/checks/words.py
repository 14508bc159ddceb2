"""What several checks ask."""

from __future__ import annotations

import ipaddress
import os


def is_one_process() -> bool:
    """Whether the deployment says that one web process answers everything."""
    return os.environ.get("WEB_CONCURRENCY", "").strip() == "1"


def is_this_machine(host: str) -> bool:
    """Whether a host name, an address or a socket's path can only be this machine. "" is none: a socket."""
    name = host.strip("[]").lower().rstrip(".")
    if not name or name.startswith(("/", "@")) or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
