from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection

from accounts import limits
from accounts.limits import TooManyCodesError, enter, is_being_guessed
from accounts.models import SignInAttempt

Outcome = SignInAttempt.Outcome
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HERE = "192.0.2.7"


def ask(
    times: int, *, email: str = "ada@example.com", network: str = HERE, browser: str = "", at: datetime = NOW
) -> None:
    """So many codes, a second apart, all of them let through."""
    for second in range(times):
        enter(email, network, browser, at + timedelta(seconds=second))


@pytest.mark.django_db
def test_the_sixth_code_in_a_quarter_of_an_hour_is_refused() -> None:
    ask(5)
    with pytest.raises(TooManyCodesError):
        enter("ada@example.com", HERE, "", NOW + timedelta(minutes=1))


@pytest.mark.django_db
def test_it_says_after_how_many_seconds_and_that_is_enough() -> None:
    ask(5)
    sixth_at = NOW + timedelta(minutes=1)
    with pytest.raises(TooManyCodesError) as caught:
        enter("ada@example.com", HERE, "", sixth_at)
    assert caught.value.retry_after == 14 * 60
    with pytest.raises(TooManyCodesError) as caught:
        enter("ada@example.com", HERE, "", sixth_at + timedelta(minutes=14, milliseconds=-1))
    assert caught.value.retry_after == 1
    enter("ada@example.com", HERE, "", sixth_at + timedelta(minutes=14))


@pytest.mark.django_db
def test_refused_attempts_do_not_lengthen_the_wait() -> None:
    ask(5)
    for minute in range(1, 14):
        with pytest.raises(TooManyCodesError):
            enter("ada@example.com", HERE, "", NOW + timedelta(minutes=minute))
    enter("ada@example.com", HERE, "", NOW + timedelta(minutes=15))


@pytest.mark.django_db
def test_another_network_is_not_locked_out() -> None:
    ask(5)
    enter("ada@example.com", "198.51.100.1", "", NOW)


@pytest.mark.django_db
def test_another_person_on_the_same_network_is_not_locked_out() -> None:
    ask(5)
    enter("grace@example.com", HERE, "", NOW)


@pytest.mark.django_db
def test_a_day_allows_twenty_codes_for_an_address_and_network() -> None:
    for quarter in range(4):
        ask(5, at=NOW + quarter * timedelta(minutes=20))
    with pytest.raises(TooManyCodesError) as caught:
        enter("ada@example.com", HERE, "", NOW + timedelta(hours=2))
    assert caught.value.retry_after == 22 * 3600


def fill(count: int, at: datetime = NOW, **values: str) -> None:
    """So many codes that were sent before, each to a person of its own unless said otherwise."""
    SignInAttempt.objects.bulk_create(
        SignInAttempt(
            **{"email": f"person{number}@example.com", "network": HERE, "wider_network": HERE, **values},
            at=at,
            outcome=Outcome.SENT,
        )
        for number in range(count)
    )


def signed_in(email: str, network: str, at: datetime) -> None:
    """Somebody signed in with this address on this network."""
    SignInAttempt.objects.create(email=email, network=network, at=at, outcome=Outcome.SIGNED_IN)


@pytest.mark.django_db
def test_one_network_may_ask_for_three_hundred_addresses_an_hour() -> None:
    fill(299)
    enter("last@example.com", HERE, "", NOW)
    with pytest.raises(TooManyCodesError) as caught:
        enter("one.more@example.com", HERE, "", NOW)
    assert caught.value.retry_after == 3600
    enter("one.more@example.com", "198.51.100.1", "", NOW)


@pytest.mark.django_db
def test_who_has_signed_in_from_a_network_gets_in_there_though_it_is_exhausted() -> None:
    signed_in("ada@example.com", HERE, NOW - timedelta(days=89))
    fill(300)
    ask(5)
    with pytest.raises(TooManyCodesError):
        enter("ada@example.com", HERE, "", NOW + timedelta(seconds=5))
    with pytest.raises(TooManyCodesError):
        enter("grace@example.com", HERE, "", NOW)


@pytest.mark.django_db
def test_a_flood_for_an_address_does_not_reach_the_networks_where_its_owner_has_signed_in() -> None:
    signed_in("ada@example.com", HERE, NOW - timedelta(days=89))
    signed_in("ada@example.com", "203.0.113.1", NOW - timedelta(days=91))
    signed_in("grace@example.com", "203.0.113.5", NOW)
    for number in range(60):
        ask(1, network=f"198.51.100.{number}")
    enter("ada@example.com", HERE, "", NOW)
    for elsewhere in ("203.0.113.1", "203.0.113.5"):
        with pytest.raises(TooManyCodesError):
            enter("ada@example.com", elsewhere, "", NOW)


@pytest.mark.django_db
def test_one_customer_with_very_many_networks_cannot_use_up_what_an_address_has() -> None:
    for number in range(40):
        ask(1, network=f"2001:db8:1:{number:x}::/64")
    with pytest.raises(TooManyCodesError) as caught:
        enter("ada@example.com", "2001:db8:1:ffff::/64", "", NOW)
    assert caught.value.retry_after == 24 * 3600
    enter("ada@example.com", "2001:db8:2:1::/64", "", NOW)
    enter("ada@example.com", HERE, "", NOW)


