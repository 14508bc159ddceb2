"""The network that a request comes from, as the limits count it."""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest


def network_of(request: HttpRequest) -> str:
    """The client's IPv4 address or IPv6 /64 (what one customer is given), or "unknown".

    REMOTE_ADDR is believed: the site's first middleware puts the client there, and only at the word of a
    proxy that the deployment trusts.
    """
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, 64), strict=False))


def wider(network: str) -> str:
    """The IPv6 /48 that a network lies in (the most that one customer is given); any other is its own."""
    if not network.endswith("/64"):
        return network
    return str(ipaddress.IPv6Network(network).supernet(new_prefix=48))
