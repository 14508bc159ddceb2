from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from hypothesis import given
from hypothesis import strategies as st

from gateway_site.middleware import (
    answer_head_without_a_body,
    name_the_request,
    read_address,
    trust_only_our_proxies,
)

PROXIES = tuple(ipaddress.ip_network(text) for text in ("10.0.0.0/8", "2001:db8:ffff::/48", "127.0.0.1"))
STRANGER, PROXY, PROXY_6 = "198.51.100.7", "10.0.0.1", "2001:db8:ffff::1"


def seen(peer: str, forwarded: str | None = None, **meta: str) -> HttpRequest:
    """The request as the views see it, that came from this peer with this X-Forwarded-For."""
    request = RequestFactory().get("/", REMOTE_ADDR=peer, **meta)
    if forwarded is not None:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
    kept: list[HttpRequest] = []

    def view(request: HttpRequest) -> HttpResponse:
        kept.append(request)
        return HttpResponse()

    with override_settings(TRUSTED_PROXIES=PROXIES):
        trust_only_our_proxies(view)(request)
    return kept[0]


@pytest.mark.parametrize(
    "header",
    [
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X_FORWARDED_PORT",
        "HTTP_X_FORWARDED_PREFIX",
        "HTTP_FORWARDED",
        "HTTP_X_REAL_IP",
    ],
)
def test_the_word_of_a_stranger_is_removed(header: str) -> None:
    request = seen(STRANGER, **{header: "192.0.2.1"})
    assert header not in request.META
    assert request.META["REMOTE_ADDR"] == STRANGER


def test_the_word_of_our_proxy_stays() -> None:
    assert seen(PROXY, STRANGER, HTTP_X_FORWARDED_PROTO="https").META["HTTP_X_FORWARDED_PROTO"] == "https"


