"""The fields of a schema of ``openapi.json`` as rows that one can read from top to bottom."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

REFERENCE = "#/components/schemas/"
MOST = 10**15
"""A bound beyond this is the machine's, and says nothing to a person."""
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A parameter, or a field of a document by its whole name: ``budget.limit``, ``entries[].seq``."""

    name: str
    kind: str
    note: str = ""
    required: bool = False
    values: tuple[str, ...] = ()
    default: str = ""


class Parts:
    """The rows of one document. A schema that comes again is told by where it stood first."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._seen: dict[str, str] = {}

    def of(self, schema: Schema, prefix: str = "") -> Iterator[Part]:
        """Every field, those within it right after it."""
        for number, one in enumerate(_alternatives(schema)):
            name, inner = self._resolve(one)
            self._seen.setdefault(name, prefix)
            # what belongs to another way of saying it is not required
            required = inner.get("required", ()) if number == 0 else ()
            for field, told in inner.get("properties", {}).items():
                yield from self._field(f"{prefix}{field}", told, field in required)

    def one(self, name: str, schema: Schema, *, required: bool, note: str = "") -> Part:
        """A single row, without what is within it."""
        _name, inner = self._resolve(schema)
        kinds = [self._resolve(one)[1] for one in _alternatives(inner)]
        values = tuple(str(value) for kind in kinds for value in kind.get("enum", ()))
        return Part(
            name=name,
            kind=self._kind(schema),
            note=note or schema.get("description", ""),
            required=required,
            values=values or self._values_of_items(kinds),
            default=_default(schema),
        )

    def _field(self, name: str, schema: Schema, required: bool) -> Iterator[Part]:
        row = self.one(name, schema, required=required)
        held = self._held(schema)
        if held is None:
            yield row
            return
        held_name, is_list = held
        if held_name in self._seen:
            # it is an entry of itself, or the same as one further up
            first = self._seen[held_name].rstrip(".").removesuffix("[]")
            same = _("as %(field)s") % {"field": first} if first else _("as above")
            yield replace(row, kind=f"{row.kind}, {same}")
            return
        yield row
        yield from self.of(self._schemas[held_name], f"{name}[]." if is_list else f"{name}.")
        self._seen.setdefault(held_name, f"{name}[]." if is_list else f"{name}.")

    def _held(self, schema: Schema) -> tuple[str, bool] | None:
        """The document in this field, by the name of its schema, and whether there is a list of it."""
        for one in _alternatives(schema):
            items = one.get("items", {})
            for place, is_list in ((one, False), (items, True)):
                name, inner = self._resolve(place)
                if name and "properties" in inner:
                    return name, is_list
        return None

    def _values_of_items(self, kinds: list[Schema]) -> tuple[str, ...]:
        items = [self._resolve(kind["items"])[1] for kind in kinds if "items" in kind]
        return tuple(str(value) for item in items for value in item.get("enum", ()))

    def _resolve(self, schema: Schema) -> tuple[str, Schema]:
        name = str(schema.get("$ref", "")).removeprefix(REFERENCE)
        return (name, self._schemas[name]) if name else ("", schema)

    def _kind(self, schema: Schema) -> str:
        told = [self._of_one(self._resolve(one)[1]) for one in _alternatives(schema)]
        may_be_null = {"type": "null"} in schema.get("anyOf", ())
        return " | ".join(dict.fromkeys(told + (["null"] if may_be_null else [])))

    def _of_one(self, schema: Schema) -> str:
        kind = str(schema.get("type", "object"))
        if kind == "array":
            inner = self._kind(schema["items"])
            most = schema.get("maxItems")
            if most:
                return _("list of at most %(count)s: %(kind)s") % {"count": f"{most:,}", "kind": inner}
            return _("list of %(kind)s") % {"kind": inner}
        if kind in ("integer", "number"):
            return " ".join(text for text in (kind, _range(schema)) if text)
        if kind == "string" and "format" in schema:
            return str(schema["format"])
        if kind == "string" and "maxLength" in schema:
            most = schema["maxLength"]
            longest = ngettext("up to %(count)s character", "up to %(count)s characters", most)
            return f"string, {longest % {'count': f'{most:,}'}}"
        return kind


def _alternatives(schema: Schema) -> list[Schema]:
    """What it may be, null left out; a decimal may also come as text, which need not be told."""
    kinds = [kind for kind in schema.get("anyOf", (schema,)) if kind.get("type") != "null"]
    numbers = [kind for kind in kinds if kind.get("type") == "number"]
    return [kind for kind in kinds if not (numbers and kind == {"type": "string"})]


def _range(schema: Schema) -> str:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum")
    is_open = "exclusiveMinimum" in schema
    if most is not None and most <= MOST and least is not None and not is_open:
        return f"{_number(least)} … {_number(most)}"
    if least is not None:
        return f"{'>' if is_open else '≥'} {_number(least)}"
    return f"≤ {_number(most)}" if most is not None and most <= MOST else ""


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else str(value)


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if value in (None, "", []):
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else json.dumps(value).strip('"')
