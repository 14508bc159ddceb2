"""Rounds of kills: what was promised before them, and whether the books keep it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from tests.exchange_process import ExchangeProcess
from tests.faults.market import statement_of
from tests.faults.site import Job, Trader

ROUNDS = pytest.mark.parametrize("rounds", [10, pytest.param(200, marks=pytest.mark.long)])


def kill(victims: Sequence[Job], dice: Random, *, longest: float = 0.1) -> list[int]:
    """Kill them one by one, each within ``longest`` seconds of its start or its work; their exit codes."""
    for victim in dice.sample(victims, len(victims)):
        if dice.random() < 0.8:
            victim.wait_until_it_speaks()
        time.sleep(dice.uniform(0.0, longest))
        victim.kill()
    codes = [victim.wait() for victim in victims]
    assert set(codes) <= {0, -9}, [victim.errors() for victim in victims]
    return codes


@dataclass
class Promises:
    """What recorders tried, and what they were answered: the place and the hash of each entry."""

    tried: set[str] = field(default_factory=set)
    answered: dict[str, tuple[int, str]] = field(default_factory=dict)

    def hear(self, recorder: Job) -> None:
        """Take down what this one printed. Raises AssertionError where one id was answered in two ways."""
        for word, *told in recorder.lines():
            match word, told:
                case "begun", _:
                    pass
                case "try", [entry_id]:
                    self.tried.add(entry_id)
                case "recorded" | "duplicate", [entry_id, seq, digest]:
                    promised = (int(seq), digest)
                    assert self.answered.setdefault(entry_id, promised) == promised
                case _:
                    raise AssertionError(f"{word} {told}")

    @property
    def unanswered(self) -> list[str]:
        """Begun when the kill came: recorded or not, the client cannot know, and sends it again."""
        return sorted(self.tried - self.answered.keys())


def record(trader: Trader, number: int) -> Promises:
    """So many new entries, recorded in peace."""
    promises = Promises()
    promises.hear(trader.site.run("record", service_id=trader.service_id, batch=number, batches=1))
    return promises


def check_books(trader: Trader, promises: Promises) -> list[dict[str, Any]]:
    """Every entry that was answered is there once, as it was answered; nothing else; all in order."""
    audit = trader.site.document("audit")
    assert audit["problems"] == []
    entries: list[dict[str, Any]] = audit["entries"]
    assert all(entry["priced"] for entry in entries)
    there = [(entry["entry_id"], (entry["seq"], entry["hash"])) for entry in entries]
    assert sorted(there) == sorted(promises.answered.items())
    return entries


def check_verified(trader: Trader) -> None:
    """``verify_ledger`` finds nothing wrong, with the head log and the Exchange's statement in hand."""
    found = trader.site.document("verify")
    assert found["problems"] == []
    assert found["ok"]


def check_counted_once(exchange: ExchangeProcess, trader: Trader, entries: Iterable[dict[str, Any]]) -> None:
    """The Exchange has counted each of these once, as it stands here, and nothing else."""
    counted = Counter(
        (line.memo, line.direction, line.prompt_tokens, line.completion_tokens)
        for line in statement_of(exchange, trader.user_id)
    )
    assert counted == Counter(
        (one["memo"], one["direction"], one["prompt_tokens"], one["completion_tokens"]) for one in entries
    )
