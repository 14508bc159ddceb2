"""How often one caller may ask in a minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.core.cache import cache
from redis import exceptions as redis_errors

from accounts import api_keys
from accounts.api_keys import LONGEST_OVERLAP
from accounts.factories import make_account
from accounts.models import ExchangeAccount
from accounts.tests.api import bearer, nobody, person, program, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(configure: Callable[..., None]) -> Iterator[time_machine.Coordinates]:
    configure(api_rate=3)
    with time_machine.travel("2026-03-01T12:00:20Z", tick=False) as traveller:
        yield traveller


def test_one_more_than_a_minutes_number_has_to_wait(
    account: ExchangeAccount, clock: time_machine.Coordinates
) -> None:
    caller = program(account.user)
    assert [caller.get("/profile").status_code for _ in range(3)] == [200, 200, 200]
    response = caller.get("/profile")
    assert refusal(response) == (429, "too_many_requests", None)
    assert response["Retry-After"] == "41"
    clock.shift(int(response["Retry-After"]))
    assert caller.get("/profile").status_code == 200


def test_each_key_has_its_own_number(account: ExchangeAccount) -> None:
    first, second, stranger = program(account.user), program(account.user), program(make_account().user)
    for _ in range(4):
        first.get("/profile")
    assert first.get("/profile").status_code == 429
    assert second.get("/profile").status_code == 200
    assert stranger.get("/profile").status_code == 200
    assert person(account.user).get("/profile").status_code == 200


def test_a_new_secret_of_the_key_does_not_start_anew(account: ExchangeAccount) -> None:
    caller = program(account.user)
    for _ in range(3):
        caller.get("/profile")
    assert caller.key is not None
    rotated = bearer(api_keys.rotate(caller.key, overlap=LONGEST_OVERLAP).secret_text)
    assert rotated.get("/profile").status_code == caller.get("/profile").status_code == 429


def test_a_new_session_of_the_person_does_not_start_anew(account: ExchangeAccount) -> None:
    for _ in range(3):
        person(account.user).get("/profile")
    assert person(account.user).get("/profile").status_code == 429


def test_what_is_refused_counts_too(account: ExchangeAccount) -> None:
    caller = program(account.user, "record")
    assert [caller.get("/profile").status_code for _ in range(3)] == [403, 403, 403]
    assert caller.get("/profile").status_code == 429


def test_nobody_uses_up_the_number_of_a_key(account: ExchangeAccount) -> None:
    caller = program(account.user)
    prefix = caller.headers["Authorization"].removeprefix("Bearer ")[:12]
    for _ in range(5):
        assert bearer(f"{prefix}_{'x' * 43}").get("/profile").status_code == 401
        assert nobody().get("/profile").status_code == 401
    assert caller.get("/profile").status_code == 200


def test_zero_is_no_limit(account: ExchangeAccount, configure: Callable[..., None]) -> None:
    configure(api_rate=0)
    caller = program(account.user)
    assert {caller.get("/profile").status_code for _ in range(20)} == {200}


def test_what_others_keep_in_the_cache_does_not_start_it_anew(account: ExchangeAccount) -> None:
    caller = program(account.user)
    for _ in range(4):
        caller.get("/profile")
    for number in range(5000):
        cache.set(f"catalog:{number}", 1, 120)
    assert caller.get("/profile").status_code == 429


def test_a_cache_that_is_away_limits_nobody(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object, **_kwargs: object) -> None:
        raise redis_errors.ConnectionError("refused")

    monkeypatch.setattr(cache, "add", away)
    assert [program(account.user).get("/profile").status_code for _ in range(5)] == [200] * 5
