"""Under which names the site is asked, whose word counts on the way to it, and whom it asks itself."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.http.request import validate_host

WIDEST = {4: 8, 6: 16}
"""The shortest prefix of a network of proxies, by the version of IP."""
OWN_6 = ipaddress.IPv6Network("fc00::/7")


@checks.register
def check_hosts(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E004: with no host every request is refused; with any, links in mails can be forged."""
    if settings.ALLOWED_HOSTS and not (settings.LIVE and "*" in settings.ALLOWED_HOSTS):
        return []
    return [
        checks.Error(
            "ALLOWED_HOSTS does not name the hosts of this site.",
            hint="Set ALLOWED_HOSTS to a comma-separated list, for example gateway.example.com",
            id="gateway_site.E004",
        )
    ]


@checks.register(deploy=True)
def check_host_wildcards(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W005: whoever gets a name below the domain can have links in mails lead there."""
    wild = [host for host in settings.ALLOWED_HOSTS if host.startswith(".") or (host != "*" and "*" in host)]
    if not settings.LIVE or not wild:
        return []
    return [
        checks.Warning(
            f"ALLOWED_HOSTS names every host below {', '.join(wild)}.",
            hint="Name each host of this site by itself.",
            id="gateway_site.W005",
        )
    ]


@checks.register
def check_origins(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E007: pages of a trusted origin may send our forms, and plain HTTP is anybody's.

    gateway_site.W006: an origin that is none of this site's hosts is a mistake, or a lot of trust.
    """
    if not settings.LIVE:
        return []
    origins = settings.CSRF_TRUSTED_ORIGINS
    open_to_all = [
        origin
        for origin in origins
        if not origin.startswith("https://") or not (urlsplit(origin).hostname or "*").strip("*.")
    ]
    if open_to_all:
        return [
            checks.Error(
                f"CSRF_TRUSTED_ORIGINS lets {', '.join(open_to_all)} send this site's forms.",
                hint="Name origins with https:// and their host, such as https://gateway.example.com. "
                "Most sites need none: a form of this site's own pages is always taken.",
                id="gateway_site.E007",
            )
        ]
    others = [origin for origin in origins if not _is_ours(urlsplit(origin).hostname or "")]
    if not others:
        return []
    return [
        checks.Warning(
            f"CSRF_TRUSTED_ORIGINS names {', '.join(others)}, of which ALLOWED_HOSTS does not speak.",
            hint="Remove what is no address of this site.",
            id="gateway_site.W006",
        )
    ]


@checks.register
def check_proxies(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W002: behind a proxy that is not named, HTTPS is not seen and all visitors look alike."""
    if not settings.LIVE or settings.TRUSTED_PROXIES:
        return []
    return [
        checks.Warning(
            "TRUSTED_PROXIES is not set while environment is live: behind a proxy every request would be "
            "redirected to https for ever, and all visitors would share one sign-in limit.",
            hint="Set TRUSTED_PROXIES to the addresses of the proxies in front of this site, "
            "such as 10.0.0.0/8. Ignore this where gunicorn itself speaks TLS.",
            id="gateway_site.W002",
        )
    ]


@checks.register
def check_trusted_networks(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E008: whoever is believed names any visitor he likes, and passes every limit."""
    networks = [ipaddress.ip_network(str(network)) for network in settings.TRUSTED_PROXIES]
    of_4 = ipaddress.collapse_addresses(one for one in networks if isinstance(one, ipaddress.IPv4Network))
    # nobody outside has an address of one's own network
    of_6 = ipaddress.collapse_addresses(
        one for one in networks if isinstance(one, ipaddress.IPv6Network) and not one.subnet_of(OWN_6)
    )
    believed: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = [*of_4, *of_6]
    wide = [str(one) for one in believed if one.prefixlen < WIDEST[one.version]]
    if not wide:
        return []
    return [
        checks.Error(
            f"TRUSTED_PROXIES believes everybody in {', '.join(wide)}.",
            hint="Name the addresses of your own proxies alone, such as 10.0.0.0/8 or 192.0.2.7.",
            id="gateway_site.E008",
        )
    ]


@checks.register
def check_exchange_url(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W001: what is said to an Exchange over plain HTTP can be read and changed on the way."""
    url = settings.TOKLIGENCE.base_url
    if not settings.LIVE or url.startswith("https://"):
        return []
    return [
        checks.Warning(
            f"base_url is {url}: plain HTTP while environment is live.",
            hint="Use the Exchange's https:// address.",
            id="gateway_site.W001",
        )
    ]


@checks.register(deploy=True)
def check_sandbox_address(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W007: real usage would be told to play money's Exchange, which does not run in live."""
    if not settings.LIVE or not settings.TOKLIGENCE.uses_default_exchange:
        return []
    return [
        checks.Warning(
            f"base_url is {settings.TOKLIGENCE.base_url}, where the sandbox Exchange of development is.",
            hint="Set base_url (TOKLIGENCE_BASE_URL) to the address of your Exchange.",
            id="gateway_site.W007",
        )
    ]


def _is_ours(host: str) -> bool:
    return validate_host(host.removeprefix("*"), settings.ALLOWED_HOSTS)
