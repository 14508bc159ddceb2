"""What a soak forgives and what it does not; in milliseconds."""

from __future__ import annotations

import json
import os
import signal
from collections import deque
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.soak.judging import (
    GRACE,
    LEAST_JUDGED,
    Disruption,
    Doubt,
    explanation,
    flatness,
    percentile,
    warm_up_of,
)
from tests.soak.logs import complaints
from tests.soak.memory import memory_of
from tests.soak.mix import KINDS, Mix, Promise, Request, promises_in
from tests.soak.phases import FAULTS, SEQUENCE, seconds_of_a_phase
from tests.soak.processes import catches

KILL = Disruption("kill", at=100.0, until=103.0)
RELOAD = Disruption("reload", at=200.0, until=208.0)


@pytest.mark.parametrize(
    ("status", "since", "ended", "by"),
    [
        # under way when the process was killed
        (500, 99.5, 100.2, KILL),
        (0, 99.5, 100.2, KILL),
        # sent while the server was away for it, and a moment longer
        (0, 101.0, 101.1, KILL),
        (503, 103.0 + GRACE / 2, 104.5, KILL),
        # over before, or begun when all was well again
        (500, 98.0, 99.9, None),
        (0, 98.0, 99.9, None),
        (500, 103.1 + GRACE, 105.0, None),
        (0, 103.1 + GRACE, 105.0, None),
        # a connection that had its last answer before the kill, and was found dead long after it
        (0, 50.0, 120.0, KILL),
        # a reload may close a connection, and answers whatever it answers well
        (0, 199.0, 200.5, RELOAD),
        (500, 199.0, 200.5, None),
        (503, 201.0, 202.0, None),
        (0, 208.1, 209.0, None),
    ],
)
def test_only_what_was_in_flight_at_a_disruption_is_forgiven(
    status: int, since: float, ended: float, by: Disruption | None
) -> None:
    assert explanation(Doubt("POST one", status, since, ended), [RELOAD, KILL]) == by


def test_nothing_is_forgiven_where_nothing_was_killed() -> None:
    assert explanation(Doubt("POST one", 503, 1.0, 2.0), []) is None


def samples(
    growth: float, *, minutes: int = 60, noise: float = 0.0, size: float = 80.0
) -> list[tuple[float, float]]:
    """A process of so many MB that grows by so many an hour, sampled every ten seconds."""
    dice = Random(7)  # noqa: S311
    return [
        (1000.0 + at, size + growth * at / 3600 + dice.uniform(-noise, noise))
        for at in range(0, minutes * 60, 10)
    ]


@pytest.mark.parametrize(
    ("size", "growth", "noise", "flat"),
    [
        (80, 0, 0, True),
        (80, 2, 3, True),
        (80, -20, 1, True),
        (80, 12, 0, False),
        (80, 12, 3, False),
        # a large process: no large share of it, and too much all the same
        (400, 9, 3, True),
        (400, 12, 3, False),
        # a small one: no large growth, and a large share of it
        (20, 8, 0, False),
    ],
)
def test_memory_that_grows_is_not_flat_whatever_the_noise(
    size: float, growth: float, noise: float, flat: bool
) -> None:
    found = flatness(samples(growth, noise=noise, size=size), warm_up_of(3600))
    assert found is not None
    assert found.judged
    assert found.growth == pytest.approx(growth, abs=1.5)
    assert found.is_flat == flat


def test_a_step_shows_between_the_thirds_though_the_line_hides_it() -> None:
    stepped = [(at, 80.0 if at < 1800 else 84.0) for at in range(0, 3600, 10)]
    found = flatness([(float(at), size) for at, size in stepped], 0.0)
    assert found is not None
    assert found.last - found.first == pytest.approx(4.0)
    assert not found.is_flat


