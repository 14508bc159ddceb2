"""Reading what a caller sent: body, query and headers. The shapes of the bodies are in `sandbox.shapes`."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from django.http import HttpRequest
from gunicorn.http.errors import ParseException
from pydantic import BaseModel, ValidationError

from sandbox.refusals import BodyTooLarge, Malformed
from sandbox.shapes import MAX_INT64

BODY_LIMIT = 64 * 1024
DISCARD_LIMIT = 16 * 1024 * 1024

Body = TypeVar("Body", bound=BaseModel)

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,64}")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_body(request: HttpRequest, shape: type[Body]) -> Body:
    """The request's JSON body as `shape`; numbers with a fraction arrive as Decimal, without a float's dust.

    Raises Malformed, with every field that does not fit, and BodyTooLarge.
    """
    return fit(read_json(request, parse_float=Decimal), shape)


def fit(document: object, shape: type[Body]) -> Body:
    """`document` as `shape`. Raises Malformed, naming every field that does not fit."""
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        faults = (_describe(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors())
        raise Malformed("; ".join(faults)) from None


def read_json(request: HttpRequest, parse_float: Callable[[str], object] = float) -> Any:
    """The request's body as JSON, whatever its Content-Type says. Raises Malformed and BodyTooLarge."""
    try:
        body = _raw_body(request)
    except (OSError, ParseException):
        raise Malformed("The body ended early, or its chunks cannot be read.") from None
    try:
        # ArithmeticError: an exponent that no Decimal has; RecursionError: nested deeper than anybody means.
        return json.loads(body.decode(), parse_float=parse_float, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError):
        raise Malformed("The body is not JSON. Send one JSON object in UTF-8.") from None


def query_integer(request: HttpRequest, name: str) -> int | None:
    """The query parameter `name`, None where it is missing. Raises Malformed unless it is a 64-bit one."""
    values = request.GET.getlist(name)
    if not values:
        return None
    if len(values) > 1:
        raise Malformed(f"{name}: is given more than once")
    if not _INTEGER.fullmatch(values[0]) or not -MAX_INT64 - 1 <= (number := int(values[0])) <= MAX_INT64:
        raise Malformed(f"{name}: must be an integer")
    return number


def required_query_integer(request: HttpRequest, name: str) -> int:
    """The query parameter `name`. Raises Malformed where it is missing or is not one 64-bit integer."""
    number = query_integer(request, name)
    if number is None:
        raise Malformed(f"{name}: is required, as in {request.path}?{name}=1")
    return number


def idempotency_key(request: HttpRequest) -> str | None:
    """The Idempotency-Key header, None where it is missing or empty. Raises Malformed where it is no key."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Malformed("Idempotency-Key: must be 1 to 64 visible ASCII characters")
    return key


def _raw_body(request: HttpRequest) -> bytes:
    # Django reads no body without a Content-Length; gunicorn ends its stream where the chunks end.
    chunked = request.headers.get("Transfer-Encoding", "").lower() == "chunked"
    stream = request.META["wsgi.input"] if chunked else request
    body: bytes = stream.read(BODY_LIMIT + 1)
    if len(body) > BODY_LIMIT:
        _discard(stream)
        raise BodyTooLarge(f"The body is longer than {BODY_LIMIT // 1024} KiB.")
    return body


def _discard(stream: _Readable) -> None:
    """Read on, within reason: a caller whose connection is closed while it sends never sees the answer."""
    for _ in range(DISCARD_LIMIT // BODY_LIMIT):
        if not stream.read(BODY_LIMIT):
            break


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _describe(field: str, problem: str) -> str:
    problem = problem.removeprefix("Value error, ")
    return f"{field}: {problem[:1].lower()}{problem[1:]}" if field else problem
