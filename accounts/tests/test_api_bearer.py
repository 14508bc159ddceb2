"""An API key as a bearer token: good while the key, its secret and its person are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts import api_keys, sessions
from accounts.api_keys import create_key
from accounts.factories import make_account, make_user
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ApiKeySecret, ExchangeAccount, User
from accounts.tests.api import Caller, bearer, nobody, person, program, refusal, told
from accounts.tests.helpers import counted_queries

pytestmark = pytest.mark.django_db
UNKNOWN = (401, "not_authenticated", None)
NOON = "2026-03-01T12:00:00Z"


def secret_of(caller: Caller) -> str:
    return caller.headers["Authorization"].removeprefix("Bearer ")


def key_of(caller: Caller) -> ApiKey:
    assert caller.key is not None
    return caller.key


def test_it_acts_for_the_keys_person(account: ExchangeAccount) -> None:
    make_account()
    assert told(program(account.user).get("/profile"))["email"] == account.user.email


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER"])
def test_the_schemes_name_is_written_as_one_likes(account: ExchangeAccount, word: str) -> None:
    caller = program(account.user)
    caller.headers = {"Authorization": f"{word} {secret_of(caller)}"}
    assert caller.get("/profile").status_code == 200


@pytest.mark.parametrize("scheme", ["Basic", "Token", "Digest", "Negotiate", "", "Bearer:", "Bearer Bearer"])
def test_another_scheme_is_none(account: ExchangeAccount, scheme: str) -> None:
    caller = program(account.user)
    caller.headers = {"Authorization": f"{scheme} {secret_of(caller)}".strip()}
    response = caller.get("/profile")
    assert refusal(response) == UNKNOWN
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_secret_that_is_nearly_right_is_wrong(account: ExchangeAccount) -> None:
    caller, other = program(account.user), program(account.user)
    secret = secret_of(caller)
    prefix = secret[:12]
    for text in (
        secret[:-1],
        secret + "x",
        secret.swapcase(),
        prefix,
        f"{prefix}_",
        f"{prefix}_{secret_of(other)[13:]}",
        f"{prefix}_{'x' * 43}",
        secret.replace("tgk", "tgl"),
        f"{secret},{secret}",
        f"{secret}\x00",
        "x" * 7000,
    ):
        assert refusal(bearer(text).get("/profile")) == UNKNOWN
    stored = ApiKeySecret.objects.get(key=key_of(caller)).sha256
    assert refusal(bearer(f"{prefix}_{stored[:43]}").get("/profile")) == UNKNOWN, "what is kept opens nothing"


def test_what_cannot_be_a_secret_is_not_looked_for() -> None:
    with counted_queries(0):
        bearer("tgk_short").get("/profile")
        bearer("x" * 7000).get("/profile")
    # one that could be: its prefix; and once an hour, whose prefix it is, and the audit event
    with counted_queries(3):
        bearer(f"tgk_12345678_{'x' * 43}").get("/profile")
    with counted_queries(1):
        bearer(f"tgk_12345678_{'x' * 43}").get("/profile")


ENDS: dict[str, Callable[[ApiKey], object]] = {
    "revoked": api_keys.revoke,
    "at its end": lambda key: ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now()),
    "its secret revoked": lambda key: key.secrets.update(revoked_at=timezone.now()),
    "its secret at its end": lambda key: key.secrets.update(expires_at=timezone.now()),
    "its person inactive": lambda key: User.objects.filter(pk=key.user_id).update(is_active=False),
}


@pytest.mark.parametrize("how", ENDS)
def test_an_ended_key_opens_nothing(how: str, account: ExchangeAccount) -> None:
    caller, other = program(account.user), program(make_account().user)
    assert caller.get("/profile").status_code == 200
    ENDS[how](key_of(caller))
    entry = {"service_id": 1, "prompt_tokens": 1, "completion_tokens": 0, "direction": "consume"}
    assert refusal(caller.get("/profile")) == UNKNOWN
    assert refusal(caller.post("/usage", entry)) == UNKNOWN
    assert other.get("/profile").status_code == 200


def test_a_key_ends_at_its_time_and_not_before(account: ExchangeAccount) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        caller = program(account.user, expires_at=datetime(2026, 3, 1, 13, tzinfo=UTC))
        clock.shift(timedelta(minutes=59, seconds=59))
        assert caller.get("/profile").status_code == 200
        clock.shift(1)
        assert refusal(caller.get("/profile")) == UNKNOWN


def test_a_secret_that_was_rotated_out_works_for_the_overlap(account: ExchangeAccount) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        before = program(account.user)
        number = key_of(before).pk
        answer = person(account.user).post(f"/keys/{number}/rotate", {"overlap_seconds": 3600})
        after = bearer(told(answer)["secret"])
        clock.shift(3599)
        assert before.get("/profile").status_code == after.get("/profile").status_code == 200
        clock.shift(1)
        assert refusal(before.get("/profile")) == UNKNOWN
        assert after.get("/profile").status_code == 200


def test_without_an_overlap_the_old_secret_ends_at_once(account: ExchangeAccount) -> None:
    before = program(account.user)
    path = f"/keys/{key_of(before).pk}/rotate"
    after = bearer(told(person(account.user).post(path, {"overlap_seconds": 0}))["secret"])
    assert refusal(before.get("/profile")) == UNKNOWN
    assert after.get("/profile").status_code == 200


def test_the_sites_secret_plays_no_part(account: ExchangeAccount, settings: pytest.FixtureRequest) -> None:
    caller = program(account.user)
    settings.SECRET_KEY = "another" * 8
    assert caller.get("/profile").status_code == 200


def test_ending_all_sessions_leaves_keys(account: ExchangeAccount) -> None:
    caller = program(account.user)
    sessions.end_all(account.user)
    assert caller.get("/profile").status_code == 200


def test_scopes_that_are_taken_away_are_gone_at_once(account: ExchangeAccount) -> None:
    caller = program(account.user)
    number = key_of(caller).pk
    assert person(account.user).patch(f"/keys/{number}", {"scopes": ["record"]}).status_code == 200
    response = caller.get("/profile")
    assert refusal(response) == (403, "scope_missing", None)
    assert "WWW-Authenticate" not in response


def test_that_it_is_in_use_is_noted_once_a_minute(account: ExchangeAccount) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        caller = program(account.user)
        # the secret with its key and person; that it is in use; the account with its Exchange
        with counted_queries(3):
            caller.get("/profile")
        clock.shift(59)
        # the secret; the account
        with counted_queries(2):
            caller.get("/profile")
        assert ApiKeySecret.objects.get().last_used_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
        clock.shift(1)
        with counted_queries(3):
            caller.get("/profile")
        assert ApiKeySecret.objects.get().last_used_at == datetime(2026, 3, 1, 12, 1, tzinfo=UTC)


def test_a_wrong_secret_notes_no_use(account: ExchangeAccount) -> None:
    caller = program(account.user)
    bearer(f"{secret_of(caller)[:12]}_{'x' * 43}").get("/profile")
    assert ApiKeySecret.objects.get().last_used_at is None


def test_the_secret_is_in_no_log(
    account: ExchangeAccount, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    created = told(person(account.user).post("/keys", {"label": "Night batch"}))
    rotated = told(person(account.user).post(f"/keys/{created['id']}/rotate", {}))
    for secret in (created["secret"], rotated["secret"]):
        bearer(secret).get("/profile")
        bearer(secret + "x").get("/profile")
        bearer(secret).get("/nothing")
    captured = capsys.readouterr()
    logged = caplog.text + captured.out + captured.err
    assert "api_key_created" in logged
    for secret in (created["secret"], rotated["secret"]):
        assert secret not in logged
        assert secret[13:] not in logged


def test_nobody_is_told_to_sign_in(account: ExchangeAccount) -> None:
    assert refusal(nobody().get("/profile")) == UNKNOWN


def test_a_person_without_an_account_gets_one(db: None) -> None:
    user = make_user()
    created = create_key(user, KeySettings(label="Agent"))
    document = told(bearer(created.secret_text).get("/profile"))
    assert (document["registered"], document["roles"], document["user_id"]) == (False, [], None)
    assert ExchangeAccount.objects.get().user == user
