"""A bad answer changes nothing that was good, and says so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from catalog.mirror import ImplausibleError, refresh
from catalog.models import Mirror, PriceChange, Provider, Service
from catalog.tests.wire import Wire, northwind, offer
from exchange import ExchangeError, ExchangeProtocolError
from exchange.tests.raw_server import raw_server

pytestmark = pytest.mark.django_db
PROVIDERS = {"providers": [northwind()]}


def known(wire: Wire) -> None:
    """The mirror knows one service; from here on the wire says something else."""
    wire.offers(offer())
    refresh()
    wire.reset()


def everything() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Service, Provider, PriceChange)]


def assert_nothing_changed(error: type[Exception], said: str) -> None:
    before, mirror = everything(), Mirror.objects.get()
    assert before[0]
    with pytest.raises(error) as caught:
        refresh()
    assert said in str(caught.value)
    after = Mirror.objects.get()
    assert said in after.failure
    assert after.failed_at is not None
    assert (after.refreshed_at, after.leased_until) == (mirror.refreshed_at, None)
    assert (after.services_etag, after.orphans) == (mirror.services_etag, mirror.orphans)
    assert everything() == before


BAD_SERVICES: dict[str, Any] = {
    "no JSON": "<html>Welcome</html>",
    "half a body": json.dumps({"services": [offer(), offer(id=12)]})[:-20],
    "empty": "",
    "null": "null",
    "a list": "[]",
    "no list in it": {"services": None},
    "another name": {"items": []},
    "not UTF-8": b'{"services": [{"name": "\xff"}]}',
    "number as text": {"services": [offer(id="11")]},
    "number as fraction": {"services": [offer(id=11.5)]},
    "number as truth": {"services": [offer(id=True)]},
    "number too large": {"services": [offer(id=2**63)]},
    "price as text": {"services": [offer(price_per_1k_tokens="0.1")]},
    "price below zero": {"services": [offer(price_per_1k_tokens=-0.1)]},
    "price is no number": '{"services": [{"id": 1, "provider_id": 3, "name": "a", "model_family": "b", '
    '"price_per_1k_tokens": NaN}]}',
    "no price": {"services": [{name: value for name, value in offer().items() if "price" not in name}]},
    "trial below zero": {"services": [offer(trial_tokens=-1)]},
    "NUL in a name": {"services": [offer(name="a\x00b")]},
    "one bad among good ones": {"services": [offer(name="New"), offer(id=12, name=None)]},
}


@pytest.mark.parametrize("which", BAD_SERVICES)
def test_services_that_do_not_fit_the_contract_change_nothing(which: str, wire: Wire) -> None:
    known(wire)
    wire.answers("GET", "/services", BAD_SERVICES[which])
    wire.answers("GET", "/providers", PROVIDERS)
    assert_nothing_changed(ExchangeProtocolError, "Exchange")


@pytest.mark.parametrize(
    "bad",
    [
        {"providers": [northwind(id=None)]},
        {"providers": [northwind(display_name=7)]},
        '{"providers": [',
        "{}",
    ],
)
def test_providers_that_do_not_fit_change_nothing(bad: Any, wire: Wire) -> None:
    known(wire)
    wire.answers("GET", "/services", {"services": [offer(name="New"), offer(id=12)]})
    wire.answers("GET", "/providers", bad)
    assert_nothing_changed(ExchangeProtocolError, "Exchange")


@pytest.mark.parametrize(
    ("services", "providers", "said"),
    [
        ([offer(), offer(id=12), offer(name="Again")], [northwind()], "lists service 11 twice"),
        ([offer(), offer()], [northwind()], "lists service 11 twice"),
        ([offer(name="New")], [northwind(), northwind(display_name="Other")], "lists provider 3 twice"),
        ([offer(), offer(id=-1)], [northwind()], "gives a service the number -1"),
        ([offer()], [northwind(), northwind(id=-7)], "gives a provider the number -7"),
    ],
)
def test_numbers_that_cannot_be_right_change_nothing(
    services: list[Any], providers: list[Any], said: str, wire: Wire
) -> None:
    known(wire)
    wire.offers(*services, providers=providers)
    assert_nothing_changed(ImplausibleError, said)


@pytest.mark.parametrize(
    "make",
    [
        lambda wire: wire.is_down(),
        lambda wire: wire.answers("GET", "/services", "", status=500),
        lambda wire: wire.answers("GET", "/services", {"error": "no"}, status=403),
        lambda wire: wire.answers(
            "GET", "/services", "", status=302, headers={"Location": "http://x.example"}
        ),
        lambda wire: wire.answers("GET", "/services", "", status=304),
    ],
    ids=["down", "500", "403", "redirect", "304 unasked"],
)
def test_an_exchange_that_does_not_answer_changes_nothing(make: Callable[[Wire], None], wire: Wire) -> None:
    known(wire)
    make(wire)
    wire.answers("GET", "/providers", PROVIDERS)
    assert_nothing_changed(ExchangeError, "Exchange")


def test_a_good_answer_after_a_bad_one_is_taken_over(wire: Wire) -> None:
    known(wire)
    wire.answers("GET", "/services", "{")
    wire.answers("GET", "/providers", PROVIDERS)
    with pytest.raises(ExchangeProtocolError):
        refresh()
    wire.reset()
    wire.offers(offer(), offer(id=12))
    assert refresh().added == 1
    assert Mirror.objects.get().failure == ""


def test_an_error_while_writing_leaves_all_as_it_was_and_lets_go(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(wire)
    before = everything()
    wire.offers(offer(price_per_1k_tokens=1), offer(id=12))

    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError("the disk is full")

    # the last of the writes, after the services have been written
    monkeypatch.setattr(PriceChange.objects, "bulk_create", fail)
    with pytest.raises(OSError, match="the disk is full"):
        refresh()
    assert everything() == before
    assert Mirror.objects.get().leased_until is None
    monkeypatch.undo()


def test_a_server_that_drips_is_cut_off_at_the_deadline(configure: Callable[..., None]) -> None:
    body = b"HTTP/1.1 200 OK\r\n" + b"X-Padding: 0123456789\r\n" * 999
    with raw_server(lambda connection, server: server.drip(connection, body, 0.2)) as server:
        configure(base_url=server.url)
        began = time.monotonic()
        with pytest.raises(ExchangeError):
            refresh(deadline=1.0)
        assert time.monotonic() - began < 8  # it would drip for an hour
    assert Mirror.objects.get().leased_until is None
