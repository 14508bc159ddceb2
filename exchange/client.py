"""The Exchange's REST operations, one typed method each."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any, Self

from exchange.attempts import Attempts
from exchange.breaker import CircuitBreaker
from exchange.calls import Call, Caller
from exchange.envelopes import (
    ProviderList,
    ServiceEnvelope,
    ServiceList,
)
from exchange.errors import ExchangeRejected, StatementNotOffered
from exchange.outcome import Outcome
from exchange.pool import AdapterPool
from exchange.reading import (
    entity_tag,
    read_body,
    read_listing,
    read_receipt,
    read_statement_page,
    read_summary,
)
from exchange.retry import Operation, RetryPolicy
from exchange.text import header_token
from exchange.types import (
    Account,
    Listing,
    Provider,
    Role,
    Service,
    ServiceDraft,
    StatementEntry,
    UsageReceipt,
    UsageReport,
    UsageSummary,
)
from exchange.urls import normalise_base_url

_MAX_KEY = 64
_MAX_PAGE = 1000
_LONGEST_CALL = 86_400.0
_LONGEST_STATEMENT = 3600.0


class ExchangeClient:
    """Speaks the contract with the Exchange at `base_url`. Safe to share between threads; no login of its
    own.

    Each method takes `deadline`: the seconds that the call has in all, name lookup, retries and pauses
    included (`total_timeout` where not given). Each raises ExchangeError in one of the forms that
    `exchange.errors` lists, and ValueError, before anything is sent, for arguments that the contract cannot
    carry.

    Without `breaker` it has one of its own. `on_outcome` is told about each call, once; `request_id` gives
    the X-Request-ID (a UUID where not given). `ca_bundle` is a file of certificates to trust instead of the
    usual ones. With `calls_at_once` no more than so many calls wait for the Exchange together; one more is
    TooManyCalls within a quarter of a second, so that a slow Exchange cannot take every thread of a server.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connect_timeout: float = 3.0,
        total_timeout: float = 10.0,
        max_response_bytes: int = 32 * 1024 * 1024,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        breaker: CircuitBreaker | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
        request_id: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        ca_bundle: str | None = None,
        calls_at_once: int | None = None,
    ) -> None:
        if not (connect_timeout > 0 and total_timeout > 0 and max_response_bytes > 0):
            raise ValueError("connect_timeout, total_timeout and max_response_bytes must be above zero.")
        self.base_url = normalise_base_url(base_url)
        self.breaker = breaker if breaker is not None else CircuitBreaker(clock=clock)
        self._total_timeout = total_timeout
        self._adapters = AdapterPool(self.base_url, ca_bundle)
        attempts = Attempts(
            self._adapters, self.breaker, retry, connect_timeout, max_response_bytes, clock, sleep
        )
        slots = threading.BoundedSemaphore(calls_at_once) if calls_at_once else None
        self._caller = Caller(self.base_url, attempts, on_outcome, request_id, slots)

    def side_by_side(self) -> Self:
        """The same client, connections and breaker included, for threads that send side by side.

        `calls_at_once` does not count them, and a 429 is theirs to wait for: who waits here tells the others
        nothing, and they go on.
        """
        twin = copy(self)
        attempts = replace(self._caller.attempts, waits_when_limited=False)
        twin._caller = replace(self._caller, attempts=attempts, slots=None)  # noqa: SLF001 - one of us
        return twin

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections; the client can be used again afterwards."""
        self._adapters.close()

    def register_user(
        self,
        email: str,
        roles: Iterable[Role],
        display_name: str = "",
        description: str = "",
        *,
        deadline: float | None = None,
    ) -> Account:
        """Register an account, or get the one that this email already has; more roles are added, none
        removed.
        """
        wanted = list(dict.fromkeys(Role(role) for role in roles))
        if not email or not wanted:
            raise ValueError("Registering takes an email and at least one role.")
        payload: dict[str, object] = {"email": email, "roles": wanted}
        # An empty text would wipe out what an earlier registration said.
        payload |= {
            name: text
            for name, text in (("display_name", display_name), ("description", description))
            if text
        }
        call = Call("register_user", Operation.UPSERT, "POST", "/users", payload=payload)
        return self._caller.run(call, read_body(Account), self._seconds(deadline))

    def list_providers(self, *, deadline: float | None = None) -> list[Provider]:
        """Every provider."""
        return list(self._providers("list_providers", None, deadline).items)

    def list_services(
        self, provider_id: int | None = None, *, deadline: float | None = None
    ) -> list[Service]:
        """Every service offering, or one provider's."""
        return list(self._services("list_services", None, provider_id, deadline).items)

    def fetch_providers(self, etag: str | None = None, *, deadline: float | None = None) -> Listing[Provider]:
        """Every provider; with the tag of an earlier listing, `not_modified` where nothing changed since."""
        return self._providers("fetch_providers", etag, deadline)

    def fetch_services(
        self, etag: str | None = None, provider_id: int | None = None, *, deadline: float | None = None
    ) -> Listing[Service]:
        """Every service, or one provider's; with the tag of an earlier listing, `not_modified` as above."""
        return self._services("fetch_services", etag, provider_id, deadline)

    def publish_service(self, draft: ServiceDraft, *, deadline: float | None = None) -> Service:
        """Publish a service, or update the one that this provider published under this name."""
        payload = draft.model_dump(include=set(ServiceDraft.model_fields))
        call = Call("publish_service", Operation.UPSERT, "POST", "/services", payload=payload)
        read = read_body(ServiceEnvelope)
        return self._caller.run(call, lambda answer: read(answer).service, self._seconds(deadline))

    def report_usage(
        self,
        report: UsageReport,
        *,
        idempotency_key: str | None = None,
        idempotency_proved: bool = False,
        deadline: float | None = None,
    ) -> UsageReceipt:
        """Report tokens consumed or supplied. Any 2xx is a success, whatever its body.

        Raises AmbiguousOutcome where it may or may not have been counted. Only with `idempotency_proved` (an
        earlier receipt of this Exchange said so) and a key is such a report repeated here, under the same
        key.
        """
        if idempotency_key is not None and header_token(idempotency_key, _MAX_KEY) is None:
            raise ValueError(f"An idempotency key is 1 to {_MAX_KEY} printable ASCII characters, no blanks.")
        if idempotency_proved and idempotency_key is None:
            raise ValueError(
                "idempotency_proved needs an idempotency_key: without one a repeat counts twice."
            )
        payload: dict[str, Any] = report.model_dump(
            include=set(UsageReport.model_fields), exclude={"memo"} if not report.memo else None
        )
        call = Call(
            "report_usage",
            Operation.PROVED_REPORT if idempotency_proved else Operation.REPORT,
            "POST",
            "/usage",
            payload=payload,
            headers={"Idempotency-Key": idempotency_key} if idempotency_key else {},
        )
        return self._caller.run(call, read_receipt(idempotency_key), self._seconds(deadline))

    def get_usage_summary(self, user_id: int, *, deadline: float | None = None) -> UsageSummary:
        """One account's totals, in tokens."""
        call = Call("get_usage_summary", Operation.READ, "GET", "/usage/summary", params={"user_id": user_id})
        return self._caller.run(call, read_summary(user_id), self._seconds(deadline))

    def iter_statement(
        self,
        user_id: int,
        after_id: int = 0,
        limit: int = 500,
        *,
        deadline: float | None = None,
        within: float | None = None,
    ) -> Iterator[StatementEntry]:
        """One account's entries after `after_id`, oldest first, fetched in pages of `limit` as they are
        needed.

        The deadline is that of each page; all have come `within` so many seconds (an hour where not given),
        or no more are asked for: a statement may never end. Raises StatementNotOffered where the Exchange has
        no statement, and ExchangeProtocolError where its pages do not advance.
        """
        if not 1 <= limit <= _MAX_PAGE:
            raise ValueError(f"limit must be 1 to {_MAX_PAGE}.")
        total = _LONGEST_STATEMENT if within is None else within
        return self._statement(user_id, after_id, limit, self._seconds(deadline), total)

    def _providers(self, name: str, etag: str | None, deadline: float | None) -> Listing[Provider]:
        read = read_listing(ProviderList, lambda document: document.providers, etag)
        return self._caller.run(_listing_call(name, "/providers", etag, {}), read, self._seconds(deadline))

    def _services(
        self, name: str, etag: str | None, provider_id: int | None, deadline: float | None
    ) -> Listing[Service]:
        params = {} if provider_id is None else {"provider_id": provider_id}
        read = read_listing(ServiceList, lambda document: document.services, etag)
        return self._caller.run(_listing_call(name, "/services", etag, params), read, self._seconds(deadline))

    def _statement(
        self, user_id: int, after_id: int, limit: int, seconds: float, total: float
    ) -> Iterator[StatementEntry]:
        position: int | None = after_id
        clock = self._caller.attempts.clock
        ends_at = clock() + total
        while position is not None:
            params = {"user_id": user_id, "after_id": position, "limit": limit}
            call = Call(
                "iter_statement",
                Operation.READ,
                "GET",
                "/usage/statement",
                params=params,
                # Once a page has come, a statement is offered, and 404 says something else.
                not_found=StatementNotOffered if position == after_id else ExchangeRejected,
            )
            left = min(seconds, max(ends_at - clock(), 0.0))
            page = self._caller.run(call, read_statement_page(position), left)
            yield from page.entries
            position = page.next_after_id

    def _seconds(self, deadline: float | None) -> float:
        # Sockets cannot wait for ever: infinity would overflow their timeout.
        return min(self._total_timeout if deadline is None else deadline, _LONGEST_CALL)


def _listing_call(name: str, path: str, etag: str | None, params: dict[str, int]) -> Call:
    tag = entity_tag(etag)
    headers = {"If-None-Match": tag} if tag else {}
    return Call(name, Operation.READ, "GET", path, params=params, headers=headers, conditional=bool(tag))
