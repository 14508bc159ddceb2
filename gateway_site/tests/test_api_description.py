"""openapi.json: whole, and true where a program that reads it relies on it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client

from accounts.api.errors import of_status
from gateway_site.api import api
from gateway_site.api_description import EXAMPLES
from gateway_site.api_words import CODES, REFUSED, TAGS

REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema()))
    return told


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for methods in document["paths"].values():
        for operation in methods.values():
            yield operation["operationId"], operation


def fits(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    jsonschema_rs.validate({**schema, "components": document["components"]}, value)


def test_a_stranger_gets_it_as_json(document: dict[str, Any]) -> None:
    response = Client().get("/api/v1/openapi.json")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.json() == document


def test_operations_are_named_by_their_address(document: dict[str, Any]) -> None:
    names = [name for name, _operation in operations(document)]
    assert len(names) == len(set(names))
    assert {"post_usage", "get_usage_logs_seq", "post_keys_key_id_rotate"} <= set(names)


def test_every_operation_is_in_a_group_and_says_what_it_does(document: dict[str, Any]) -> None:
    assert [tag["name"] for tag in document["tags"]] == list(TAGS)
    for _name, operation in operations(document):
        assert operation["tags"][0] in TAGS
        assert operation["summary"]
        assert len(operation["description"].split("\n\n")) >= 2, "what it does, and for whom"


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("post_auth_login", []),
        ("post_auth_verify", []),
        ("get_keys", [{"SessionCookie": []}]),
        ("post_usage", [{"BearerKey": ["record"]}, {"SessionCookie": []}]),
        ("post_services", [{"BearerKey": ["publish"]}, {"SessionCookie": []}]),
        ("get_budget", [{"BearerKey": ["read"]}, {"BearerKey": ["record"]}, {"SessionCookie": []}]),
    ],
)
def test_it_says_who_may_call(document: dict[str, Any], name: str, ways: list[Any]) -> None:
    assert dict(operations(document))[name]["security"] == ways


def test_every_answer_of_the_site_is_told_with_its_headers(document: dict[str, Any]) -> None:
    for _name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status == "414":  # the web server's
                continue
            assert "X-Request-ID" in answer["headers"]
            assert ("Retry-After" in answer["headers"]) == (status in ("429", "503"))
            if status >= "400":
                assert answer["description"] == REFUSED[int(status)]


def test_every_schema_that_is_referred_to_is_there_and_no_other(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert "$defs" not in text
    for name in document["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text
    for reference in {part.partition('"')[0] for part in text.split('"$ref": "')[1:]}:
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def test_every_operation_has_an_example_that_fits_its_own_schema(document: dict[str, Any]) -> None:
    assert set(EXAMPLES) == {name for name, _operation in operations(document)}
    for name, operation in operations(document):
        example = EXAMPLES[name]
        if "body" in example:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            fits(document, schema, example["body"])
        answer = operation["responses"][str(example["status"])]
        if example["answer"] is None:
            assert "content" not in answer
        else:
            fits(document, answer["content"]["application/json"]["schema"], example["answer"])


def test_every_code_that_a_refusal_can_have_is_told() -> None:
    found: set[str] = set()
    for path in REPOSITORY.glob("*/api/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ApiError":
                code = node.args[1]
                found |= {code.value} if isinstance(code, ast.Constant) else set()
    assert found
    assert found <= set(CODES)
    for status in REFUSED:
        error = of_status(status)
        assert error.code in CODES


def test_a_patch_has_no_defaults(document: dict[str, Any]) -> None:
    for name in ("KeyPatch", "OfferPatch"):
        assert not any(
            "default" in one for one in document["components"]["schemas"][name]["properties"].values()
        )
