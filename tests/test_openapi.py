"""Every answer fits openapi.json, whatever is sent and whoever sends it: generated requests, valid and not.

They go to a running site. How many there were is counted, and the last tests hold it: over a thousand in
`make test`, over five thousand in `make test-long`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from gateway_site.api import api
from tests.api_callers import Who, everybody
from tests.site_process import SiteProcess

pytestmark = pytest.mark.own_database

load_all_checks()
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
PROGRAMS = ["all", "read", "record", "publish"]
LOGOUT = "/api/v1/auth/logout"
sent: Counter[str] = Counter()
answered: Counter[tuple[str, int]] = Counter()


@schemathesis.serializer("application/x-ndjson")
def lines(_context: Any, value: Any) -> bytes:
    """Whatever was made up for it, as it is."""
    return str(value).encode("utf-8", "replace")


def described(*, thorough: bool, with_guesses: bool = False) -> Any:
    """The API for the generator. ``with_guesses``: it makes up keys and cookies, too."""
    config = schemathesis.Config(seed=1)
    project = config.projects.default
    project.generation.update(with_security_parameters=with_guesses)
    project.phases.coverage.enabled = thorough
    return schemathesis.openapi.from_dict(deepcopy(dict(api.get_openapi_schema())), config=config)


def generated(number: int) -> settings:
    """So many requests for each operation, the same ones each time."""
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


every_corner = described(thorough=True)
a_look = described(thorough=False)
guessing = described(thorough=False, with_guesses=True)
guessing_every_corner = described(thorough=True, with_guesses=True)


@pytest.fixture(scope="module")
def callers(site: SiteProcess) -> dict[str, Who]:
    return everybody(site)


@pytest.fixture(scope="module")
def connection() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def send(site: SiteProcess, callers: dict[str, Who], connection: requests.Session) -> Any:
    def check(case: Case, caller: str, test: str) -> None:
        who = callers[caller]
        steer(case)
        connection.cookies.clear()
        sent[test] += 1
        answer = case.call(
            base_url=site.base_url, session=connection, headers=who.headers, cookies=who.cookies
        )
        answered[caller, answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    return check


# What there is to be met, numbered from 1.
EXISTING = {"service_id": 60, "provider_id": 12, "seq": 5, "default_service_id": 60, "key_id": 10}


def steer(case: Case) -> None:
    """Aim identifiers at what exists, or nearly every answer is a refusal; what is out of range stays so."""
    for document in (case.path_parameters, case.body):
        if isinstance(document, dict):
            for field, existing in EXISTING.items():
                if type(document.get(field)) is int and 0 < document[field] < 2**63:
                    document[field] = 1 + document[field] % existing
            if len(str(document.get("occurred_at"))) % 2:
                # made up times lie in any year: without one it is now
                document.pop("occurred_at", None)


@pytest.mark.parametrize("caller", ["all"])
@every_corner.parametrize()
@generated(8)
def test_a_program_with_every_scope_is_answered_as_documented(send: Any, caller: str, case: Case) -> None:
    send(case, caller, "short")


@pytest.mark.parametrize("caller", PROGRAMS)
@a_look.parametrize()
@generated(2)
def test_a_program_is_answered_as_documented(send: Any, caller: str, case: Case) -> None:
    send(case, caller, "short")


@guessing.parametrize()
@generated(2)
def test_a_stranger_is_answered_as_documented(send: Any, case: Case) -> None:
    send(case, "nobody", "short")


@every_corner.include(path_regex="/keys").parametrize()
@generated(8)
def test_a_person_is_answered_as_documented(send: Any, case: Case) -> None:
    send(case, "person", "short")


@pytest.mark.long
@pytest.mark.parametrize("caller", PROGRAMS)
@every_corner.parametrize()
@generated(15)
def test_a_program_is_answered_as_documented_in_every_corner(send: Any, caller: str, case: Case) -> None:
    send(case, caller, "long")


@pytest.mark.long
@guessing_every_corner.parametrize()
@generated(15)
def test_a_stranger_is_answered_as_documented_in_every_corner(send: Any, case: Case) -> None:
    send(case, "nobody", "long")


@pytest.mark.long
@every_corner.exclude(path=LOGOUT).parametrize()
@generated(15)
def test_a_person_is_answered_as_documented_in_every_corner(send: Any, case: Case) -> None:
    send(case, "person", "long")


@every_corner.include(path=LOGOUT).parametrize()
@generated(5)
def test_who_has_left_is_answered_as_documented(send: Any, case: Case) -> None:
    send(case, "person", "short")


def test_there_were_over_a_thousand_requests() -> None:
    if not sent:
        pytest.skip("alone it has nothing to count: run the whole file")
    assert sent["short"] >= 1_000
    met = {status for _caller, status in answered}
    assert {200, 201, 204, 400, 401, 403, 404, 405, 415, 422} <= met, "the requests reach too little"


@pytest.mark.long
def test_there_were_over_five_thousand_requests() -> None:
    if not sent["long"]:
        pytest.skip("alone it has nothing to count: run the whole file")
    assert sent.total() >= 5_000
