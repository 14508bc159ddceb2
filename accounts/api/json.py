"""JSON in and out of the API: exact decimals both ways, bounded in depth, digits and values, UTF-8."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Schema
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from pydantic import ConfigDict, WithJsonSchema

from accounts.api.errors import ApiError, of_status
from exchange.wire_json import WireError, dumps, loads

MOST_VALUES = 100_000
"""Values in one body. The largest that means something, a thousand entries with all they may have: 65,000."""
JSON_TYPES = ("application/json", "text/json")
ExactNumber = Annotated[Decimal, WithJsonSchema({"type": "number"}, mode="serialization")]
"""A decimal that is written digit by digit, as a JSON number."""


class Body(Schema):
    """What a body may hold. A name that nobody knows is refused: a misspelt limit must not be no limit."""

    model_config = ConfigDict(extra="forbid")


class JsonParser(Parser):
    """Bodies by ``exchange.wire_json``: a number with a point is a Decimal, and no number is a trap."""

    def parse_body(self, request: HttpRequest) -> Any:
        return read_json(request)


class JsonRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return dumps(plain(data))


def read_json(request: HttpRequest) -> Any:
    """The request's JSON body. Raises ApiError: 415 for another media type, 400 for what is no JSON."""
    require_json(request)
    return parse_json(request.read() if not hasattr(request, "_body") else request.body)


def require_plain(request: HttpRequest) -> None:
    """Raises ApiError (415) where the body is said to be packed: a small one can unpack to gigabytes."""
    if request.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        text = _("Send the body as it is, without Content-Encoding.")
        raise ApiError(415, "unsupported_media_type", text, field="Content-Encoding")


def require_json(request: HttpRequest) -> None:
    """Raises ApiError (415) where the body is not said to be JSON, or is packed."""
    require_plain(request)
    kind = request.content_type or ""
    if kind not in JSON_TYPES and not (kind.startswith("application/") and kind.endswith("+json")):
        text = _("Send JSON: Content-Type: application/json.")
        raise ApiError(415, "unsupported_media_type", text, field="Content-Type")


def parse_json(data: bytes) -> Any:
    """The document in these bytes. Raises ApiError: 400, or 413 for more values than any body of ours has."""
    if _has_too_many_values(data):
        # before one is built: three bytes of text can be two hundred of memory
        raise of_status(413)
    try:
        return loads(data)
    except WireError as error:
        text = _("The body cannot be read: %(why)s.") % {"why": error}
        raise ApiError(400, "malformed", text) from None


def _has_too_many_values(data: bytes) -> bool:
    """Whether there are more than ``MOST_VALUES``: as many as commas and opening brackets outside of text."""
    if _values(data) <= MOST_VALUES:
        return False
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # a value has a name and a text at the most, each between two quotes
    if bare.count(b'"') > 4 * MOST_VALUES:
        return True
    return sum(map(_values, bare.split(b'"')[::2])) > MOST_VALUES


def _values(data: bytes) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def plain(value: Any) -> Any:
    """The value in JSON's own types: times in UTC as ISO text with a Z, a Decimal as it is."""
    match value:
        case None | bool() | int() | Decimal():
            return value
        case Enum():
            return value.value
        case str():
            return str(value)
        case dict():
            return {str(name): plain(item) for name, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
    raise TypeError(f"A {type(value).__name__} is not for JSON.")
