"""The rules, each with its identifier."""

import pytest

from sandbox.tests.caller import Caller, offering


def rule_ids(answer) -> list[str]:
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert all(rule["message"] for rule in answer.json()["rules"])
    return [rule["id"] for rule in answer.json()["rules"]]


@pytest.mark.parametrize(
    ("fields", "broken"),
    [
        ({"price_per_1k_tokens": 1.000000000001}, ["PRICE_CEILING"]),
        ({"price_per_1k_tokens": 10**6}, ["PRICE_CEILING"]),
        ({"name": "Unlimited tokens"}, ["FORBIDDEN_WORD"]),
        ({"name": "o3 (JAILBREAK)"}, ["FORBIDDEN_WORD"]),
        ({"trial_tokens": 1_000_001}, ["TRIAL_CEILING"]),
        (
            {"price_per_1k_tokens": 2, "name": "stolen", "trial_tokens": 2**63 - 1},
            ["PRICE_CEILING", "FORBIDDEN_WORD", "TRIAL_CEILING"],
        ),
    ],
)
def test_an_offering_that_breaks_rules_is_refused_with_all_of_them(
    exchange: Caller, fields: dict, broken: list[str]
) -> None:
    provider_id = exchange.register()["provider"]["id"]

    assert rule_ids(exchange.post("/services", offering(provider_id, **fields))) == broken
    assert exchange.get("/services", provider_id=provider_id).json() == {"services": []}


@pytest.mark.parametrize(
    "fields", [{"price_per_1k_tokens": 1}, {"name": "Unlimitedly good"}, {"trial_tokens": 1_000_000}]
)
def test_an_offering_at_the_edge_of_a_rule_is_published(exchange: Caller, fields: dict) -> None:
    assert exchange.publish(exchange.register()["provider"]["id"], **fields)["id"]


def test_a_refused_update_leaves_the_service_as_it_was(exchange: Caller) -> None:
    provider_id = exchange.register()["provider"]["id"]
    service = exchange.publish(provider_id)

    assert rule_ids(exchange.post("/services", offering(provider_id, price_per_1k_tokens=3))) == [
        "PRICE_CEILING"
    ]
    assert exchange.get("/services", provider_id=provider_id).json() == {"services": [service]}


def test_supply_of_somebody_elses_service_is_refused(exchange: Caller) -> None:
    _, service_id = exchange.trader()
    stranger = exchange.register()["user"]["id"]

    assert rule_ids(exchange.report(stranger, service_id, direction="supply")) == ["SUPPLY_NOT_OWN"]
    assert exchange.summary(stranger)["entry_count"] == 0


def test_consumption_of_somebody_elses_service_is_counted(exchange: Caller) -> None:
    _, service_id = exchange.trader()
    stranger = exchange.register(None, "consumer")["user"]["id"]

    assert exchange.report(stranger, service_id).status_code == 201


@pytest.mark.parametrize("tokens", [(10_000_000, 1), (0, 10_000_001), (2**63 - 1, 2**63 - 1)])
def test_an_implausible_token_count_is_refused(exchange: Caller, tokens: tuple[int, int]) -> None:
    user_id, service_id = exchange.trader()

    answer = exchange.report(user_id, service_id, prompt_tokens=tokens[0], completion_tokens=tokens[1])

    assert rule_ids(answer) == ["TOKEN_CEILING"]
    assert exchange.summary(user_id)["consumed_tokens"] == 0


def test_the_largest_plausible_token_count_is_counted(exchange: Caller) -> None:
    user_id, service_id = exchange.trader()

    assert (
        exchange.report(user_id, service_id, prompt_tokens=9_999_999, completion_tokens=1).status_code == 201
    )


def test_a_report_that_breaks_two_rules_names_both(exchange: Caller) -> None:
    _, service_id = exchange.trader()
    stranger = exchange.register()["user"]["id"]

    answer = exchange.report(stranger, service_id, direction="supply", prompt_tokens=10**8)

    assert rule_ids(answer) == ["SUPPLY_NOT_OWN", "TOKEN_CEILING"]
