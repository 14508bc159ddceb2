"""How the API refuses: one envelope for every status, rendered in one place.

``{"error": {code, message, field, rules, problems, request_id}}``. ``code`` is for programs and stays as it
is; ``message`` is a sentence for people; ``field`` names what is wrong, if something is; ``rules`` are the
Exchange's, each with its identifier; ``problems`` has every field that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import Field

from accounts.failures import failure_of
from exchange import AmbiguousOutcome, ExchangeError, ExchangeRejected, GatewayError, RateLimited
from exchange.text import clean_text
from exchange.wire_json import dumps

log = structlog.get_logger("gateway.api")
BUSY_FOR = 5
"""Seconds after which a program may ask again where nobody said how long it takes."""


class Problem(Schema):
    """One thing that is wrong, by the name of its field."""

    field: str
    message: str


class BrokenRule(Schema):
    """A rule of the Exchange, by its identifier."""

    id: str
    message: str


class Trouble(Schema):
    """Why a request was refused."""

    code: str = Field(description="For programs; what it says does not change.", examples=["not_found"])
    message: str = Field(description="A sentence for people.")
    field: str | None = Field(None, description="What is wrong with the request, if it is one thing.")
    rules: list[BrokenRule] = Field(default_factory=list, description="The Exchange's rules that it breaks.")
    problems: list[Problem] = Field(default_factory=list, description="Every field that is wrong.")
    request_id: str | None = Field(None, description="As in the header X-Request-ID, and in the site's log.")


class ErrorEnvelope(Schema):
    """The answer of every request that was refused."""

    error: Trouble


class ApiError(Exception):
    """A refusal: its HTTP status, a code for programs, a sentence, and what is wrong."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        rules: Sequence[Mapping[str, str]] = (),
        problems: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field if field or len(problems) != 1 else problems[0][0]
        self.rules = rules
        self.problems = problems or ([(field, message)] if field else [])
        self.headers = dict(headers or {})

    @property
    def document(self) -> dict[str, Any]:
        """The envelope's content, as plain values."""
        return {
            "code": self.code,
            "message": self.message,
            "field": self.field,
            "rules": [{"id": rule["id"], "message": rule.get("message", "")} for rule in self.rules],
            "problems": [{"field": name, "message": text} for name, text in self.problems],
            "request_id": structlog.contextvars.get_contextvars().get("request_id"),
        }


def not_signed_in() -> ApiError:
    """401: nobody is known by what the request brought."""
    text = _("Send an API key (Authorization: Bearer tgk_…), or sign in by auth/login and auth/verify.")
    return ApiError(401, "not_authenticated", text, headers={"WWW-Authenticate": "Bearer"})


def https_needed() -> ApiError:
    """403: what was sent came in clear, where that is not allowed."""
    text = _("Use https. What you sent came in clear: if a key was in it, give the key a new secret.")
    return ApiError(403, "https_needed", text)


def too_many(wait: int) -> ApiError:
    """429: too often; ``wait`` is in seconds."""
    text = _("Too many requests. Wait %(seconds)d seconds, then go on.") % {"seconds": wait}
    return ApiError(429, "too_many_requests", text, headers={"Retry-After": str(wait)})


def respond(error: ApiError, status: int | None = None) -> HttpResponse:
    """The answer to a request that was refused."""
    response = HttpResponse(dumps({"error": error.document}), content_type="application/json; charset=utf-8")
    response.status_code = status or error.status
    for name, value in error.headers.items():
        response[name] = value
    return response


def of_status(status: int) -> ApiError:
    """What to say where something else has refused, and only its status is known."""
    said = {
        400: ("bad_request", _("This cannot be understood as a request.")),
        403: ("forbidden", _("This is not allowed.")),
        404: ("not_found", _("There is nothing here, or it is somebody else's.")),
        405: (
            "method_not_allowed",
            _("This address does not take that method. See the header Allow."),
        ),
        411: ("length_required", _("Say how long the body is: send Content-Length.")),
        413: ("too_large", _("That is more than this address takes. Send less at a time.")),
        503: (
            "busy",
            _("The site's database could not do it now. Send the same again in a moment, with the same ids."),
        ),
    }
    usual = ("server_error", _("Something went wrong here. It is in the site's log, under the request's id."))
    code, message = said.get(status, usual)
    return ApiError(status, code, message)


