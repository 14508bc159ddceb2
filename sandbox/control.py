"""The control endpoint: how a rehearsal steers the Exchange while it runs. Only this machine may call it."""

import ipaddress
import re

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from sandbox import faults
from sandbox.answers import refused
from sandbox.endpoints import ExchangeRequest, View, endpoint
from sandbox.models import Provider, Service
from sandbox.refusals import Malformed, NotFound
from sandbox.seed import seed_market
from sandbox.wire import read_json

# A reverse proxy on this machine would make the whole world loopback, and so would a page in a browser here.
_ON_BEHALF_OF_OTHERS = (
    "Forwarded",
    "Origin",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)
# A name of anybody's that resolves to this machine brings a page of theirs here, under their own origin.
_HOST_OF_THIS_MACHINE = re.compile(r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


def for_loopback(**views: View) -> View:
    """An endpoint that does not exist for anybody but a caller on this machine."""
    guarded = endpoint(**views)

    def dispatch(request: ExchangeRequest) -> HttpResponseBase:
        if not _is_from_this_machine(request):
            return refused(NotFound(f"There is nothing at {request.path}."))
        return guarded(request)

    return dispatch


def health(request: ExchangeRequest) -> HttpResponseBase:
    """Ready, with a database that answers."""
    return JsonResponse(
        {"status": "ok", "providers": Provider.objects.count(), "services": Service.objects.count()}
    )


def seed(request: ExchangeRequest) -> HttpResponseBase:
    """Add what is missing of the example market."""
    seed_market()
    return health(request)


def show_faults(request: ExchangeRequest) -> HttpResponseBase:
    return JsonResponse(faults.current().model_dump(mode="json"))


def change_faults(request: ExchangeRequest) -> HttpResponseBase:
    """Put the fields that were sent in force, leave the others."""
    changes = read_json(request)
    if not isinstance(changes, dict):
        raise Malformed('Send an object, such as {"latency_ms": 300}.')
    return JsonResponse(faults.change(changes).model_dump(mode="json"))


def reset_faults(request: ExchangeRequest) -> HttpResponseBase:
    """Good behaviour again."""
    return JsonResponse(faults.replace(faults.Faults()).model_dump(mode="json"))


def _is_from_this_machine(request: HttpRequest) -> bool:
    if any(name in request.headers for name in _ON_BEHALF_OF_OTHERS):
        return False
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return False
    if not _HOST_OF_THIS_MACHINE.fullmatch(request.headers.get("Host", "")):
        return False
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
