"""How often one caller may ask in a minute, and how often a network may bring what is good for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.core.cache import cache
from django.http import HttpResponse
from redis import exceptions as redis_errors

from accounts import api_keys, login_codes
from accounts.api.rates import FAILURES
from accounts.api_keys import LONGEST_OVERLAP
from accounts.factories import make_account
from accounts.models import ExchangeAccount
from accounts.tests.api import Caller, bearer, nobody, person, program, refusal, told
from accounts.tests.helpers import counted_queries

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


# what is good for nothing, by the network that brings it

HERE, NEXT_DOOR = "192.0.2.7", "192.0.2.8"
FALSE = f"tgk_{'a' * 8}_{'b' * 43}"


def guess_key(address: str = HERE, secret: str = FALSE) -> HttpResponse:
    return bearer(secret).get("/profile", REMOTE_ADDR=address)


def guess_challenge(address: str = HERE) -> HttpResponse:
    told = {"challenge": "nobody's", "code": "123456"}
    return nobody().post("/auth/verify", told, REMOTE_ADDR=address)


def flood(guess: Callable[..., HttpResponse], address: str = HERE) -> set[int]:
    return {guess(address).status_code for _ in range(FAILURES)}


@pytest.mark.parametrize(("guess", "usual"), [(guess_key, 401), (guess_challenge, 422)])
def test_a_network_that_brings_nothing_good_has_to_wait(
    guess: Callable[..., HttpResponse], usual: int, clock: time_machine.Coordinates
) -> None:
    assert flood(guess) == {usual}
    response = guess(HERE)
    assert refusal(response) == (429, "too_many_requests", None)
    assert response["Retry-After"] == "41"
    assert guess(NEXT_DOOR).status_code == usual
    clock.shift(int(response["Retry-After"]))
    assert guess(HERE).status_code == usual


def test_every_kind_of_bad_key_counts() -> None:
    kinds = ["", "nonsense", FALSE, "tgk_", "x" * 5000]
    for number in range(FAILURES):
        assert guess_key(secret=kinds[number % len(kinds)]).status_code == 401
    assert {guess_key(secret=kind).status_code for kind in kinds} == {429}


def test_a_key_is_no_challenge(account: ExchangeAccount) -> None:
    flood(guess_key)
    assert guess_challenge().status_code == 422


def test_who_holds_many_networks_is_counted_as_one() -> None:
    for number in range(FAILURES):
        assert guess_key(f"2001:db8:1:{number:x}::1").status_code == 401
    assert guess_key("2001:db8:1:ffff::1").status_code == 429
    assert guess_key("2001:db8:2::1").status_code == 401


def test_a_good_key_goes_on_beside_a_flood(account: ExchangeAccount) -> None:
    caller = program(account.user)
    flood(guess_key)
    assert guess_key().status_code == 429
    assert caller.get("/profile", REMOTE_ADDR=HERE).status_code == 200


def test_a_good_code_signs_in_beside_a_flood_and_a_wrong_one_is_told_so(
    account: ExchangeAccount, mailoutbox: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_codes, "new_code", lambda digits: "482159")
    flood(guess_challenge)
    assert guess_challenge().status_code == 429
    caller: Caller = nobody()
    challenge = told(caller.post("/auth/login", {"email": account.user.email}))["challenge"]
    wrong = caller.post("/auth/verify", {"challenge": challenge, "code": "111111"}, REMOTE_ADDR=HERE)
    assert refusal(wrong) == (422, "wrong_code", "code")
    right = caller.post("/auth/verify", {"challenge": challenge, "code": "482159"}, REMOTE_ADDR=HERE)
    assert right.status_code == 200


@pytest.mark.parametrize(
    ("guess", "looked_up"),
    [(guess_key, 1), (guess_challenge, 2)],  # the secret; the challenge's address, and its code
)
def test_a_failure_is_looked_up_and_writes_nothing(
    guess: Callable[..., HttpResponse], looked_up: int
) -> None:
    # the first one of the hour is an audit event
    guess(HERE)
    for _ in range(FAILURES + 2):
        with counted_queries(looked_up):
            guess(HERE)


def test_a_cache_that_is_away_lets_failures_be_told_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: object, **_kwargs: object) -> None:
        raise redis_errors.ConnectionError("refused")

    monkeypatch.setattr(cache, "add", away)
    assert flood(guess_key) == {401}
    assert guess_key().status_code == 401
