"""The Exchange's side of usage reports, for tests: what it answers to each, and what it was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Barrier, BrokenBarrierError
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.models import Exchange, ExchangeAccount
from catalog.tests.wire import Wire
from usage.models import Delivery, DeliveryAttempt, DeliveryTally, LedgerEntry

HASH = "ab" * 32


class Counting:
    """An Exchange that counts reports, by ``POST /usage``; ``keys`` are those that came, in their order.

    ``proves``: it reads idempotency keys. ``before`` is called with each report's body and key, and may give
    another answer (status, document) or an exception that the connection ends in.
    """

    def __init__(self, wire: Wire, *, proves: bool = True, totals: bool = True) -> None:
        self.proves = proves
        self.keys: list[str] = []
        self.counted: list[dict[str, Any]] = []
        self.before: Callable[[dict[str, Any], str], Any] = lambda _body, _key: None
        if totals:
            wire.totals({"summary": {"consumed_tokens": 0, "supplied_tokens": 0, "net_tokens": 0}})
        wire.add_callback("POST", f"{settings.TOKLIGENCE.base_url}/usage", callback=self._answer)

    def _answer(self, request: Any) -> tuple[int, dict[str, str], str] | Exception:
        body, key = json.loads(request.body), request.headers["Idempotency-Key"]
        self.keys.append(key)
        said = self.before(body, key)
        if isinstance(said, Exception):
            raise said
        if said is not None:
            status, document, *headers = said
            text = document if isinstance(document, str) else json.dumps(document)
            return status, headers[0] if headers else {}, text
        return self._count(body, key)

    def _count(self, body: dict[str, Any], key: str) -> tuple[int, dict[str, str], str]:
        if not self.proves:
            self.counted.append(body)
            return 201, {}, ""
        for line in self.counted:
            if line["idempotency_key"] == key:
                return 200, {}, json.dumps({"entry": line})
        line = line_of(len(self.counted) + 1, body, key)
        self.counted.append(line)
        return 201, {}, json.dumps({"entry": line})


def line_of(number: int, body: dict[str, Any], key: str | None) -> dict[str, Any]:
    """A line of the Exchange's statement."""
    return {
        **body,
        "id": number,
        "idempotency_key": key,
        "created_at": "2026-11-23T12:00:00Z",
        "prev_hash": HASH,
        "hash": HASH,
    }


def prove(account: ExchangeAccount) -> Exchange:
    """The account's Exchange has proved that it counts a repeated key once."""
    Exchange.objects.filter(pk=account.exchange_id).update(idempotency_proved_at=timezone.now())
    account.exchange.refresh_from_db()
    return account.exchange


def delivery_of(entry: LedgerEntry) -> Delivery:
    return Delivery.objects.get(pk=entry.pk)


def state_of(entry: LedgerEntry) -> str:
    return delivery_of(entry).state


def attempts_of(entry: LedgerEntry) -> list[tuple[int, str]]:
    """The number and outcome of every attempt."""
    return list(DeliveryAttempt.objects.filter(delivery_id=entry.pk).values_list("number", "outcome"))


def tallies_are_right() -> bool:
    """Whether every tally says what the deliveries add up to."""
    counted: dict[tuple[int, str, str], list[int]] = {}
    for row in Delivery.objects.select_related("entry"):
        entry = row.entry
        sums = counted.setdefault((row.account_id, row.state, entry.direction), [0, 0, 0])
        for place, number in enumerate((1, entry.total_tokens, entry.cost_nanos or 0)):
            sums[place] += number
    kept = {
        (row.account_id, row.state, row.direction): [row.entries, row.tokens, row.cost_nanos]
        for row in DeliveryTally.objects.all()
        if row.entries or row.tokens or row.cost_nanos
    }
    return kept == counted


class Meeting:
    """Reports that answer only when ``number`` of them are under way together."""

    def __init__(self, number: int, *, patience: float = 30.0) -> None:
        self._barrier, self._patience = Barrier(number), patience
        self._met: list[int] = []

    @property
    def met(self) -> int:
        """How often they came together."""
        return self._met.count(0)

    def __call__(self, _body: dict[str, Any], _key: str) -> None:
        try:
            self._met.append(self._barrier.wait(self._patience))
        except BrokenBarrierError:
            return
