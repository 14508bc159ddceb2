"""Where what happens now comes from: a request, a command, or the program itself.

A middleware and the commands say it once, so that no domain function has to hand a request on.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import structlog
from django.http import HttpRequest

from accounts.browsers import browser_label
from accounts.models import ApiKey, User
from accounts.models.audit import Source
from accounts.network import network_of
from accounts.session_store import FACTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A request, or a program and the person for whom it acts; without either, the system itself."""

    source: Source = Source.SYSTEM
    request: HttpRequest | None = None
    program: str = ""
    person: User | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an event says of where it came from."""

    source: Source
    actor: User | None = None
    network: str = ""
    agent: str = ""
    session: uuid.UUID | None = None
    api_key: ApiKey | None = None
    request_id: str = ""


_origin: ContextVar[Origin] = ContextVar("audit_origin", default=Origin())  # noqa: B039 - frozen


@contextmanager
def of_request(request: HttpRequest) -> Iterator[None]:
    """Inside the block, what happens comes from this request."""
    with _be(Origin(source=Source.PAGE, request=request)):
        yield


@contextmanager
def of_program(program: str, *, by_itself: bool = False) -> Iterator[None]:
    """Inside the block, what happens comes from this command, or from a worker that runs ``by_itself``."""
    with _be(Origin(source=Source.SYSTEM if by_itself else Source.COMMAND, program=program)):
        yield


def acting_for(person: User) -> None:
    """The command that runs acts for this person, up to its end; or this is who has signed in just now."""
    now = _origin.get()
    if now.source != Source.SYSTEM:
        _origin.set(replace(now, person=person))


def facts(request: HttpRequest | None = None) -> Facts:
    """What there is to say of the origin; ``request`` goes before what the middleware has said."""
    origin = _origin.get()
    request = request or origin.request
    if request is not None:
        return _of(request, origin.person)
    return Facts(source=origin.source, actor=origin.person, agent=origin.program, request_id=_request_id())


@contextmanager
def _be(origin: Origin) -> Iterator[None]:
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def _of(request: HttpRequest, person: User | None) -> Facts:
    source = _source_of(request)
    shared: dict[str, Any] = {
        "source": source,
        "network": network_of(request),
        "agent": browser_label(request),
        "request_id": _request_id(),
    }
    if source == Source.API:
        # accounts.api.callers.Caller, where somebody was let in: a cookie of the pages opens no API
        caller = getattr(request, "auth", None)
        named = getattr(caller, "session", None)
        return Facts(
            **shared,
            actor=getattr(caller, "user", person),
            api_key=getattr(caller, "key", None),
            session=getattr(named, "public_id", None),
        )
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return Facts(**shared, actor=person)
    return Facts(**shared, actor=user, session=_session_of(request))


def _source_of(request: HttpRequest) -> Source:
    spaces = request.resolver_match.namespaces if request.resolver_match else []
    if "admin" in spaces:
        return Source.ADMIN
    return Source.API if "api" in spaces else Source.PAGE


def _session_of(request: HttpRequest) -> uuid.UUID | None:
    told = request.session.get(FACTS)
    return uuid.UUID(told["public_id"]) if told else None


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