@pytest.mark.django_db
def test_one_customer_with_very_many_networks_may_ask_for_a_thousand_addresses_an_hour() -> None:
    for subnet in range(4):
        fill(250, network=f"2001:db8:1:{subnet}::/64", wider_network="2001:db8:1::/48")
    with pytest.raises(TooManyCodesError) as caught:
        enter("ada@example.com", "2001:db8:1:9::/64", "", NOW)
    assert caught.value.retry_after == 3600
    enter("ada@example.com", "2001:db8:2:9::/64", "", NOW)


@pytest.mark.django_db
def test_strangers_with_many_networks_fill_a_mailbox_only_so_far() -> None:
    for number in range(60):
        ask(1, network=f"198.51.100.{number}")
    with pytest.raises(TooManyCodesError):
        enter("ada@example.com", "203.0.113.5", "", NOW)


@pytest.mark.django_db
def test_a_known_browser_gets_in_while_strangers_exhaust_the_address() -> None:
    for number in range(60):
        ask(1, network=f"198.51.100.{number}")
    ask(5, network="203.0.113.5", browser="", email="other@example.com")
    ask(10, network="203.0.113.5", browser="known")
    with pytest.raises(TooManyCodesError) as caught:
        enter("ada@example.com", "203.0.113.5", "known", NOW + timedelta(seconds=20))
    assert caught.value.retry_after == 15 * 60 - 20, "its own allowance has an end too"


@pytest.mark.django_db
def test_a_known_browser_gets_in_from_a_network_that_is_exhausted() -> None:
    fill(300)
    enter("ada@example.com", HERE, "known", NOW)


@pytest.mark.django_db
def test_what_a_known_browser_asks_does_not_use_up_the_network() -> None:
    fill(300, browser="known")
    enter("ada@example.com", HERE, "", NOW)


@pytest.mark.django_db
def test_a_day_allows_a_known_browser_twenty_codes() -> None:
    ask(10, browser="known")
    ask(10, browser="known", at=NOW + timedelta(hours=1))
    with pytest.raises(TooManyCodesError) as caught:
        enter("ada@example.com", HERE, "known", NOW + timedelta(hours=2))
    assert caught.value.retry_after == 22 * 3600
    enter("ada@example.com", HERE, "another", NOW + timedelta(hours=2))


@pytest.mark.django_db
def test_codes_that_could_not_be_mailed_or_were_withheld_count_as_well() -> None:
    for outcome in (Outcome.SENT, Outcome.WITHHELD, Outcome.MAIL_FAILED, Outcome.SENT, Outcome.WITHHELD):
        limits.close(enter("ada@example.com", HERE, "", NOW), outcome)
    with pytest.raises(TooManyCodesError):
        enter("ada@example.com", HERE, "", NOW)


@pytest.mark.django_db
def test_the_database_takes_no_outcome_that_nothing_counts() -> None:
    with pytest.raises(IntegrityError):
        SignInAttempt.objects.create(email="ada@example.com", network=HERE, at=NOW, outcome="passed")


@pytest.mark.django_db
def test_a_refused_attempt_is_kept_for_the_operator() -> None:
    ask(5)
    with pytest.raises(TooManyCodesError):
        enter("ada@example.com", HERE, "", NOW + timedelta(seconds=9))
    latest = SignInAttempt.objects.first()
    assert latest is not None
    assert (latest.outcome, latest.email, latest.network) == (Outcome.LIMITED, "ada@example.com", HERE)


@pytest.mark.django_db
def test_twenty_wrong_codes_in_a_day_from_new_browsers_or_from_one_known_are_guessing() -> None:
    def guess(count: int, at: datetime, browser: str = "") -> None:
        for _ in range(count):
            SignInAttempt.objects.create(
                email="ada@example.com", network=HERE, browser=browser, at=at, outcome=Outcome.WRONG
            )

    guess(30, NOW - timedelta(days=1))
    guess(20, NOW, browser="known")
    guess(19, NOW, browser="another")
    guess(19, NOW)
    assert is_being_guessed("ada@example.com", "known", NOW)
    assert not is_being_guessed("ada@example.com", "another", NOW)
    assert not is_being_guessed("ada@example.com", "", NOW)
    guess(1, NOW)
    assert is_being_guessed("ada@example.com", "", NOW)
    assert not is_being_guessed("grace@example.com", "", NOW)


@pytest.mark.django_db
def test_attempts_are_forgotten_after_ninety_days() -> None:
    ask(1, at=NOW - timedelta(days=91))
    ask(1, at=NOW - timedelta(days=89))
    ask(1)
    assert SignInAttempt.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_attempts_at_the_same_instant_do_not_all_pass() -> None:
    passed: list[int] = []
    refused: list[int] = []
    together = Barrier(12)

    def run(number: int) -> None:
        try:
            together.wait(timeout=30)
            enter("ada@example.com", HERE, "", NOW)
            passed.append(number)
        except TooManyCodesError:
            refused.append(number)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(passed) + len(refused) == 12
    assert len(passed) <= 5
