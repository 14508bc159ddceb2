"""Each method of the client, and what goes over the wire for it."""

import json
from decimal import Decimal
from typing import Any

import pytest
import responses
from responses import matchers

from exchange import (
    Account,
    Direction,
    ExchangeClient,
    ExchangeProtocolError,
    Role,
    ServiceDraft,
    UsageSummary,
)
from exchange.tests import examples
from exchange.tests.examples import BASE, client, report
from exchange.wire_json import dumps


@pytest.fixture
def wire() -> Any:
    with responses.RequestsMock() as mock:
        yield mock


def sent(wire: responses.RequestsMock, number: int = 0) -> dict[str, Any]:
    request = wire.calls[number].request
    assert request.headers["Content-Type"] == "application/json"
    return json.loads(request.body or b"", parse_float=Decimal)  # type: ignore[no-any-return]


@pytest.mark.parametrize("status", [200, 201])
def test_it_registers_an_account(wire: responses.RequestsMock, status: int) -> None:
    document = {"user": examples.user(), "provider": examples.provider(), "news": "unknown"}
    wire.post(f"{BASE}/users", json=document, status=status)
    account = client().register_user(
        "ada@example.com", [Role.PROVIDER, "consumer", Role.PROVIDER], "Ada", "Llamas"
    )
    assert account == Account.model_validate(document)
    assert sent(wire) == {
        "email": "ada@example.com",
        "roles": ["provider", "consumer"],
        "display_name": "Ada",
        "description": "Llamas",
    }


def test_registering_without_texts_does_not_wipe_out_earlier_ones(wire: responses.RequestsMock) -> None:
    wire.post(f"{BASE}/users", json={"user": examples.user(), "provider": None})
    assert client().register_user("ada@example.com", [Role.CONSUMER]).provider is None
    assert sent(wire) == {"email": "ada@example.com", "roles": ["consumer"]}


