"""An Exchange's book of one account, as the wire shows it: totals and statement, right unless told not to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests
from django.conf import settings

from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from exchange import GENESIS_HASH, statement_hash
from usage.factories import make_entry
from usage.models import LedgerEntry, ReconciliationRun


class TheirBooks:
    """Answers ``GET /usage/summary`` and ``GET /usage/statement`` from ``lines``.

    ``offers_statement``, ``tells_tip`` and ``down`` may be changed at any time; ``meanwhile`` is called
    before each page of the statement is answered, and ``before_totals`` before the totals are.
    """

    def __init__(self, wire: Wire, account: ExchangeAccount) -> None:
        self.account = account
        self.lines: list[dict[str, Any]] = []
        self.offers_statement = True
        self.tells_tip = True
        self.down = False
        self.changed_totals: dict[str, Any] = {}
        self.page = 1000
        self.meanwhile: Callable[[], None] = lambda: None
        self.before_totals: Callable[[], None] = lambda: None
        self.asked = 0
        base = settings.TOKLIGENCE.base_url
        wire.add_callback("GET", f"{base}/usage/summary", callback=self._totals)
        wire.add_callback("GET", f"{base}/usage/statement", callback=self._statement)

    def count(self, entry: LedgerEntry, **changes: Any) -> dict[str, Any]:
        """Count an entry of ours, or something else under its key."""
        report = {
            "service_id": entry.service_id,
            "prompt_tokens": entry.prompt_tokens,
            "completion_tokens": entry.completion_tokens,
            "direction": str(entry.direction),
            "memo": entry.memo,
            "idempotency_key": entry.hash,
        }
        return self.add(**{**report, **changes})

    def add(self, **changes: Any) -> dict[str, Any]:
        """Count anything: 70 prompt and 30 completion tokens, consumed in 2025 without a key."""
        line = {
            "id": len(self.lines) + 1,
            "user_id": self.account.exchange_user_id,
            "service_id": 1,
            "prompt_tokens": 70,
            "completion_tokens": 30,
            "direction": "consume",
            "memo": "",
            "idempotency_key": None,
            "created_at": "2025-01-31T12:00:00.000000Z",
            **changes,
        }
        self.lines.append(self._chained(line, self.lines[-1]["hash"] if self.lines else GENESIS_HASH))
        return self.lines[-1]

    def rewrite(self, position: int, **changes: Any) -> None:
        """Change a line, and every hash from there on, as if it had always been so."""
        self.lines[position] |= changes
        for place in range(position, len(self.lines)):
            before = self.lines[place - 1]["hash"] if place else GENESIS_HASH
            self.lines[place] = self._chained(self.lines[place], before)

    def _chained(self, line: dict[str, Any], prev_hash: str) -> dict[str, Any]:
        return {**line, "prev_hash": prev_hash, "hash": statement_hash(prev_hash, line)}

    def _totals(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        if self.down:
            raise ConnectionRefusedError
        self.before_totals()
        totals = {"consume": 0, "supply": 0}
        for line in self.lines:
            totals[line["direction"]] += line["prompt_tokens"] + line["completion_tokens"]
        summary = {
            "user_id": self.account.exchange_user_id,
            "consumed_tokens": totals["consume"],
            "supplied_tokens": totals["supply"],
            "net_tokens": totals["supply"] - totals["consume"],
        }
        if self.tells_tip:
            tip = self.lines[-1]["hash"] if self.lines else GENESIS_HASH
            summary |= {"ledger_hash": tip, "entry_count": len(self.lines)}
        return 200, {}, json.dumps({"summary": {**summary, **self.changed_totals}})

    def _statement(self, request: Any) -> tuple[int, dict[str, str], str]:
        if not self.offers_statement:
            return 404, {}, json.dumps({"error": "Not found."})
        self.asked += 1
        self.meanwhile()
        after = int(request.params["after_id"])
        left = [line for line in self.lines if line["id"] > after]
        page = left[: min(self.page, int(request.params["limit"]))]
        following = page[-1]["id"] if len(left) > len(page) else None
        return 200, {}, json.dumps({"entries": page, "next_after_id": following})


def delivered(
    account: ExchangeAccount, theirs: TheirBooks, count: int = 1, **draft: Any
) -> list[LedgerEntry]:
    """Entries that both books have."""
    entries = [make_entry(account=account, state="delivered", **draft) for _ in range(count)]
    for entry in entries:
        theirs.count(entry)
    return entries


def found(run: ReconciliationRun) -> dict[str, int]:
    """The kinds of line that there are, and how many."""
    return {kind: count for kind, count in run.lines.items() if count}
