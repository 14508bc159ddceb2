from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest
import responses
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from accounts import registration
from accounts.factories import make_account, make_exchange, make_user
from accounts.models import Exchange, ExchangeAccount, User
from accounts.registration import account_of, account_of_request, ensure_at_sign_in, ensure_registered
from accounts.tests.helpers import counted_queries
from accounts.tests.wire import Desk, refusal, user_answer
from exchange import AmbiguousOutcome, ComplianceRefusal, ExchangeProtocolError, ExchangeUnreachable

pytestmark = pytest.mark.django_db


def test_an_account_is_there_before_the_exchange_was_asked(user: User) -> None:
    account = account_of(user)
    assert (account.is_registered, account.is_provider, account.roles) == (False, False, [])
    assert account.exchange.base_url == settings.TOKLIGENCE.base_url
    assert account_of(user) == account


def test_what_the_exchange_tells_is_kept(user: User, desk: Desk) -> None:
    ensure_registered(user)
    account = ExchangeAccount.objects.get()
    assert (account.exchange_user_id, account.roles) == (1, ["consumer"])
    assert (account.free_granted, account.free_used, account.free_left, account.free_percent_left) == (
        50_000,
        12_500,
        37_500,
        75,
    )
    assert (account.provider_id, account.provider_name) == (None, "")
    assert account.registered_at == account.refreshed_at
    assert account.role_labels == ["Consumer"]


def test_an_exchange_without_a_free_quota_gives_none(user: User, desk: Desk) -> None:
    ensure_registered(user)
    desk.say(200, user_answer(user.email, id=1))
    account = ensure_registered(user)
    assert (account.free_granted, account.free_left, account.free_percent_left) == (None, None, None)


@pytest.mark.parametrize(
    ("granted", "used", "left", "percent"),
    [(0, 0, 0, None), (100, 250, 0, 0), (3, 1, 2, 66), (2**62, 0, 2**62, 100)],
)
def test_the_free_quota_that_is_left(granted: int, used: int, left: int, percent: int | None) -> None:
    account = ExchangeAccount(free_granted=granted, free_used=used)
    assert (account.free_left, account.free_percent_left) == (left, percent)


def test_becoming_a_provider_keeps_the_profile_that_the_exchange_gave(user: User, desk: Desk) -> None:
    ensure_registered(user)
    account = ensure_registered(user, provider=True, display_name="Ada Inference", description="Fast")
    account.refresh_from_db()
    assert account.is_provider
    assert account.roles == ["consumer", "provider"]
    assert (account.provider_id, account.provider_name, account.provider_description) == (
        101,
        "Ada Inference",
        "Fast",
    )
    assert account.registered_at is not None
    assert account.refreshed_at is not None
    assert account.registered_at < account.refreshed_at


def test_a_later_sign_in_never_asks_for_fewer_roles_nor_another_name(user: User, desk: Desk) -> None:
    ensure_registered(user, provider=True, display_name="Ada Inference", description="Fast")
    user.display_name = "Countess"
    user.save()
    account = ensure_registered(user)
    assert desk.asked[-1] == {
        "email": user.email,
        "roles": ["consumer", "provider"],
        "display_name": "Ada Inference",
        "description": "Fast",
    }
    assert (account.is_provider, account.provider_name) == (True, "Ada Inference")


def test_the_display_name_goes_along(user: User, desk: Desk) -> None:
    user.display_name = "Ada"
    ensure_registered(user)
    assert desk.asked == [{"email": "ada@example.com", "roles": ["consumer"], "display_name": "Ada"}]


def test_roles_that_this_version_does_not_know_are_kept(user: User, desk: Desk) -> None:
    desk.say(200, user_answer(user.email, roles=["consumer", "auditor"]))
    account = ensure_registered(user)
    assert account.roles == ["consumer", "auditor"]
    assert account.role_labels == ["Consumer", "auditor"]


def test_an_exchange_that_writes_the_address_its_own_way_is_believed(user: User, desk: Desk) -> None:
    desk.say(200, user_answer("ADA@Example.com"))
    assert ensure_registered(user).is_registered


def test_the_account_of_another_address_is_not_taken(user: User, desk: Desk) -> None:
    desk.say(200, user_answer("eve@example.com", id=66))
    with pytest.raises(ExchangeProtocolError, match="account of another address"):
        ensure_registered(user)
    assert not account_of(user).is_registered


def test_one_number_for_two_people_is_not_taken(user: User, desk: Desk) -> None:
    ensure_registered(user)
    other = make_user(email="grace@example.com")
    desk.say(200, user_answer("grace@example.com", id=1))
    with pytest.raises(ExchangeProtocolError, match="same number to two people"):
        ensure_registered(other)
    assert not account_of(other).is_registered
    assert account_of(user).exchange_user_id == 1


def test_one_provider_number_for_two_people_is_not_taken(user: User, desk: Desk) -> None:
    taken = make_account(provider=True).provider_id
    profile = {"id": taken, "user_id": 7, "display_name": "Eve", "description": ""}
    desk.say(200, {**user_answer(user.email, id=10**9, roles=["provider"]), "provider": profile})
    with pytest.raises(ExchangeProtocolError, match="same number to two people"):
        ensure_registered(user)
    assert not account_of(user).is_provider


def long_profile(user: User, name: int, description: int) -> dict[str, object]:
    profile = {"id": 3, "user_id": 7, "display_name": "字" * name, "description": "x" * description}
    return {**user_answer(user.email, roles=["consumer", "provider"]), "provider": profile}


