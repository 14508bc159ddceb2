"""Those who record at the same instant share a transaction, and none of them notices."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from threading import Event, Lock
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.factories import make_account, make_api_key
from accounts.models import ExchangeAccount
from usage import ledger
from usage.factories import make_draft
from usage.ledger import Draft, Result
from usage.models import LedgerEntry
from usage.tests.books import found
from usage.tests.test_delivery_at_once import at_once
from usage.writing import together
from usage.writing.appending import Writer
from usage.writing.turns import turn

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 30
HOLD = """
import fcntl, os, sys, time
fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
print("mine", flush=True)
time.sleep(600)
"""


class Door:
    """Holds up the first transaction until everybody else waits behind it; counts those that were begun."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.sizes: list[int] = []
        self.fail: Callable[[Sequence[Any]], bool] = lambda _judged: False
        self._append, self._lock, self._open = Writer.append, Lock(), Event()

    def append(self, writer: Writer, judged: Sequence[Draft | Result]) -> list[Result]:
        with self._lock:
            first = not self.sizes
            self.sizes.append(len(judged))
        if first:
            assert self._open.wait(LIMIT)
        if self.fail(judged):
            raise RuntimeError("not this one")
        return self._append(writer, judged)

    def watch(self) -> None:
        """Open it when everybody is there."""
        while sum(len(desk.waiting) for desk in together._desks.values()) < self.waiting:
            Event().wait(0.01)
        self._open.set()


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Door]]:
    def hung(waiting: int) -> Door:
        made = Door(waiting)
        monkeypatch.setattr(Writer, "append", lambda *words: made.append(*words))
        return made

    together._desks.clear()
    yield hung
    together._desks.clear()


def record_each(account: ExchangeAccount, drafts: Sequence[Sequence[Draft]], door: Door) -> list[Any]:
    """Each of these by a thread of its own, at once; what each was answered, an error included."""
    key = make_api_key(user=account.user)
    answers: list[Any] = [None] * len(drafts)

    def work(place: int) -> None:
        try:
            answers[place] = ledger.record(account, drafts[place], source="api", api_key=key)
        except RuntimeError as error:
            answers[place] = error

    at_once(door.watch, *[lambda place=place: work(place) for place in range(len(drafts))])
    return answers


def test_who_waits_is_written_with_the_next_and_hears_of_its_own(
    account: ExchangeAccount, door: Callable[[int], Door]
) -> None:
    sizes = [1, 1, 3, 1, 2, 1]
    drafts = [
        [make_draft(entry_id=uuid.uuid4(), prompt_tokens=place, memo=f"{place}/{n}") for n in range(size)]
        for place, size in enumerate(sizes)
    ]
    watched = door(len(sizes) - 1)
    answers = record_each(account, drafts, watched)
    assert len(watched.sizes) == 2
    assert sum(watched.sizes) == sum(sizes)
    for told, results in zip(drafts, answers, strict=True):
        assert [one.status for one in results] == ["recorded"] * len(told)
        assert [(one.entry_id, one.entry.memo) for one in results] == [
            (one.entry_id, one.memo) for one in told
        ]
        seqs = [one.seq for one in results]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert LedgerEntry.objects.count() == sum(sizes)
    assert found(account).ok


def test_the_same_id_in_one_transaction_is_recorded_once(
    account: ExchangeAccount, door: Callable[[int], Door]
) -> None:
    ids = [uuid.uuid4() for _ in range(2)]
    drafts = [[make_draft(entry_id=ids[place % 2])] for place in range(6)]
    answers = record_each(account, drafts, door(5))
    for one in (0, 1):
        results = [answers[place][0] for place in range(one, 6, 2)]
        assert sorted(result.status for result in results) == ["duplicate", "duplicate", "recorded"]
        assert len({result.entry.hash for result in results}) == 1
    assert LedgerEntry.objects.count() == 2


def test_what_one_has_wrong_is_nobody_elses_trouble(
    account: ExchangeAccount, door: Callable[[int], Door]
) -> None:
    drafts = [[make_draft(memo="bad" if place == 2 else f"good {place}")] for place in range(5)]
    watched = door(4)
    watched.fail = lambda judged: any(one.memo == "bad" for one in judged)
    answers = record_each(account, drafts, watched)
    assert [isinstance(answer, RuntimeError) for answer in answers] == [False, False, True, False, False]
    assert sorted(LedgerEntry.objects.values_list("memo", flat=True)) == [f"good {n}" for n in (0, 1, 3, 4)]
    assert found(account).ok
    assert not any(desk.waiting for desk in together._desks.values())


def test_an_invalid_one_among_them_says_so_to_its_sender_alone(
    account: ExchangeAccount, door: Callable[[int], Door]
) -> None:
    drafts = [[make_draft(prompt_tokens=-1 if place == 1 else 5)] for place in range(4)]
    answers = record_each(account, drafts, door(3))
    assert [one[0].status for one in answers] == ["recorded", "invalid", "recorded", "recorded"]


def test_no_transaction_is_larger_than_the_largest_batch(
    account: ExchangeAccount, door: Callable[[int], Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "MOST", 5)
    watched = door(5)
    record_each(account, [[make_draft()] * 2] * 6, watched)
    assert max(watched.sizes) <= 4
    assert LedgerEntry.objects.count() == 12
    assert found(account).ok


def test_books_keys_and_sources_are_kept_apart(account: ExchangeAccount, door: Callable[[int], Door]) -> None:
    other = make_account()
    keys = [make_api_key(user=account.user), None]
    watched = door(0)
    watched.watch()
    works = [(account, key, source) for key in keys for source in ("api", "litellm")] + [(other, None, "api")]
    at_once(
        *[
            lambda whose=whose, key=key, source=source: ledger.record(
                whose, [make_draft()], source=source, api_key=key
            )
            for whose, key, source in works * 3
        ]
    )
    for whose, key, source in works:
        assert LedgerEntry.objects.filter(account=whose, api_key=key, source=source).count() == 3
    assert found(account).ok
    assert found(other).ok


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite's writers take turns")
def test_a_turn_ends_with_the_process_that_had_it(account: ExchangeAccount) -> None:
    place = f"{connection.settings_dict['NAME']}-turn"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD,
            place,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "mine\n"
        recorded: list[Any] = []

        def work() -> None:
            recorded.extend(ledger.record(account, [make_draft()], source="page"))

        def kill() -> None:
            Event().wait(0.3)
            assert recorded == []
            holder.kill()

        at_once(work, kill)
    assert [one.status for one in recorded] == ["recorded"]
    began = timezone.now()
    with turn():
        pass
    assert (timezone.now() - began).total_seconds() < LIMIT
