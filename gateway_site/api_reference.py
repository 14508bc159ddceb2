"""The reference page's content: ``openapi.json``, arranged for people."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from gateway_site.api_curl import curl, pretty
from gateway_site.api_parts import Part, Parts
from gateway_site.api_words import CODES, REFUSED

METHODS = ("get", "post", "patch", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request that was done is answered with; several statuses where the document is the same."""

    statuses: tuple[tuple[str, str], ...]
    example: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one address. ``keys``: the scopes of which a key needs one; ``people``: or the cookie."""

    anchor: str
    method: str
    path: str
    summary: str
    description: tuple[str, ...]
    keys: tuple[str, ...]
    people: bool
    parameters: tuple[Part, ...]
    fields: tuple[Part, ...]
    curl: str
    answers: tuple[Answer, ...]
    refusals: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Operations that belong together."""

    anchor: str
    name: str
    description: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A status of refusal, what it means, and the codes that tell more."""

    status: int
    text: str
    codes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The whole page."""

    introduction: tuple[str, ...]
    groups: tuple[Group, ...]
    refusals: tuple[Refusal, ...]


def reference_of(document: dict[str, Any]) -> Reference:
    """The page of this document, in the current language where the words are ours."""
    schemas = document["components"]["schemas"]
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                told = methods[method]
                found[told["tags"][0]].append(_operation(method, path, told, schemas))
    groups = tuple(
        Group(
            anchor=_anchor(tag["name"]),
            name=tag["name"],
            description=tag["description"],
            operations=tuple(found[tag["name"]]),
        )
        for tag in document["tags"]
    )
    return Reference(
        introduction=_paragraphs(document["info"]["description"]), groups=groups, refusals=_refusals()
    )


def _operation(method: str, path: str, told: dict[str, Any], schemas: dict[str, Any]) -> Operation:
    parameters = [
        Parts(schemas).one(
            one["name"], one["schema"], required=one["required"], note=one.get("description", "")
        )
        for one in told.get("parameters", ())
    ]
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    statuses = told["responses"].items()
    return Operation(
        anchor=_anchor(told["operationId"]),
        method=method.upper(),
        path=path,
        summary=told["summary"],
        # who may call stands in a line of its own
        description=_paragraphs(told["description"])[:-1],
        keys=tuple(scope for way in told["security"] for scope in way.get("BearerKey", ())),
        people=any("SessionCookie" in way for way in told["security"]),
        parameters=tuple(parameters),
        fields=tuple(Parts(schemas).of(body)) if body else (),
        curl=curl(method, path, told),
        answers=_answers({status: one for status, one in statuses if status < "400"}, schemas),
        refusals=tuple(status for status, _answer in statuses if status >= "400"),
    )


def _answers(told: dict[str, Any], schemas: dict[str, Any]) -> tuple[Answer, ...]:
    found: dict[tuple[Part, ...], list[tuple[str, str, str]]] = {}
    for status, one in told.items():
        content = one.get("content", {}).get("application/json", {})
        every = Parts(schemas).of(content["schema"]) if content else ()
        parts = tuple(replace(part, required=False) for part in every)  # an answer demands nothing
        example = pretty(content["example"]) if "example" in content else ""
        found.setdefault(parts, []).append((status, one["description"].rstrip("."), example))
    return tuple(
        Answer(
            statuses=tuple((status, text) for status, text, _example in same),
            example=next((example for _status, _text, example in same if example), ""),
            parts=parts,
        )
        for parts, same in found.items()
    )


def _refusals() -> tuple[Refusal, ...]:
    return tuple(
        Refusal(
            status=status,
            text=text,
            codes=tuple((code, said) for code, (of, said) in CODES.items() if of == status),
        )
        for status, text in REFUSED.items()
    )


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip())


def _anchor(name: str) -> str:
    return re.sub(r"\W|_", "-", name).lower()
