"""While Redis is away each process keeps for itself; nobody is refused or waits, the log says so once."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
import redis
import time_machine
from structlog.testing import capture_logs

from gateway_site import cache as caches
from gateway_site.cache import RedisCache, State


@pytest.fixture
def nobody() -> Iterator[str]:
    """A Redis that answers nothing: the port is taken, and nobody listens there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{probe.getsockname()[1]}/0"


@pytest.fixture
def away(nobody: str) -> Iterator[RedisCache]:
    yield RedisCache(nobody, {"TIMEOUT": 60})
    caches.STATES.clear()


def test_it_keeps_here_what_it_cannot_keep_there(away: RedisCache) -> None:
    away.set("a", 1)
    away.set_many({"b": 2, "c": [3]})
    assert away.get("a") == 1
    assert away.get("nothing", "else") == "else"
    assert away.get_many(["b", "c", "d"]) == {"b": 2, "c": [3]}
    assert away.has_key("b")
    assert "d" not in away
    assert (away.add("a", 9), away.add("e", 5)) == (False, True)
    assert (away.incr("e"), away.decr("e", 2)) == (6, 4)
    assert away.touch("e")
    assert away.delete("e")
    away.delete_many(["b", "c"])
    assert away.get_many(["a", "b", "c", "e"]) == {"a": 1}
    assert away.get_or_set("f", lambda: 6) == 6
    with pytest.raises(ValueError, match="not found"):
        away.incr("nothing")
    away.clear()
    assert away.get("a") is None


def test_it_is_asked_again_after_a_while_and_not_by_every_request(
    away: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(_client: object, key: str, _default: object) -> None:
        asked.append(key)
        raise redis.ConnectionError("no")

    monkeypatch.setattr("django.core.cache.backends.redis.RedisCacheClient.get", refuse)
    for _ in range(3):
        away.get("a")
    assert len(asked) == 1
    away.state.away_until = time.monotonic() - 0.001
    away.get("a")
    assert len(asked) == 2


def test_processes_and_threads_of_one_redis_share_what_they_know(away: RedisCache, nobody: str) -> None:
    away.get("a")
    assert RedisCache(nobody, {}).state.is_away()
    assert not RedisCache("redis://127.0.0.1:1/1", {}).state.is_away()


def test_the_log_says_it_once_a_minute() -> None:
    with capture_logs() as lines, time_machine.travel(0, tick=False) as clock:
        state = State()
        for _ in range(10):
            state.failed(redis.TimeoutError("redis://:hunter2@cache.example"))
            clock.shift(7)
        state.told_at = time.monotonic() - caches.TOLD_EVERY
        state.failed(redis.TimeoutError("no"))
    assert len(lines) == 2
    assert lines[0] == {"event": "cache_away", "error": "TimeoutError", "log_level": "warning"}


def test_a_server_that_takes_and_never_answers_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caches, "STATES", {})
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        cache = RedisCache(url, {"OPTIONS": {"socket_timeout": 0.1}})
        began = time.monotonic()
        assert cache.get("a", "else") == "else"
        assert cache.get("a", "else") == "else"
    assert time.monotonic() - began < 3


def test_what_is_no_fault_of_redis_is_told(away: RedisCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise ValueError("Key 'a' not found.")

    monkeypatch.setattr("django.core.cache.backends.redis.RedisCacheClient.incr", missing)
    with pytest.raises(ValueError, match="not found"):
        away.incr("a")
    assert not away.state.is_away()
