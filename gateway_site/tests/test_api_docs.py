"""/api/v1/docs: the whole of openapi.json for people, open to everybody, by files of our own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from gateway_site.api import api
from gateway_site.api_curl import curl, pretty
from gateway_site.api_parts import Part, Parts
from gateway_site.templatetags.api_text import api_text

pytestmark = pytest.mark.django_db
SCHEMAS = {
    "Limit": {"properties": {"unit": {"enum": ["a", "b"], "type": "string"}}, "required": ["unit"]},
    "Word": {"enum": ["x", "y"], "type": "string"},
}


@pytest.fixture
def reference(client: Client) -> str:
    response = client.get("/api/v1/docs")
    assert response.status_code == 200
    return response.content.decode()


def test_a_stranger_finds_every_operation_with_its_command(reference: str) -> None:
    paths = api.get_openapi_schema()["paths"]
    cards = re.findall(r'<article class="card api-operation" id="([\w-]+)"', reference)
    assert len(cards) == len(set(cards)) == sum(len(methods) for methods in paths.values())
    for path, methods in paths.items():
        assert f"<code>{path}</code>" in reference
        for operation in methods.values():
            anchor = operation["operationId"].replace("_", "-")
            assert anchor in cards
            assert reference.count(f'href="#{anchor}"') == 3, "both lists of contents, and its own link"
    assert reference.count("curl ") >= 2 * len(cards), "to be read, and to be copied"


def test_every_link_within_the_page_leads_somewhere(reference: str) -> None:
    names = re.findall(r' id="([^"]+)"', reference)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]+)"', reference)) <= set(names)


def test_nothing_in_it_is_inline_or_from_elsewhere(reference: str) -> None:
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", reference)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', reference)


def test_it_names_the_address_that_it_was_asked_by(client: Client, reference: str) -> None:
    assert "GATEWAY=http://testserver\n" in reference


def test_who_is_signed_in_is_led_back_to_the_dashboard(signed_in: Client) -> None:
    page = signed_in.get("/api/v1/docs").content.decode()
    assert ">Dashboard</a>" in page
    assert ">Sign in</a>" not in page.partition("</header>")[0]


def rows(schema: dict[str, Any]) -> list[Part]:
    return list(Parts(SCHEMAS).of(schema))


def test_what_is_within_a_field_stands_under_its_whole_name() -> None:
    limit = {"$ref": "#/components/schemas/Limit"}
    told = rows(
        {"properties": {"one": limit, "many": {"type": "array", "items": limit}}, "required": ["one"]}
    )
    assert [(part.name, part.kind, part.required, part.values) for part in told] == [
        ("one", "object", True, ()),
        ("one.unit", "string", True, ("a", "b")),
        ("many", "list of object, as one", False, ()),
    ]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "integer", "minimum": 0, "maximum": 2_592_000}, "integer 0 … 2,592,000"),
        ({"type": "integer", "minimum": 1, "maximum": 2**63 - 1}, "integer ≥ 1"),
        ({"type": "number", "exclusiveMinimum": 0}, "number > 0"),
        ({"type": "number", "maximum": 5}, "number ≤ 5"),
        ({"type": "string", "maxLength": 1_000}, "string, up to 1,000 characters"),
        ({"type": "string", "maxLength": 1}, "string, up to 1 character"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]}, "number | null"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 20}, "list of at most 20: string"),
    ],
)
def test_a_kind_is_told_in_a_few_words(schema: dict[str, Any], kind: str) -> None:
    assert Parts(SCHEMAS).one("field", schema, required=True).kind == kind


def test_the_words_that_a_list_may_hold_are_told() -> None:
    schema = {"type": "array", "items": {"$ref": "#/components/schemas/Word"}, "default": ["x", "y"]}
    part = Parts(SCHEMAS).one("words", schema, required=False)
    assert (part.values, part.default) == (("x", "y"), "x, y")


def test_a_command_can_be_pasted_whatever_its_body_says() -> None:
    body = {"content": {"application/json": {"example": {"memo": "it's"}}}}
    operation = {"operationId": "x", "security": [{"BearerKey": ["read"]}], "requestBody": body}
    assert curl("post", "/api/v1/x", operation) == (
        'curl "$GATEWAY/api/v1/x" \\\n'
        '  -H "Authorization: Bearer $KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        "  -d '{\"memo\": \"it'\\''s\"}'"
    )


def test_json_for_reading_keeps_short_things_on_a_line() -> None:
    assert pretty({"a": [1, 2], "b": {}}) == '{\n  "a": [1, 2],\n  "b": {}\n}'


def test_words_of_the_description_cannot_be_markup() -> None:
    assert api_text("`<b>` and **<i>**") == "<code>&lt;b&gt;</code> and <strong>&lt;i&gt;</strong>"
