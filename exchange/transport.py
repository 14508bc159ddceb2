"""One attempt: a request goes out, and what comes back is an answer or the reason why there is none."""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from exchange.deadlines import AttemptScope, attempt_scope
from exchange.retry import Failure
from exchange.sentences import Sentence, gettext_noop

_CHUNK = 65_536
# The words of a refusal; more than this is no message to anyone.
_MAX_ERROR_BYTES = 262_144

_TRANSPORT_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
)
_NEVER_CONNECTED = (
    requests.ConnectTimeout,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    socket.gaierror,
    ConnectionRefusedError,
)
_NOT_HTTP = (
    http.client.BadStatusLine,
    http.client.LineTooLong,
    http.client.UnknownProtocol,
    urllib3.exceptions.InvalidChunkLength,
    urllib3.exceptions.DecodeError,
    urllib3.exceptions.InvalidHeader,
    urllib3.exceptions.HeaderParsingError,
)


@dataclass(frozen=True)
class Answer:
    """A status came. `body` is None where it could not be read, and `trouble` says why."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    trouble: Failure | None = None


@dataclass(frozen=True)
class NoAnswer:
    """No status came; `reason` is for a person."""

    failure: Failure
    reason: str


class _TooLarge(Exception):  # noqa: N818
    pass


def send_once(
    adapter: HTTPAdapter, request: requests.PreparedRequest, scope: AttemptScope, max_bytes: int
) -> Answer | NoAnswer:
    """Send the request once and read the whole answer, within the scope's deadline."""
    with attempt_scope(scope):
        remaining = scope.deadline.remaining()
        try:
            response = adapter.send(request, stream=True, timeout=(remaining, remaining))
        except _TRANSPORT_ERRORS as error:
            return _no_answer(error, scope)
        try:
            return _read(response, scope, max_bytes)
        finally:
            # Half-read, the connection cannot be used again: closing it is the only way out of an endless
            # body.
            response.close()


def _read(response: requests.Response, scope: AttemptScope, max_bytes: int) -> Answer:
    status, headers = response.status_code, response.headers
    limit = max_bytes if status < 400 else min(max_bytes, _MAX_ERROR_BYTES)
    try:
        body = b"".join(_chunks(response, scope, limit))
    except _TooLarge:
        return Answer(status, headers, None, Failure.TOO_LARGE)
    except _TRANSPORT_ERRORS as error:
        return Answer(status, headers, None, _failure(error, scope))
    return Answer(status, headers, body)


def _chunks(response: requests.Response, scope: AttemptScope, limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in response.iter_content(_CHUNK):
        # The size counts what was unpacked: a small gzip can hold gigabytes.
        size += len(chunk)
        if size > limit:
            raise _TooLarge
        if scope.deadline.remaining() <= 0:
            raise TimeoutError("the call's deadline has passed")
        yield chunk


def _no_answer(error: Exception, scope: AttemptScope) -> NoAnswer:
    chain = tuple(_chain(error))
    if scope.connect_failed or any(isinstance(link, _NEVER_CONNECTED) for link in chain):
        timed_out = any(isinstance(link, TimeoutError | requests.ConnectTimeout) for link in chain)
        failure = Failure.CONNECT_TIMEOUT if timed_out else Failure.NO_CONNECTION
        return NoAnswer(failure, _connect_reason(chain, timed_out=timed_out))
    failure = _failure(error, scope)
    return NoAnswer(failure, str(failure))


def _failure(error: Exception, scope: AttemptScope) -> Failure:
    if scope.deadline.remaining() <= 0:
        return Failure.DEADLINE
    chain = tuple(_chain(error))
    # A connection closed without a word is counted among bad status lines by http.client.
    if any(isinstance(link, http.client.RemoteDisconnected) for link in chain):
        return Failure.LOST
    if any(isinstance(link, _NOT_HTTP) or _is_header_flood(link) for link in chain):
        return Failure.GARBLED
    return Failure.LOST


def _is_header_flood(error: BaseException) -> bool:
    # http.client raises the bare class for more than a hundred headers.
    return type(error) is http.client.HTTPException


def _connect_reason(chain: tuple[BaseException, ...], *, timed_out: bool) -> str:
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return Sentence(gettext_noop("its certificate is not trusted: %(why)s"), why=link.verify_message)
        if isinstance(link, ssl.SSLError):
            return Sentence(gettext_noop("the secure connection could not be set up"))
        if isinstance(link, socket.gaierror):
            return Sentence(gettext_noop("unknown host name"))
        if isinstance(link, ConnectionRefusedError):
            return Sentence(gettext_noop("connection refused"))
    if timed_out:
        return Sentence(gettext_noop("connecting timed out"))
    errors = (link.strerror for link in chain if isinstance(link, OSError) and link.strerror)
    return next(errors, "").lower() or Sentence(gettext_noop("no connection could be made"))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that it wraps, be it as cause, context, argument or `reason`."""
    pending, seen = [error], set[int]()
    while pending and len(seen) < 50:
        link = pending.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapped = (link.__cause__, link.__context__, getattr(link, "reason", None), *link.args)
        pending += [item for item in wrapped if isinstance(item, BaseException)]