def test_growing_while_it_warms_up_is_forgiven_and_a_short_look_is_not_judged() -> None:
    warming = [(float(at), min(80.0 + at, 120.0)) for at in range(0, 3600, 10)]
    found = flatness(warming, 600.0)
    assert found is not None
    assert (found.is_flat, found.growth, found.most) == (True, 0.0, 120.0)
    short = flatness(samples(0, minutes=5), warm_up_of(300))
    assert short is not None
    assert not short.judged
    assert flatness(samples(0, minutes=1), 30.0) is None
    assert flatness([], 0.0) is None
    assert warm_up_of(3600) + LEAST_JUDGED < 3600, "an hour must be judged"


def test_percentiles() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)) == (51, 100, 100)
    assert percentile([], 0.5) == 0


def test_every_complaint_in_a_log_is_found_but_for_our_own_kills(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    killed = "Worker (pid:{}) was sent SIGKILL! Perhaps out of memory?"
    events = [
        {"level": "info", "event": "http_request"},
        {"level": "warning", "event": "http_error"},
        {"level": "error", "event": killed.format(12)},
        {"level": "error", "event": killed.format(13)},
        {"level": "error", "event": "chore_failed", "exception": "Traceback ..."},
        {"event": "no level"},
    ]
    log.write_text("\n".join([*map(json.dumps, events), "Traceback (most recent call last):", ""]))
    found, levels = complaints([log], killed={12})
    assert len(found) == 4
    for line, what in zip(found, ("pid:13", "chore_failed", "no level", "Traceback (most"), strict=True):
        assert line.startswith("web.log: ")
        assert what in line
    assert levels == {"info": 1, "warning": 1, "error": 3, "no level": 2}


def result(**changes: Any) -> dict[str, Any]:
    return {"entry_id": "e", "status": "recorded", "seq": 7, "hash": "h", **changes}


def asked(**changes: Any) -> Request:
    return Request("one", b"{}", frozenset({201}), frozenset({200, 201}), **{"entries": ("e",), **changes})


def test_an_answer_is_a_promise_and_another_answer_for_the_same_entry_is_wrong() -> None:
    promise = Promise("e", 7, "h")
    assert promises_in(asked(), [result()]) == ([promise], [])
    assert promises_in(asked(), [result(status="duplicate")]) == ([promise], [])
    assert promises_in(asked(known=promise), [result(status="duplicate")]) == ([], [])
    for answers in (
        [result(status="invalid", seq=None)],
        [result(entry_id="other")],
        [],
        [result(), result()],
    ):
        promises, wrong = promises_in(asked(), answers)
        assert not promises
        assert wrong
    for changed in (result(seq=8), result(hash="other")):
        assert promises_in(asked(known=promise), [changed])[1]


def test_the_mix_has_every_kind_and_the_same_seed_makes_the_same() -> None:
    def make(seed: int) -> list[Request]:
        mix = Mix(61, [1, 2, 3], deque([({"entry_id": "e", "prompt_tokens": 1}, Promise("e", 1, "h"))]))
        return [mix.request(Random(f"{seed} {number}")) for number in range(2000)]  # noqa: S311

    requests = make(1)
    assert {one.kind for one in requests} == set(KINDS)
    assert requests == make(1)
    assert requests != make(2)
    ids = [entry_id for one in requests for entry_id in one.entries]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("minutes", [1, 3, 60])
def test_every_fault_comes_within_the_load(minutes: int) -> None:
    length = seconds_of_a_phase(minutes * 60)
    assert length * len(SEQUENCE) < minutes * 60
    assert set(FAULTS) < set(SEQUENCE)


def test_whether_a_process_listens_to_a_signal_is_read_from_the_kernel() -> None:
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        assert catches(os.getpid(), signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert not catches(os.getpid(), signal.SIGUSR2)


def test_memory_is_read_from_the_kernel() -> None:
    found = memory_of(os.getpid())
    assert found is not None
    assert found["rss"] >= found["pss"] >= found["uss"] > 1
    assert memory_of(2**22 + 1) is None
