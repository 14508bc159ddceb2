"""Every answer fits docs/exchange-contract.yaml, whatever is sent: generated requests, valid and not."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    positive_data_acceptance,
    response_schema_conformance,
)

from tests.exchange_process import REPOSITORY, ExchangeProcess, running_exchange

CONTRACT = REPOSITORY / "docs" / "exchange-contract.yaml"


def core_of_the_contract() -> dict[str, Any]:
    """The contract without the paths and parameters that are marked as extensions."""
    contract: dict[str, Any] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    contract["paths"] = {path: item for path, item in contract["paths"].items() if "x-extension" not in item}
    for item in contract["paths"].values():
        for operation in item.values():
            parameters = operation.get("parameters", [])
            operation["parameters"] = [each for each in parameters if "x-extension" not in each]
    return contract


load_all_checks()
schema = schemathesis.openapi.from_path(CONTRACT)
core_schema = schemathesis.openapi.from_dict(core_of_the_contract())

bounded = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
# The Exchange refuses, by rules and limits that no schema tells, some of what the schemas allow.
MEANINGLESS = [positive_data_acceptance]


# How many of each the example market has, numbered from 1.
EXISTING = {"user_id": 12, "provider_id": 12, "service_id": 60}


def steer(case: Case) -> Case:
    """Aim identifiers at what exists and prices below the ceiling, or nearly every answer is a refusal."""
    for document in (case.body, case.query):
        if not isinstance(document, dict):
            continue
        for field, existing in EXISTING.items():
            if type(document.get(field)) is int:
                document[field] = 1 + document[field] % existing
        price = document.get("price_per_1k_tokens")
        if isinstance(price, float) and price > 1:
            document["price_per_1k_tokens"] = round(price % 1, 6)
    return case


@schema.parametrize()
@bounded
def test_every_answer_fits_the_contract(whole_process: ExchangeProcess, case: Case) -> None:
    steer(case).call_and_validate(base_url=whole_process.base_url, excluded_checks=MEANINGLESS)


@core_schema.exclude(path="/usage").parametrize()
@bounded
def test_every_answer_of_the_core_alone_fits_the_contract(core_process: ExchangeProcess, case: Case) -> None:
    steer(case).call_and_validate(base_url=core_process.base_url, excluded_checks=MEANINGLESS)


@core_schema.include(path="/usage").parametrize()
@bounded
def test_a_report_to_the_core_alone_is_answered_without_a_body_or_by_an_error_of_the_contract(
    core_process: ExchangeProcess, case: Case
) -> None:
    answer = steer(case).call(base_url=core_process.base_url)
    # The contract lets the body be empty in words only: no schema can say so.
    empty = [content_type_conformance, response_schema_conformance] if answer.status_code == 201 else []
    case.validate_response(answer, excluded_checks=MEANINGLESS + empty)
    assert (answer.content == b"") == (answer.status_code == 201)


@pytest.fixture(scope="module")
def core_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with running_exchange(tmp_path_factory.mktemp("core"), "--core-only", "--seed") as exchange:
        yield exchange


@pytest.fixture(scope="module")
def whole_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with running_exchange(tmp_path_factory.mktemp("whole"), "--seed") as exchange:
        yield exchange
