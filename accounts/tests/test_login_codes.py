from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from accounts import login_codes
from accounts.login_codes import SpentCodeError, WrongCodeError, keep, new_code, redeem, resend_in
from accounts.models import SignInCode
from accounts.tests.helpers import wrong

pytestmark = pytest.mark.django_db

EMAIL = "ada@example.com"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def kept(token: str, now: datetime = NOW, email: str = EMAIL) -> str:
    """A code that this browser has been sent."""
    code = new_code()
    keep(email, token, code, now)
    return code


def test_the_right_code_gives_the_address_that_it_was_sent_to() -> None:
    code = kept("browser")
    assert redeem("browser", code, NOW) == EMAIL


def test_a_code_is_used_once() -> None:
    code = kept("browser")
    redeem("browser", code, NOW)
    with pytest.raises(SpentCodeError):
        redeem("browser", code, NOW)


def test_it_accepts_a_code_until_the_last_instant_of_ten_minutes() -> None:
    code = kept("browser")
    last = NOW + timedelta(minutes=10) - timedelta(microseconds=1)
    assert redeem("browser", code, last) == EMAIL


def test_it_rejects_an_expired_code() -> None:
    code = kept("browser")
    with pytest.raises(SpentCodeError):
        redeem("browser", code, NOW + timedelta(minutes=10))


def test_four_wrong_tries_leave_one_for_the_right_code() -> None:
    code = kept("browser")
    left = []
    for _ in range(4):
        with pytest.raises(WrongCodeError) as caught:
            redeem("browser", wrong(code), NOW)
        left.append(caught.value.tries_left)
    assert left == [4, 3, 2, 1]
    assert redeem("browser", code, NOW) == EMAIL


def test_after_five_wrong_tries_even_the_right_code_is_refused() -> None:
    code = kept("browser")
    for _ in range(5):
        with pytest.raises(WrongCodeError) as caught:
            redeem("browser", wrong(code), NOW)
    assert caught.value.tries_left == 0
    with pytest.raises(SpentCodeError):
        redeem("browser", code, NOW)


def test_another_code_replaces_the_one_before_it() -> None:
    old = kept("browser")
    new = old
    while new == old:
        new = kept("browser", NOW + timedelta(minutes=1))
    with pytest.raises(WrongCodeError):
        redeem("browser", old, NOW + timedelta(minutes=1))
    assert redeem("browser", new, NOW + timedelta(minutes=1)) == EMAIL


def test_another_code_has_ten_minutes_and_five_tries_of_its_own() -> None:
    old = kept("browser")
    for _ in range(5):
        with pytest.raises(WrongCodeError):
            redeem("browser", wrong(old), NOW)
    new = kept("browser", NOW + timedelta(minutes=9))
    assert redeem("browser", new, NOW + timedelta(minutes=18)) == EMAIL


def test_a_used_code_does_not_stop_the_next_one() -> None:
    redeem("browser", kept("browser"), NOW)
    assert redeem("browser", kept("browser"), NOW) == EMAIL


def test_the_right_code_is_nothing_in_a_browser_that_did_not_ask() -> None:
    code = kept("browser")
    with pytest.raises(SpentCodeError):
        redeem("another", code, NOW)
    assert redeem("browser", code, NOW) == EMAIL, "and the guess costs the first browser nothing"


def test_the_code_of_one_browser_is_wrong_in_another_that_asked_too() -> None:
    mine, other = kept("browser"), kept("another")
    if mine == other:
        mine = wrong(other)
    with pytest.raises(WrongCodeError):
        redeem("another", mine, NOW)


def test_a_code_that_was_not_sent_matches_nothing() -> None:
    code = new_code()
    keep(EMAIL, "browser", code, NOW, sent=False)
    with pytest.raises(WrongCodeError) as caught:
        redeem("browser", code, NOW)
    assert caught.value.tries_left == 4, "as for one that was"


def test_neither_code_nor_browser_can_be_read_from_the_database() -> None:
    token = login_codes.new_browser_token()
    keep(EMAIL, token, "40718253", NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT email, browser, code_hash FROM accounts_signincode")
        row = cursor.fetchone()
    assert row[0] == EMAIL
    assert not [column for column in row if "40718253" in column or token in column]
    assert [len(column) for column in row[1:]] == [64, 64]


def test_the_same_code_is_kept_differently_for_each_browser() -> None:
    for token in ("browser", "another"):
        keep(EMAIL, token, "407182", NOW)
    assert len(set(SignInCode.objects.values_list("code_hash", flat=True))) == 2


def test_the_hash_depends_on_the_secret_key(settings: pytest.FixtureRequest) -> None:
    keep(EMAIL, "browser", "407182", NOW)
    settings.SECRET_KEY = "another-secret-key-0123456789-abcdefghijklmnopqrstuvwxyz"
    with pytest.raises(WrongCodeError):
        redeem("browser", "407182", NOW)


@pytest.mark.parametrize("digits", [6, 8])
def test_codes_have_the_length_that_was_asked_for_and_keep_leading_zeros(digits: int) -> None:
    codes = {new_code(digits) for _ in range(300)}
    assert {len(code) for code in codes} == {digits}
    assert all(code.isascii() and code.isdigit() for code in codes)
    assert len(codes) > 290, "drawn at random"
    assert any(code.startswith("0") for code in codes)


def test_another_code_may_be_asked_for_after_a_minute() -> None:
    kept("browser")
    assert resend_in("browser", NOW) == 60
    assert resend_in("browser", NOW + timedelta(seconds=59, milliseconds=1)) == 1
    assert resend_in("browser", NOW + timedelta(seconds=60)) == 0
    assert resend_in("nobody", NOW) == 0


def test_codes_of_yesterday_are_forgotten() -> None:
    kept("old", NOW - timedelta(days=2))
    kept("browser")
    assert SignInCode.objects.count() == 1


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let this happen once, after a code has been compared and before it is used up."""
    compare = login_codes.constant_time_compare

    def compare_and_then(one: str, other: str) -> bool:
        monkeypatch.setattr(login_codes, "constant_time_compare", compare)
        same = compare(one, other)
        happens()
        return same

    monkeypatch.setattr(login_codes, "constant_time_compare", compare_and_then)


def test_a_code_that_is_replaced_while_it_is_compared_signs_nobody_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, later = kept("browser"), NOW + timedelta(seconds=60)
    meanwhile(monkeypatch, lambda: keep("grace@example.com", "browser", "407182", later))
    with pytest.raises(SpentCodeError):
        redeem("browser", old, later)
    assert redeem("browser", "407182", later) == "grace@example.com", "and the new one is not used up"


def test_a_code_that_is_used_while_it_is_compared_signs_in_once(monkeypatch: pytest.MonkeyPatch) -> None:
    code = kept("browser")
    winners: list[str] = []
    meanwhile(monkeypatch, lambda: winners.append(redeem("browser", code, NOW)))
    with pytest.raises(SpentCodeError):
        redeem("browser", code, NOW)
    assert winners == [EMAIL]