def of_validation(error: DjangoValidationError, names: Mapping[str, str] | None = None) -> ApiError:
    """422 for what a domain function found wrong; ``names`` are the API's own where they differ."""
    told = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    fields = {(names or {}).get(name, name): " ".join(texts) for name, texts in told.items()}
    return invalid([(name, text) for name, text in fields.items() if name] or [], " ".join(fields.values()))


def invalid(problems: Sequence[tuple[str, str]], message: str = "") -> ApiError:
    """422: understood, and something in it cannot be right."""
    text = message or " ".join(f"{name}: {sentence}" for name, sentence in problems)
    return ApiError(422, "invalid", text, problems=problems)


def of_exchange(error: ExchangeError | GatewayError) -> ApiError:
    """What the Exchange did, or failed to do, with the identifiers of the rules that it named."""
    failure = failure_of(error)
    rules = [{"id": rule.id, "message": rule.message} for rule in failure.rules]
    code, headers = "exchange_unavailable", {}
    match error:
        case GatewayError():
            code = "not_possible_yet"
        case RateLimited() | _ if failure.status == 503:
            headers = {"Retry-After": str(BUSY_FOR)}
        case ExchangeRejected():
            code = "refused_by_rules" if rules else "refused_by_exchange"
        case AmbiguousOutcome():
            code = "outcome_unknown"
    return ApiError(failure.status, code, failure.error, rules=rules, headers=headers)


def install(api: NinjaAPI) -> None:
    """Let every refusal be answered by the envelope. What is a fault of ours is Django's to log."""

    def answer(error: Any) -> ApiError:
        match error:
            case ApiError():
                return error
            case DjangoValidationError():
                return of_validation(error)
            case ValidationError():
                return _of_fields(error)
            case ExchangeError() | GatewayError():
                return of_exchange(error)
            case Http404():
                return of_status(404)
            case HttpError() if isinstance(error.__cause__, ApiError):
                # ninja puts its own words around what the parser said
                return error.__cause__
            case HttpError() if error.status_code != 401:
                return of_status(error.status_code)
        return not_signed_in()

    for kind in (
        ApiError,
        AuthenticationError,
        DjangoValidationError,
        ExchangeError,
        GatewayError,
        Http404,
        HttpError,
        ValidationError,
    ):
        api.add_exception_handler(kind, lambda _request, error: respond(answer(error)))
    api.add_exception_handler(OperationalError, _busy)
    api.add_exception_handler(InterfaceError, _busy)
    # whoever sent it is gone: no fault of ours, and nobody reads the answer
    api.add_exception_handler(UnreadablePostError, lambda _request, _error: respond(of_status(400)))


def _busy(_request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """503: a database that is locked, full or away. Who sends the same again, with its id, is right."""
    log.error("database_unavailable", exc_info=error)
    told = of_status(503)
    told.headers["Retry-After"] = str(BUSY_FOR)
    return respond(told)


def _of_fields(error: ValidationError) -> ApiError:
    if any(one["loc"][0] == "path" for one in error.errors):
        return of_status(404)  # a number that no row can have
    return invalid([(_name_of(one["loc"]), _said(one)) for one in error.errors])


def _name_of(loc: Sequence[Any]) -> str:
    """``budget.limit`` for where pydantic found it: without the body's own name before it."""
    source, *path = loc
    if source == "body" and len(path) > 1:
        path = path[1:]
    # a name that nobody knows comes from who sent it
    return clean_text(".".join(str(step) for step in path), 100) or str(source)


def _said(one: Mapping[str, Any]) -> str:
    # pydantic's words may quote what was sent, without a bound
    return clean_text(str(one["msg"]).removeprefix("Value error, "), 200)
