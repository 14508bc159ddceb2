"""What clients send, and what they must be answered: mostly one entry, now and then something else."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

KINDS = {"one": 0.88, "batch": 0.05, "duplicate": 0.04, "conflict": 0.015, "invalid": 0.015}
"""Shares of requests. A duplicate is an entry told again; a conflict is its id with another content."""
LARGEST_BATCH = 20
REMEMBERED = 2000
INVALID: Sequence[tuple[int, bytes]] = (
    (400, b'{"entry_id": '),
    (422, b'{"service_id": 1, "prompt_tokens": -5, "completion_tokens": 0, "direction": "consume"}'),
    (422, b'{"service_id": 1, "prompt_tokens": 5, "completion_tokens": 0, "direction": "sideways"}'),
    (422, b'{"entries": []}'),
)


@dataclass(frozen=True, slots=True)
class Promise:
    """An entry that was answered for: its place and its hash."""

    entry_id: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Request:
    """One POST, and the statuses that are right for it the first time, and when it is told again."""

    kind: str
    body: bytes
    first: frozenset[int]
    again: frozenset[int]
    entries: tuple[str, ...] = ()
    known: Promise | None = None
    remember: dict[str, Any] | None = None


@dataclass
class Mix:
    """Makes requests. Own services are supplied, too; what was answered for lately is told again."""

    own_service: int
    services: Sequence[int]
    answered: deque[tuple[dict[str, Any], Promise]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def request(self, dice: Random) -> Request:
        """The next one."""
        (kind,) = dice.choices(list(KINDS), list(KINDS.values()))
        if kind in ("duplicate", "conflict") and not self.answered:
            kind = "one"
        match kind:
            case "batch":
                entries = [self._entry(dice) for _ in range(dice.randint(2, LARGEST_BATCH))]
                ids = tuple(str(entry["entry_id"]) for entry in entries)
                return _request("batch", {"entries": entries}, (200,), (200,), entries=ids)
            case "duplicate":
                entry, promise = dice.choice(self.answered)
                return _request("duplicate", entry, (200,), (200,), known=promise)
            case "conflict":
                entry, _promise = dice.choice(self.answered)
                changed = entry | {"prompt_tokens": entry["prompt_tokens"] + 1}
                return _request("conflict", changed, (409,), (409,))
            case "invalid":
                status, body = dice.choice(INVALID)
                return Request("invalid", body, frozenset({status}), frozenset({status}))
        entry = self._entry(dice)
        return _request("one", entry, (201,), (200, 201), entries=(str(entry["entry_id"]),), remember=entry)

    def _entry(self, dice: Random) -> dict[str, Any]:
        own = dice.random() < 0.5
        entry_id = UUID(int=dice.getrandbits(128), version=4)
        return {
            "entry_id": str(entry_id),
            "service_id": self.own_service if own else dice.choice(self.services),
            "prompt_tokens": dice.randint(1, 4000),
            "completion_tokens": dice.randint(0, 2000),
            "direction": "supply" if own and dice.random() < 0.5 else "consume",
            "memo": f"agent {dice.randint(1, 40)} step {dice.randint(1, 9999)}",
        }


def promises_in(request: Request, results: Sequence[dict[str, Any]]) -> tuple[list[Promise], list[str]]:
    """What an answer of 200 or 201 promises, and what is wrong with it."""
    if request.known:
        (one,) = results
        told = Promise(one["entry_id"], one["seq"], one["hash"])
        return [], [] if told == request.known else [f"told again it is {told}, and was {request.known}"]
    wrong = [f"{one}" for one in results if one["status"] not in ("recorded", "duplicate")]
    ids = tuple(one["entry_id"] for one in results)
    if ids != request.entries:
        wrong.append(f"answered for {ids}, asked for {request.entries}")
    return ([] if wrong else [Promise(one["entry_id"], one["seq"], one["hash"]) for one in results]), wrong


def _request(
    kind: str, body: dict[str, Any], first: Sequence[int], again: Sequence[int], **more: Any
) -> Request:
    return Request(kind, json.dumps(body).encode(), frozenset(first), frozenset(again), **more)
