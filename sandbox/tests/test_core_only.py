"""An Exchange that has nothing but the contract's core."""

import pytest

from sandbox.tests.caller import Caller
from tests.exchange_process import ExchangeProcess


@pytest.fixture
def core(process: ExchangeProcess, exchange: Caller) -> Caller:
    process.control(core_only=True)
    return exchange


def test_an_account_has_no_free_quota(core: Caller) -> None:
    account = core.register()

    assert set(account["user"]) == {"id", "email", "roles"}
    assert set(account["provider"]) == {"id", "user_id", "display_name", "description"}


def test_a_report_is_answered_with_201_and_nothing(core: Caller) -> None:
    user_id, service_id = core.trader()

    answer = core.report(user_id, service_id)

    assert (answer.status_code, answer.content) == (201, b"")


def test_a_key_means_nothing(core: Caller) -> None:
    user_id, service_id = core.trader()
    statuses = [core.report(user_id, service_id, key=key).status_code for key in ("same", "same", "k" * 65)]

    assert statuses == [201] * 3
    assert core.summary(user_id)["consumed_tokens"] == 300


def test_a_summary_has_totals_alone(core: Caller) -> None:
    user_id, _ = core.trader()

    assert core.summary(user_id) == {
        "user_id": user_id,
        "consumed_tokens": 0,
        "supplied_tokens": 0,
        "net_tokens": 0,
    }


def test_there_is_no_statement(core: Caller) -> None:
    user_id, _ = core.trader()
    answer = core.get("/usage/statement", user_id=user_id)

    assert answer.status_code == 404
    assert answer.json()["error"]


@pytest.mark.parametrize("path", ["/providers", "/services"])
def test_lists_have_no_tag_and_are_always_sent(core: Caller, path: str) -> None:
    answer = core.get(path, headers={"If-None-Match": "*"})

    assert answer.status_code == 200
    assert "ETag" not in answer.headers


def test_no_answer_names_its_request(core: Caller) -> None:
    answers = [
        core.get(path, headers={"X-Request-ID": "abc"}) for path in ("/providers", "/nowhere", "/usage")
    ]

    assert [answer.status_code for answer in answers] == [200, 404, 405]
    assert not any("X-Request-ID" in answer.headers for answer in answers)


def test_rules_are_enforced_as_ever(core: Caller) -> None:
    user_id, service_id = core.trader()

    answer = core.report(user_id, service_id, prompt_tokens=10**8)

    assert [rule["id"] for rule in answer.json()["rules"]] == ["TOKEN_CEILING"]
