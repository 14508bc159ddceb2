"""GET and POST /services."""

import re

import pytest

from sandbox.tests.caller import Caller, offering


def test_it_publishes_a_service(exchange: Caller) -> None:
    provider_id = exchange.register()["provider"]["id"]

    answer = exchange.post("/services", offering(provider_id, trial_tokens=5))

    service = answer.json()["service"]
    assert answer.status_code == 201
    assert service == {**offering(provider_id, trial_tokens=5), "id": service["id"]}
    assert exchange.get("/services", provider_id=provider_id).json() == {"services": [service]}


def test_it_updates_the_service_that_this_provider_published_under_the_same_name(exchange: Caller) -> None:
    provider_id = exchange.register()["provider"]["id"]
    first = exchange.publish(provider_id, price_per_1k_tokens=0.5)

    answer = exchange.post("/services", offering(provider_id, price_per_1k_tokens=0.25, model_family="o3"))

    assert answer.status_code == 200
    assert answer.json()["service"] == {**first, "price_per_1k_tokens": 0.25, "model_family": "o3"}
    assert len(exchange.get("/services", provider_id=provider_id).json()["services"]) == 1


def test_two_providers_may_use_the_same_name(exchange: Caller) -> None:
    one, other = (exchange.publish(exchange.register()["provider"]["id"], name="Twin") for _ in range(2))

    assert one["id"] != other["id"]


def test_trial_tokens_are_none_unless_given(exchange: Caller) -> None:
    document = offering(exchange.register()["provider"]["id"])
    del document["trial_tokens"]

    assert exchange.post("/services", document).json()["service"]["trial_tokens"] == 0


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("0", "0.0"),
        ("1", "1.0"),
        ("0.0025", "0.0025"),
        ("0.10", "0.1"),
        ("25e-4", "0.0025"),
        ("0.123456789012", "0.123456789012"),
        ("0.000000000001", "1e-12"),
        ("-0.0", "0.0"),
    ],
)
def test_a_price_comes_out_as_the_number_that_went_in(exchange: Caller, sent: str, kept: str) -> None:
    provider_id = exchange.register()["provider"]["id"]
    body = (
        f'{{"provider_id": {provider_id}, "name": "n", "model_family": "m", "price_per_1k_tokens": {sent}}}'
    )

    assert exchange.send("POST", "/services", body).status_code == 201
    listed = exchange.get("/services", provider_id=provider_id).text

    assert re.search(r'"price_per_1k_tokens": ([^,]+),', listed)[1] == kept


@pytest.mark.parametrize(
    "price",
    ["-1", "-1e-12", "1e-13", "1e400", "1e-400", "1e99999999999999999999", "true", '"1"', "null", "NaN"],
)
def test_it_refuses_what_is_no_price(exchange: Caller, price: str) -> None:
    provider_id = exchange.register()["provider"]["id"]
    body = (
        f'{{"provider_id": {provider_id}, "name": "n", "model_family": "m", "price_per_1k_tokens": {price}}}'
    )

    answer = exchange.send("POST", "/services", body)

    assert answer.status_code == 400
    assert "rules" not in answer.json()
    assert exchange.get("/services", provider_id=provider_id).json() == {"services": []}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "n" * 201}, "name"),
        ({"model_family": 4}, "model_family"),
        ({"provider_id": "1"}, "provider_id"),
        ({"provider_id": 2**63}, "provider_id"),
        ({"provider_id": True}, "provider_id"),
        ({"trial_tokens": -1}, "trial_tokens"),
        ({"trial_tokens": 2**63}, "trial_tokens"),
        ({"trial_tokens": 1.5}, "trial_tokens"),
    ],
)
def test_it_refuses_a_field_that_does_not_fit_and_names_it(
    exchange: Caller, fields: dict, named: str
) -> None:
    provider_id = exchange.register()["provider"]["id"]

    answer = exchange.post("/services", {**offering(provider_id), **fields})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{named}: ")


@pytest.mark.parametrize("provider_id", [0, -1, 999_999_999, 2**63 - 1])
def test_it_knows_no_such_provider(exchange: Caller, provider_id: int) -> None:
    assert exchange.post("/services", offering(provider_id)).status_code == 404
    assert exchange.get("/services", provider_id=provider_id).json() == {"services": []}


@pytest.mark.parametrize("provider_id", ["", "x", "1.0", "٣", "9223372036854775808", ["1", "2"]])
def test_it_refuses_a_filter_that_is_no_identifier(exchange: Caller, provider_id: object) -> None:
    assert exchange.get("/services", provider_id=provider_id).status_code == 400


def test_each_filter_answers_304_until_its_services_change(exchange: Caller) -> None:
    provider_id = exchange.register()["provider"]["id"]
    exchange.publish(provider_id)
    tag = exchange.get("/services", provider_id=provider_id).headers["ETag"]

    unchanged = exchange.get(
        "/services", provider_id=provider_id, headers={"If-None-Match": f'"other", W/{tag}'}
    )
    exchange.publish(provider_id, price_per_1k_tokens=0.9)
    changed = exchange.get("/services", provider_id=provider_id, headers={"If-None-Match": tag})

    assert unchanged.status_code == 304
    assert changed.json()["services"][0]["price_per_1k_tokens"] == 0.9
