"""One call of a client's method: the request made, settled, read, and the listener told."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

import requests

from exchange.attempts import Attempts
from exchange.deadlines import Deadline
from exchange.errors import ExchangeError, ExchangeRejected
from exchange.outcome import Outcome, tell
from exchange.retry import Meaning, Operation
from exchange.sentences import Sentence, gettext_noop
from exchange.text import header_token
from exchange.transport import Answer
from exchange.verdicts import CallFacts, error_for, protocol_error, too_many_calls
from exchange.wire_json import WireError, dumps

Result = TypeVar("Result")
_SLOT_WAIT = 0.25  # seconds: longer than a healthy Exchange needs, too short to be noticed
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "tokligence-gateway",
}


@dataclass(frozen=True)
class Call:
    """What to send.

    `name` is the client's method; `conditional` says that a 304 was asked for, `not_found` what a 404 means.
    """

    name: str
    operation: Operation
    method: str
    path: str
    params: Mapping[str, int] = field(default_factory=dict)
    payload: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    conditional: bool = False
    not_found: type[ExchangeRejected] = ExchangeRejected


@dataclass(frozen=True)
class Caller:
    """Runs the calls of one client."""

    base_url: str
    attempts: Attempts
    on_outcome: Callable[[Outcome], None] | None = None
    request_id: Callable[[], str] | None = None
    slots: threading.BoundedSemaphore | None = None

    def run(self, call: Call, read: Callable[[Answer], Result], seconds: float) -> Result:
        """What `read` makes of the answer, within so many seconds; raises ExchangeError. Tells the listener,
        once.
        """
        clock = self.attempts.clock
        request, facts = self._prepare(call)
        started = clock()
        try:
            deadline = Deadline.after(seconds, clock)
            with self._slot(facts, seconds):
                result = self._settle(call, facts, request, read, deadline)
        except ExchangeError as error:
            tell(self.on_outcome, call.name, error, (clock() - started) * 1000)
            raise
        tell(self.on_outcome, call.name, None, (clock() - started) * 1000)
        return result

    @contextmanager
    def _slot(self, facts: CallFacts, seconds: float) -> Iterator[None]:
        """A place among the calls under way: a slow server must not take every thread of its caller."""
        if self.slots is None:
            yield
            return
        if not self.slots.acquire(timeout=min(_SLOT_WAIT, seconds)):
            raise too_many_calls(facts)
        try:
            yield
        finally:
            self.slots.release()

    def _settle(
        self,
        call: Call,
        facts: CallFacts,
        request: requests.PreparedRequest,
        read: Callable[[Answer], Result],
        deadline: Deadline,
    ) -> Result:
        verdict, attempts = self.attempts.settle(facts, request, deadline)
        if verdict.meaning is Meaning.UNCHANGED and not call.conditional:
            raise error_for(facts, replace(verdict, meaning=Meaning.MISFIT), attempts)
        if not isinstance(verdict.result, Answer):
            raise error_for(facts, verdict, attempts)
        try:
            return read(verdict.result)
        except WireError as error:
            problem = Sentence(gettext_noop("its answer does not fit: %(what)s"), what=str(error))
            raise protocol_error(facts, verdict, attempts, problem) from None

    def _prepare(self, call: Call) -> tuple[requests.PreparedRequest, CallFacts]:
        request_id = self._request_id()
        headers = {**_HEADERS, **call.headers, "X-Request-ID": request_id}
        if call.payload is not None:
            headers["Content-Type"] = "application/json"
        if call.operation is Operation.REPORT:
            headers["Connection"] = "close"
        request = requests.Request(
            call.method,
            self.base_url + call.path,
            params=call.params,
            data=dumps(call.payload) if call.payload is not None else None,
            headers=headers,
        ).prepare()
        url = request.url or ""
        return request, CallFacts(self.base_url, call.operation, call.method, url, request_id, call.not_found)

    def _request_id(self) -> str:
        given = self.request_id() if self.request_id is not None else None
        # One that could not stand in a header, or could forge a log line, is replaced.
        return header_token(given, 128) or str(uuid.uuid4())
