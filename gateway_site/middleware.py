"""What every request passes first: whose word on its origin is believed, and the name it is followed by."""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from accounts.api.errors import https_needed, of_status, respond

API, JSON = "/api/", "application/json"
Handler = Callable[[HttpRequest], HttpResponseBase]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
FORWARDED = ("HTTP_X_FORWARDED_", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_REQUEST_ID")
THIS_MACHINE = "127.0.0.1"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def trust_only_our_proxies(get_response: Handler) -> Handler:
    """Let REMOTE_ADDR name the client: the peer, or whom a proxy of ``TRUSTED_PROXIES`` says it speaks for.

    Forwarding headers of anybody else are removed, so that nothing further in can believe them by mistake.
    Who comes over a UNIX socket has no address, and is on this machine: 127.0.0.1.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        meta = request.META
        if not meta.get("REMOTE_ADDR"):
            meta["REMOTE_ADDR"] = THIS_MACHINE
        if is_trusted(read_address(meta.get("REMOTE_ADDR", ""))):
            hops = [read_address(hop) for hop in meta.get("HTTP_X_FORWARDED_FOR", "").split(",")]
            # from the nearest hop back: the first that is no proxy of ours is the client
            client = next((hop for hop in reversed(hops) if not is_trusted(hop)), None)
            if client is not None:
                meta["REMOTE_ADDR"] = str(client)
        else:
            for header in [name for name in meta if name.startswith(FORWARDED)]:
                del meta[header]
        return get_response(request)

    return middleware


def name_the_request(get_response: Handler) -> Handler:
    """Give each request an identifier: in its log lines, towards the Exchange and in the answer.

    The one that a proxy of ours gave it, where that is well-formed: nobody else's reaches this far.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = get_response(request)
        response["X-Request-ID"] = request_id
        return response

    return middleware


def answer_programs_in_json(get_response: Handler) -> Handler:
    """Under ``/api/`` every refusal has the API's envelope: Django's own, a middleware's, and a fault.

    And no cache keeps an answer: none in between knows a key or the API's cookie for what it is.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not request.path.startswith(API):
            return response
        response.headers.setdefault("Cache-Control", "private, no-store")
        is_led_on = response.status_code == 301 and settings.SECURE_SSL_REDIRECT and not request.is_secure()
        if is_led_on:
            # a program would follow, go on sending its key in clear, and nobody would notice
            del response.headers["Location"]
            response.status_code = 403
        is_ours = response.headers.get("Content-Type", "").startswith(JSON)
        if response.status_code < 400 or is_ours or not isinstance(response, HttpResponse):
            return response
        # in place: what the middlewares within have said of this answer stays, and it is closed once
        told = respond(https_needed() if is_led_on else of_status(response.status_code))
        response.content = told.content
        response.headers["Content-Type"] = told.headers["Content-Type"]
        response.headers["Content-Length"] = str(len(told.content))
        del response.headers["Content-Encoding"]
        return response

    return middleware


def answer_head_without_a_body(get_response: Handler) -> Handler:
    """The headers of GET, its length among them, and nothing after them."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            response.content = b""
        return response

    return middleware


def refuse_large_bodies(get_response: Handler) -> Handler:
    """Answer 413, before a byte is read, where a body is longer than any form of ours.

    Django counts no uploaded file against ``DATA_UPLOAD_MAX_MEMORY_SIZE``. ``LARGER_BODIES`` allows more.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        larger = [limit for path, limit in settings.LARGER_BODIES.items() if request.path.startswith(path)]
        limit = max([settings.DATA_UPLOAD_MAX_MEMORY_SIZE, *larger])
        if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
            # Django would read none of it, and take what was sent for nothing
            return HttpResponse(status=411)
        length = request.headers.get("Content-Length") or "0"
        if not length.isdecimal():
            # what is no length reads nothing, and nobody further in has to make a number of it
            request.META["CONTENT_LENGTH"] = ""
            return get_response(request)
        if int(length) <= limit:
            return get_response(request)
        text = _("That is more than this page takes. Send less, and try again.")
        return HttpResponse(text, status=413, content_type="text/plain; charset=utf-8")

    return middleware


def keep_pages_private(get_response: Handler) -> Handler:
    """Let no cache keep what a person may see, the browser's own included, unless the view has decided.

    Who brings a session may be signed in; to be sure would take a query for every answer.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return middleware


def is_trusted(address: Address | None) -> bool:
    """Whether this address is a proxy that the deployment named in ``TRUSTED_PROXIES``."""
    return address is not None and any(address in network for network in settings.TRUSTED_PROXIES)


def read_address(text: str) -> Address | None:
    """The address in a header or of a peer, whatever port or zone stands beside it; else None."""
    text = text.strip()
    if text.startswith("["):  # [2001:db8::1]:443
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:443
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