@pytest.mark.parametrize(("email", "roles"), [("", [Role.CONSUMER]), ("a@b.c", []), ("a@b.c", ["king"])])
def test_a_senseless_registration_is_not_sent(
    wire: responses.RequestsMock, email: str, roles: list[Any]
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - an unknown role's words are Python's own
        client().register_user(email, roles)
    assert len(wire.calls) == 0


def test_it_lists_providers(wire: responses.RequestsMock) -> None:
    wire.get(
        f"{BASE}/providers",
        json={"providers": [examples.provider(), examples.provider(id=4, description=None)]},
    )
    assert [(one.id, one.description) for one in client().list_providers()] == [(3, "Llamas"), (4, "")]


def test_it_lists_services_of_all_and_of_one(wire: responses.RequestsMock) -> None:
    body = dumps({"services": [examples.service(price_per_1k_tokens=Decimal("0.1"))]})
    wire.get(f"{BASE}/services", body=body, match=[matchers.query_param_matcher({})])
    wire.get(
        f"{BASE}/services", body=b'{"services": []}', match=[matchers.query_param_matcher({"provider_id": 4})]
    )
    target = client()
    assert [one.price_per_1k_tokens for one in target.list_services()] == [Decimal("0.1")]
    assert target.list_services(4) == []


@pytest.mark.parametrize(
    ("method", "path"), [("fetch_providers", "providers"), ("fetch_services", "services")]
)
def test_a_listing_is_fetched_again_only_if_it_changed(
    wire: responses.RequestsMock, method: str, path: str
) -> None:
    item = examples.provider() if path == "providers" else examples.service(price_per_1k_tokens=1)
    wire.get(f"{BASE}/{path}", json={path: [item]}, headers={"ETag": 'W/"1"'})
    wire.get(f"{BASE}/{path}", status=304, match=[matchers.header_matcher({"If-None-Match": 'W/"1"'})])
    fetch = getattr(client(), method)
    first = fetch()
    assert (len(first), first.etag, first.not_modified) == (1, 'W/"1"', False)
    second = fetch(first.etag)
    assert (list(second), second.etag, second.not_modified) == ([], 'W/"1"', True)
    assert "If-None-Match" not in wire.calls[0].request.headers


def test_a_core_server_sends_no_tag(wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/services", json={"services": []})
    assert client().fetch_services().etag is None


@pytest.mark.parametrize("tag", ["a b", 'W/"ä"', "x" * 2000, ""])
def test_a_tag_that_cannot_be_sent_back_is_no_tag(wire: responses.RequestsMock, tag: str) -> None:
    wire.get(f"{BASE}/providers", json={"providers": []}, headers={"ETag": tag})
    target = client()
    assert target.fetch_providers().etag is None
    target.fetch_providers("evil\r\nX-Injected: 1")
    assert "If-None-Match" not in wire.calls[1].request.headers


def test_not_modified_where_nothing_was_asked_about_is_a_protocol_error(wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/providers", status=304)
    with pytest.raises(ExchangeProtocolError, match="not modified"):
        client().fetch_providers()


@pytest.mark.parametrize("status", [200, 201])
def test_it_publishes_a_service(wire: responses.RequestsMock, status: int) -> None:
    body = dumps({"service": examples.service(price_per_1k_tokens=Decimal("0.0003"))})
    wire.post(f"{BASE}/services", body=body, status=status)
    draft = ServiceDraft(
        provider_id=3, name="ada-llama", model_family="llama", price_per_1k_tokens=Decimal("0.0003")
    )
    service = client().publish_service(draft)
    assert (service.id, service.price_per_1k_tokens) == (11, Decimal("0.0003"))
    assert b'"price_per_1k_tokens":0.0003,' in (wire.calls[0].request.body or b"")
    assert sent(wire)["trial_tokens"] == 0


def test_publishing_a_service_that_was_read_sends_no_id(wire: responses.RequestsMock) -> None:
    body = dumps({"service": examples.service(price_per_1k_tokens=1)})
    wire.post(f"{BASE}/services", body=body)
    target = client()
    target.publish_service(
        target.publish_service(
            ServiceDraft(provider_id=3, name="n", model_family="m", price_per_1k_tokens=Decimal(1))
        )
    )
    assert "id" not in sent(wire, 1)


def test_it_reports_usage_with_and_without_memo_and_key(wire: responses.RequestsMock) -> None:
    wire.post(f"{BASE}/usage", json={})
    target = client()
    target.report_usage(report())
    target.report_usage(report(direction=Direction.SUPPLY, memo="Grüße"), idempotency_key="key-1")
    core = {
        "user_id": 7,
        "service_id": 11,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "direction": "consume",
    }
    assert sent(wire) == core
    assert "Idempotency-Key" not in wire.calls[0].request.headers
    assert sent(wire, 1) == {**core, "direction": "supply", "memo": "Grüße"}
    assert wire.calls[1].request.headers["Idempotency-Key"] == "key-1"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
@pytest.mark.parametrize(
    "body", [b"", b"null", b"ok", b"<html>", b"\xff", b'{"entry": null}', b'{"entry": {"id": "x"}}']
)
def test_any_2xx_counts_a_report_whatever_its_body(
    wire: responses.RequestsMock, status: int, body: bytes
) -> None:
    wire.post(f"{BASE}/usage", body=body, status=status)
    receipt = client().report_usage(report(), idempotency_key="key-1")
    assert (receipt.entry, receipt.idempotency_proved) == (None, False)
    assert receipt.created is (True if status == 201 else None)


@pytest.mark.parametrize(
    ("answered", "sent_key", "status", "proved", "created"),
    [
        ("key-1", "key-1", 201, True, True),
        ("key-1", "key-1", 200, True, False),
        ("key-2", "key-1", 200, False, None),
        (None, "key-1", 201, False, True),
        ("key-1", None, 201, False, True),
        (None, None, 200, False, None),
        (17, "17", 200, False, None),
    ],
)
def test_only_the_very_key_that_was_sent_proves_idempotency(
    wire: responses.RequestsMock,
    answered: Any,
    sent_key: str | None,
    status: int,
    proved: bool,
    created: bool | None,
) -> None:
    raw = examples.entry(idempotency_key=answered)
    wire.post(f"{BASE}/usage", json={"entry": raw}, status=status)
    receipt = client().report_usage(report(), idempotency_key=sent_key)
    assert receipt.entry is not None
    assert receipt.entry.raw == raw
    assert (receipt.idempotency_proved, receipt.created) == (proved, created)


@pytest.mark.parametrize("key", ["", "x" * 65, "a b", "a\nb", "ä"])
def test_a_key_that_no_header_can_carry_is_refused(wire: responses.RequestsMock, key: str) -> None:
    with pytest.raises(ValueError, match="idempotency key"):
        client().report_usage(report(), idempotency_key=key)


def test_a_repeat_without_a_key_is_refused(wire: responses.RequestsMock) -> None:
    with pytest.raises(ValueError, match="counts twice"):
        client().report_usage(report(), idempotency_proved=True)


def test_it_gets_the_totals(wire: responses.RequestsMock) -> None:
    match = [matchers.query_param_matcher({"user_id": 7})]
    wire.get(
        f"{BASE}/usage/summary",
        json={"summary": examples.summary(ledger_hash="ab", entry_count=3)},
        match=match,
    )
    assert client().get_usage_summary(7) == UsageSummary(
        user_id=7, consumed_tokens=15, supplied_tokens=20, net_tokens=5, ledger_hash="ab", entry_count=3
    )


READS = [
    ("list_providers", "/providers"),
    ("list_services", "/services"),
    ("get_usage_summary", "/usage/summary"),
    ("iter_statement", "/usage/statement"),
]
WRITES = [("register_user", "/users"), ("publish_service", "/services")]
MISFITS = [
    b"",
    b"ok",
    b"<html></html>",
    b"[]",
    b"null",
    b"{}",
    b'{"providers": 5, "services": 5, "summary": 5, "entries": 5, "user": 5}',
    b"\xff",
]


@pytest.mark.parametrize("body", MISFITS)
@pytest.mark.parametrize(("name", "path"), [*READS, *WRITES])
def test_a_2xx_that_does_not_fit_is_a_protocol_error(
    wire: responses.RequestsMock, name: str, path: str, body: bytes
) -> None:
    wire.add("POST" if (name, path) in WRITES else "GET", BASE + path, body=body)
    with pytest.raises(ExchangeProtocolError, match="does not fit") as caught:
        examples.every_call(client())[name]()
    assert (caught.value.status, caught.value.attempts) == (200, 1)


def test_a_hostile_price_is_a_protocol_error(wire: responses.RequestsMock) -> None:
    body = dumps({"services": [examples.service(price_per_1k_tokens=7)]}).replace(b":7,", b":1e999999999,")
    wire.get(f"{BASE}/services", body=body)
    with pytest.raises(ExchangeProtocolError, match="sensible range"):
        client().list_services()


def test_a_base_path_is_kept_and_the_address_normalised(wire: responses.RequestsMock) -> None:
    wire.get("http://exchange.test/v1/providers", json={"providers": []})
    with client("HTTP://Exchange.test:80/v1/") as target:
        assert target.list_providers() == []
        assert target.base_url == "http://exchange.test/v1"


@pytest.mark.parametrize(
    "options",
    [
        {"connect_timeout": 0},
        {"total_timeout": -1},
        {"max_response_bytes": 0},
        {"total_timeout": float("nan")},
    ],
)
def test_senseless_limits_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        ExchangeClient(BASE, **options)  # type: ignore[arg-type]