def test_a_long_name_is_kept_as_it_was_given_and_one_without_end_is_cut(user: User, desk: Desk) -> None:
    desk.say(200, long_profile(user, 500, 4000))
    account = ensure_registered(user)
    account.refresh_from_db()
    assert (account.provider_name, account.provider_description) == ("字" * 500, "x" * 4000)
    desk.say(200, long_profile(user, 501, 4001))
    account = ensure_registered(user)
    account.refresh_from_db()
    assert (account.provider_name, account.provider_description) == ("字" * 499 + "…", "x" * 3999 + "…")


def test_a_name_that_was_cut_is_not_sent_as_a_wish_to_rename(user: User, desk: Desk) -> None:
    user.display_name = "Countess"
    desk.say(200, long_profile(user, 3000, 10_000))
    ensure_registered(user)
    ensure_registered(user)
    assert desk.asked[-1] == {"email": user.email, "roles": ["consumer", "provider"]}


@pytest.mark.parametrize("roles", [["consumer"] * 21, ["r" * 51]])
def test_roles_without_end_are_not_taken(user: User, desk: Desk, roles: list[str]) -> None:
    desk.say(200, user_answer(user.email, roles=roles))
    with pytest.raises(ExchangeProtocolError, match="more roles, or longer ones"):
        ensure_registered(user)
    assert not account_of(user).is_registered


def test_twenty_roles_of_fifty_characters_are_taken(user: User, desk: Desk) -> None:
    roles = [f"{number:050}" for number in range(20)]
    desk.say(200, user_answer(user.email, roles=roles))
    assert ensure_registered(user).roles == roles


@pytest.mark.parametrize(
    ("status", "document", "error"),
    [
        (400, refusal(), ComplianceRefusal),
        (500, {"error": "down"}, AmbiguousOutcome),
        (200, {"user": {"id": "7"}}, ExchangeProtocolError),
        (200, {"user": {"id": 2**63, "email": "ada@example.com", "roles": []}}, ExchangeProtocolError),
        (200, {"user": {"id": 7, "email": "ada@example.com\x00", "roles": []}}, ExchangeProtocolError),
    ],
)
def test_when_it_goes_wrong_what_was_kept_stays(
    user: User, desk: Desk, status: int, document: object, error: type[Exception]
) -> None:
    before = ensure_registered(user, provider=True, display_name="Ada Inference")
    desk.say(status, document)
    with pytest.raises(error):
        ensure_registered(user)
    after = account_of(user)
    assert after.is_provider
    assert after.refreshed_at == before.refreshed_at


def test_when_the_exchange_is_down_it_is_said(user: User, desk: Desk) -> None:
    desk.close()
    with pytest.raises(ExchangeUnreachable):
        ensure_registered(user)


@pytest.mark.parametrize("status", [None, 503, 429])
def test_at_sign_in_what_waiting_mends_keeps_nobody_out(user: User, desk: Desk, status: int | None) -> None:
    desk.say(status, {}) if status else desk.close()
    assert ensure_at_sign_in(user) is None
    assert not account_of(user).is_registered
    desk.open()
    assert ensure_at_sign_in(user) is None
    assert account_of(user).is_registered


def test_at_sign_in_what_waiting_does_not_mend_is_given_back(user: User, desk: Desk) -> None:
    desk.say(400, refusal())
    assert isinstance(ensure_at_sign_in(user), ComplianceRefusal)
    desk.say(200, user_answer("eve@example.com"))
    assert isinstance(ensure_at_sign_in(user), ExchangeProtocolError)


def test_nothing_of_two_exchanges_mixes(
    user: User, wire: responses.RequestsMock, configure: Callable[..., None]
) -> None:
    first, second = Desk(wire, "http://first.example"), Desk(wire, "http://second.example/v1")
    second.first_id = 500
    configure(base_url=first.base_url)
    ensure_registered(user, provider=True, display_name="Ada Inference")
    configure(base_url=second.base_url)
    assert not account_of(user).is_registered, "what the first one said is nothing to the second"
    ensure_registered(user)
    assert second.asked == [{"email": user.email, "roles": ["consumer"]}]
    configure(base_url=first.base_url)
    kept = account_of(user)
    assert (kept.exchange_user_id, kept.roles) == (1, ["consumer", "provider"])
    assert len(first.asked) == 1
    assert Exchange.objects.count() == 2
    there = ExchangeAccount.objects.get(exchange__base_url=second.base_url)
    assert (there.exchange_user_id, there.roles, there.provider_name) == (500, ["consumer"], "")


def test_two_exchanges_may_give_the_same_number(user: User) -> None:
    one = make_account(user=user, exchange=make_exchange(base_url="http://first.example"))
    two = make_account(user=make_user(), exchange=make_exchange(base_url="http://second.example"))
    ExchangeAccount.objects.update(exchange_user_id=7)
    assert one.exchange != two.exchange


def test_the_account_of_a_request_is_looked_up_once(account: ExchangeAccount) -> None:
    request = RequestFactory().get("/")
    request.user = account.user
    # 1 the account with its Exchange and its user
    with counted_queries(1):
        assert account_of_request(request) == account
        assert account_of_request(request) == account


def test_nobody_has_no_account() -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    assert account_of_request(request) is None


def test_accounts_are_described_by_person_and_exchange(account: ExchangeAccount) -> None:
    assert str(account) == f"ada@example.com at {settings.TOKLIGENCE.base_url}"


def test_an_exchange_that_never_answers_keeps_a_person_waiting_no_longer_than_that(
    user: User, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "PAGE_DEADLINE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(base_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert ensure_at_sign_in(user) is None
        took = time.monotonic() - began
    assert 0.4 < took < 4
    assert not account_of(user).is_registered