def test_without_any_proxy_nobody_is_believed() -> None:
    with override_settings(TRUSTED_PROXIES=()):
        request = RequestFactory().get("/", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.1")
        trust_only_our_proxies(lambda request: HttpResponse())(request)
    assert request.META["REMOTE_ADDR"] == "127.0.0.1"
    assert "HTTP_X_FORWARDED_FOR" not in request.META


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (STRANGER, STRANGER),
        (f"192.0.2.1, {STRANGER}", STRANGER),  # what stands further left, the client may have written
        (f"{PROXY}, {STRANGER}", STRANGER),
        (f"192.0.2.1,{STRANGER},10.9.9.9", STRANGER),
        (f"{STRANGER}, {PROXY_6}, 127.0.0.1", STRANGER),
        (f" {STRANGER} ", STRANGER),
        (f"{STRANGER}:50123", STRANGER),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:50123", "2001:db8::7"),
        (f"::ffff:{STRANGER}", STRANGER),
        ("10.0.0.2, 10.0.0.3", PROXY),  # nobody but our own proxies: the peer
        ("", PROXY),
        (",", PROXY),
        ("unknown", PROXY),
        (f"{STRANGER}, unknown", PROXY),  # who stands left of what cannot be read is not believed
        (f"{STRANGER}, ", PROXY),
        ("<script>", PROXY),
        ("198.51.100.7; DROP", PROXY),
        ("198.51.100.777", PROXY),
        ("2001:db8::7%eth0", "2001:db8::7"),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_no_proxy_of_ours(forwarded: str, client: str) -> None:
    assert seen(PROXY, forwarded).META["REMOTE_ADDR"] == client


def test_a_proxy_that_says_nothing_is_itself_the_client() -> None:
    assert seen(PROXY).META["REMOTE_ADDR"] == PROXY


@pytest.mark.parametrize("peer", [PROXY_6, "::ffff:10.0.0.1"])
def test_a_proxy_may_come_over_ipv6(peer: str) -> None:
    assert seen(peer, STRANGER).META["REMOTE_ADDR"] == STRANGER


def test_who_comes_over_a_unix_socket_is_on_this_machine() -> None:
    assert seen("", STRANGER).META["REMOTE_ADDR"] == STRANGER
    assert seen("").META["REMOTE_ADDR"] == "127.0.0.1"
    with override_settings(TRUSTED_PROXIES=()):
        request = RequestFactory().get("/", REMOTE_ADDR="", HTTP_X_FORWARDED_FOR=STRANGER)
        trust_only_our_proxies(lambda request: HttpResponse())(request)
    assert request.META["REMOTE_ADDR"] == "127.0.0.1"
    assert "HTTP_X_FORWARDED_FOR" not in request.META


@pytest.mark.parametrize("peer", ["unix:", "10.0.0.1.example.com", "garbage"])
def test_a_peer_without_an_address_is_a_stranger(peer: str) -> None:
    request = seen(peer, STRANGER)
    assert request.META["REMOTE_ADDR"] == peer
    assert "HTTP_X_FORWARDED_FOR" not in request.META


@given(left=st.text(st.characters(codec="latin-1", exclude_characters="\r\n")))
def test_nothing_to_the_left_changes_who_the_client_is(left: str) -> None:
    assert seen(PROXY, f"{left}, {STRANGER}").META["REMOTE_ADDR"] == STRANGER


@given(text=st.text())
def test_an_address_is_read_or_is_none(text: str) -> None:
    address = read_address(text)
    assert address is None or read_address(str(address)) == address


def test_https_is_believed_of_our_proxy_alone(client: Client) -> None:
    headers = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": STRANGER}
    live = {
        "TRUSTED_PROXIES": PROXIES,
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
        "SECURE_SSL_REDIRECT": True,
        "SECURE_REDIRECT_EXEMPT": [],
    }
    with override_settings(**live):
        fresh = Client()
        assert fresh.get("/api/v1/openapi.json", REMOTE_ADDR=PROXY, **headers).status_code == 200
        assert fresh.get("/accounts/login/", REMOTE_ADDR=STRANGER, **headers).status_code == 301


@override_settings(SECURE_SSL_REDIRECT=True)
@pytest.mark.parametrize("path", ["/api/v1/usage", "/api/v1/docs", "/api/v1/auth/login", "/api/v1/none"])
def test_a_program_is_not_led_on_to_https(path: str) -> None:
    """It would follow each time, and its key would go over the wire in clear unnoticed."""
    for method in ("GET", "POST"):
        response = Client().generic(method, path, headers={"Authorization": "Bearer tgk_x"})
        assert (response.status_code, response["Content-Type"]) == (403, "application/json; charset=utf-8")
        assert response.json()["error"]["code"] == "https_needed"
        assert "Location" not in response
        assert response["X-Content-Type-Options"] == "nosniff"


def answer(view: Callable[[HttpRequest], HttpResponse], **meta: str) -> HttpResponse:
    response = name_the_request(view)(RequestFactory().get("/", **meta))
    assert isinstance(response, HttpResponse)
    return response


def test_the_answer_and_the_log_have_the_requests_name() -> None:
    bound: list[object] = []

    def view(request: HttpRequest) -> HttpResponse:
        bound.append(structlog.contextvars.get_contextvars()["request_id"])
        return HttpResponse()

    first, second = answer(view), answer(view)
    assert [first["X-Request-ID"], second["X-Request-ID"]] == bound
    assert bound[0] != bound[1]
    assert all(len(str(name)) == 32 for name in bound)


def test_the_name_is_never_the_clients() -> None:
    response = answer(lambda request: HttpResponse(), HTTP_X_REQUEST_ID="mine\nforged")
    assert "mine" not in response["X-Request-ID"]


def test_what_an_earlier_request_bound_is_forgotten() -> None:
    structlog.contextvars.bind_contextvars(user_id=7)
    seen_by_view: list[object] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen_by_view.append(structlog.contextvars.get_contextvars().get("user_id"))
        return HttpResponse()

    answer(view)
    assert seen_by_view == [None]


@pytest.mark.parametrize("path", ["/healthz", "/no/such/page", "/accounts/login/"])
@pytest.mark.django_db
def test_every_answer_has_a_name(path: str, client: Client) -> None:
    assert len(client.get(path)["X-Request-ID"]) == 32


@pytest.mark.parametrize(("method", "body"), [("GET", b"text"), ("HEAD", b""), ("POST", b"text")])
def test_an_answer_to_head_has_no_body(method: str, body: bytes) -> None:
    view = answer_head_without_a_body(lambda request: HttpResponse(b"text", headers={"Content-Length": "4"}))
    response = view(RequestFactory().generic(method, "/"))
    assert isinstance(response, HttpResponse)
    assert (response.content, response["Content-Length"]) == (body, "4")
