"""``openapi.json``: what django-ninja knows of the API, and what it does not.

Ninja describes bodies and answers. Added here: who may call, by scope; the refusals and headers that every
request can meet; names that stay; and nothing that is not used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from accounts.api.callers import BearerKey, SessionCookie
from accounts.api.errors import ErrorEnvelope
from gateway_site.api_words import ALWAYS, CODES, HEADERS, OF_STATUS, REFUSED, TAGS, WEB_SERVER

REFERENCE = "#/components/schemas/"
EXAMPLES: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("api_examples.json").read_text(encoding="utf-8")
)
"""For each operation: path, query and body of a request, and the status and the body of its answer."""


class Described(NinjaAPI):
    """The API, with a description of our own."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        prefix = self.get_root_path(path_params or {}) if path_prefix is None else path_prefix
        return _described(self, prefix)


class Description(OpenAPISchema):
    """The document. Tags in the order of the reference page; schemas that something refers to, once each."""

    def __init__(self, api: NinjaAPI, path_prefix: str) -> None:
        super().__init__(api, path_prefix)
        known = {name for operation in self._operations() for name in operation.get("tags", ())}
        self["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in known]
        self["servers"] = [{"url": "/", "description": "This site."}]
        for path, methods in self["paths"].items():
            for method, operation in methods.items():
                operation["operationId"] = _named(method, path.removeprefix(f"/{path_prefix.strip('/')}"))
                _exemplify(operation, EXAMPLES.get(operation["operationId"], {}))
        self._use_components()
        self._leave_out_what_a_patch_leaves_out()
        self.schemas["Trouble"]["properties"]["code"]["enum"] = list(CODES)

    def operation_details(self, operation: Operation) -> dict[str, Any]:
        details = super().operation_details(operation)
        details["summary"] = str(details["summary"])
        details["description"] = "\n\n".join(
            text for text in (details.get("description", ""), _who(operation)) if text
        )
        for parameter in details["parameters"]:
            _without_null(parameter)
        if not details["parameters"]:
            del details["parameters"]
        for status in ALWAYS:
            details["responses"].setdefault(status, _refusal())
        told = {status: _told(status, answer) for status, answer in details["responses"].items()} | WEB_SERVER
        details["responses"] = {str(status): told[status] for status in sorted(told)}
        return details

    def operation_security(self, operation: Operation) -> list[dict[str, Any]]:
        """Each way in, with the scopes of keys; an empty list where nobody need be known."""
        ways: list[dict[str, Any]] = []
        for auth in operation.auth_callbacks:
            name = type(auth).__name__
            self.securitySchemes[name] = auth.openapi_security_schema  # type: ignore[attr-defined]
            match auth:
                case BearerKey():
                    ways += [{name: [scope.value]} for scope in auth.scopes]
                case SessionCookie():
                    ways.append({name: []})
        return ways

    def get_paths(self) -> dict[str, Any]:
        paths: dict[str, Any] = super().get_paths()
        for methods in paths.values():
            for operation in methods.values():
                operation.setdefault("security", [])
        return paths

    def _operations(self) -> Iterator[dict[str, Any]]:
        for methods in self["paths"].values():
            yield from methods.values()

    def _leave_out_what_a_patch_leaves_out(self) -> None:
        """In a PATCH what is left out stays as it is: it has no default."""
        for methods in self["paths"].values():
            if "patch" in methods:
                body = methods["patch"]["requestBody"]["content"]["application/json"]["schema"]
                for field in self.schemas[body["$ref"].removeprefix(REFERENCE)]["properties"].values():
                    field.pop("default", None)

    def _use_components(self) -> None:
        """Let schemas that stand in an operation by themselves stand with the others, and drop the unused."""
        self.schemas.setdefault("ErrorEnvelope", ErrorEnvelope.json_schema())
        for operation in self._operations():
            for found in _walk(operation):
                self.schemas.update(found.pop("$defs", {}))
        for found in _walk(self.schemas):
            self.schemas |= {n: s for n, s in found.pop("$defs", {}).items() if n not in self.schemas}
        wanted: set[str] = set()
        heap: list[Any] = [self["paths"]]
        while heap:
            for found in _walk(heap.pop()):
                name = str(found.get("$ref", "")).removeprefix(REFERENCE)
                if name in self.schemas and name not in wanted:
                    wanted.add(name)
                    heap.append(self.schemas[name])
        for name in set(self.schemas) - wanted:
            del self.schemas[name]


@cache
def _described(api: NinjaAPI, path_prefix: str) -> Description:
    return Description(api, path_prefix)  # it stays the same for as long as the process runs


def _named(method: str, path: str) -> str:
    """A name that stays while the address does: ``post_keys_key_id_rotate``."""
    return "_".join([method, *re.findall(r"\w+", path)])


def _who(operation: Operation) -> str:
    """Who may call, in a sentence."""
    keys = [auth for auth in operation.auth_callbacks if isinstance(auth, BearerKey)]
    scopes = [f"`{scope.value}`" for key in keys for scope in key.scopes]
    if scopes:
        return f"For a key with the scope {' or '.join(scopes)}, and for a person by the cookie."
    if operation.auth_callbacks:
        return "For a person by the cookie; an API key cannot do this."
    return "Open to everybody."


def _without_null(parameter: dict[str, Any]) -> None:
    """A query cannot say null: it leaves the parameter out."""
    schema = parameter["schema"]
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        schema |= {**kinds[0], **schema}
    elif kinds:
        schema["anyOf"] = kinds
    if schema.get("default", 0) is None:
        del schema["default"]


def _exemplify(operation: dict[str, Any], example: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        parameter.pop("examples", None)  # ninja's list is JSON Schema's, not OpenAPI's
        told = example.get(parameter["in"], {})
        if parameter["name"] in told:
            parameter["example"] = told[parameter["name"]]
    if "body" in example:
        operation["requestBody"]["content"]["application/json"]["example"] = example["body"]
    if example.get("answer") is not None:
        answer = operation["responses"][str(example["status"])]
        answer["content"]["application/json"]["example"] = example["answer"]


def _refusal() -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": f"{REFERENCE}ErrorEnvelope"}}}}


def _told(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    text = REFUSED.get(status) or f"{HTTPStatus(status).phrase}."
    headers = {name: HEADERS[name] for name in OF_STATUS.get(status, ())}
    return {**answer, "description": text, "headers": {"X-Request-ID": HEADERS["X-Request-ID"], **headers}}


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document, from the outside in."""
    if isinstance(value, dict):
        yield value
    for inner in list(value.values()) if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from _walk(inner)
