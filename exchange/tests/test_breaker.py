import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from exchange import BreakerOpen, BreakerState, CircuitBreaker
from exchange.tests.examples import FakeTime


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with breaker.enter() as permit:
            permit.failed()


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def breaker(time: FakeTime) -> CircuitBreaker:
    return CircuitBreaker(failure_threshold=3, cooldown=10, probe_lease=60, clock=time.clock)


def test_it_opens_after_so_many_failures_in_a_row(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    assert breaker.state is BreakerState.CLOSED
    fail(breaker)
    assert breaker.state is BreakerState.OPEN
    with pytest.raises(BreakerOpen) as caught:
        breaker.enter()
    assert caught.value.retry_in == breaker.retry_in == 10


def test_what_fails_together_is_one_failure(breaker: CircuitBreaker) -> None:
    for number in range(1, 4):
        together = [breaker.enter() for _ in range(8)]
        for permit in together:
            permit.failed()
        assert (breaker.state is BreakerState.OPEN) == (number == 3)


def test_one_that_began_before_a_failure_and_fails_after_a_success_is_no_news(
    breaker: CircuitBreaker,
) -> None:
    fail(breaker, 1)
    slow = breaker.enter()
    fail(breaker, 1)
    with breaker.enter() as permit:
        permit.succeeded()
    slow.failed()
    fail(breaker, 2)
    assert breaker.state is BreakerState.CLOSED


def test_a_success_begins_the_count_anew(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    with breaker.enter() as permit:
        permit.succeeded()
    fail(breaker, 2)
    assert breaker.state is BreakerState.CLOSED


def test_a_call_that_says_nothing_does_not_count(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    with pytest.raises(KeyboardInterrupt), breaker.enter():
        raise KeyboardInterrupt
    assert breaker.state is BreakerState.CLOSED
    fail(breaker)
    assert breaker.state is BreakerState.OPEN


def test_after_the_cooldown_one_probe_goes_through_and_closes_it(
    breaker: CircuitBreaker, time: FakeTime
) -> None:
    fail(breaker, 3)
    time.now += 9.9
    assert breaker.retry_in == pytest.approx(0.1)
    time.now += 0.1
    assert (breaker.state, breaker.retry_in) == (BreakerState.HALF_OPEN, 0)
    with breaker.enter() as probe:
        with pytest.raises(BreakerOpen) as caught:
            breaker.enter()
        assert caught.value.retry_in == 0
        probe.succeeded()
    assert breaker.state is BreakerState.CLOSED
    fail(breaker, 2)
    assert breaker.state is BreakerState.CLOSED


def test_a_probe_that_fails_opens_it_for_another_cooldown(breaker: CircuitBreaker, time: FakeTime) -> None:
    fail(breaker, 3)
    time.now += 10
    fail(breaker)
    assert (breaker.state, breaker.retry_in) == (BreakerState.OPEN, 10)


@pytest.mark.parametrize("death", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_probe_that_dies_leaves_its_place_to_another(
    breaker: CircuitBreaker, time: FakeTime, death: type[BaseException]
) -> None:
    fail(breaker, 3)
    time.now += 10
    with pytest.raises(death), breaker.enter():
        raise death
    assert breaker.state is BreakerState.HALF_OPEN
    with breaker.enter() as probe:
        probe.succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_a_probe_that_is_never_heard_of_again_loses_its_place(
    breaker: CircuitBreaker, time: FakeTime
) -> None:
    fail(breaker, 3)
    time.now += 10
    lost = breaker.enter()
    time.now += 59
    with pytest.raises(BreakerOpen):
        breaker.enter()
    time.now += 1
    second = breaker.enter()
    lost.succeeded()
    assert breaker.state is BreakerState.HALF_OPEN
    second.failed()
    assert breaker.state is BreakerState.OPEN


def test_calls_from_before_the_opening_say_nothing_about_now(breaker: CircuitBreaker, time: FakeTime) -> None:
    slow = [breaker.enter() for _ in range(4)]
    fail(breaker, 3)
    time.now += 5
    slow[0].failed()
    assert breaker.retry_in == 5
    slow[1].succeeded()
    assert breaker.state is BreakerState.OPEN
    time.now += 5
    with breaker.enter() as probe:
        probe.succeeded()
    fail(breaker, 2)
    slow[2].failed()
    assert breaker.state is BreakerState.CLOSED


def test_of_many_threads_exactly_one_is_the_probe(breaker: CircuitBreaker, time: FakeTime) -> None:
    fail(breaker, 3)
    time.now += 10
    barrier, all_tried = threading.Barrier(32), threading.Barrier(32)

    def knock() -> str:
        barrier.wait(timeout=30)
        try:
            permit = breaker.enter()
        except BreakerOpen:
            all_tried.wait(timeout=30)
            return "refused"
        with permit:
            # The probe is under way until everybody has tried.
            all_tried.wait(timeout=30)
            permit.succeeded()
        return "probe"

    with ThreadPoolExecutor(32) as threads:
        results = list(threads.map(lambda _: knock(), range(32)))
    assert (results.count("probe"), results.count("refused")) == (1, 31)
    assert breaker.state is BreakerState.CLOSED


def test_no_lock_is_held_during_a_call(breaker: CircuitBreaker) -> None:
    both_inside = threading.Barrier(2)

    def call() -> None:
        with breaker.enter() as permit:
            both_inside.wait(timeout=30)
            permit.succeeded()

    with ThreadPoolExecutor(2) as threads:
        for future in [threads.submit(call), threads.submit(call)]:
            future.result(timeout=30)
    assert not both_inside.broken


def test_failures_of_many_threads_are_all_counted(time: FakeTime) -> None:
    breaker = CircuitBreaker(failure_threshold=3200, clock=time.clock)
    with ThreadPoolExecutor(32) as threads:
        list(threads.map(lambda _: fail(breaker, 100), range(31)))
    fail(breaker, 99)
    assert breaker.state is BreakerState.CLOSED
    fail(breaker)
    assert breaker.state is BreakerState.OPEN


@pytest.mark.parametrize("values", [{"failure_threshold": 0}, {"cooldown": -1}, {"probe_lease": 0}])
def test_a_senseless_breaker_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="breaker needs"):
        CircuitBreaker(**values)  # type: ignore[arg-type]
