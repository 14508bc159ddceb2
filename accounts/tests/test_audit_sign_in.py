"""Sign-ins and their ends, on the page and by the API, as the audit trail tells of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone

from accounts import limits, sign_in
from accounts.auditing.throttle import MOST_OF_A_NETWORK, MOST_OF_ALL, is_first
from accounts.factories import make_account, make_user
from accounts.models import Session, SignInCode, User
from accounts.tests.api import nobody, person
from accounts.tests.audited import noted, only, told
from accounts.tests.helpers import CHROME, VERIFY, ask, mailed_code, wrong
from accounts.tests.helpers import sign_in as sign_in_on_the_page
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
ADA = "ada@example.com"


@pytest.fixture
def ada() -> User:
    return make_account(user=make_user(email=ADA)).user


def by_page(email: str = ADA) -> Callable[[str], Any]:
    """Ask on the page; what takes the code."""
    browser = Client()
    ask(browser, email, HTTP_USER_AGENT=CHROME)
    return lambda code: browser.post(VERIFY, {"code": code}, HTTP_USER_AGENT=CHROME)


def by_api(email: str = ADA) -> Callable[[str], Any]:
    """Ask by the API; what takes the code."""
    caller = nobody()
    challenge = caller.post("/auth/login", {"email": email}, HTTP_USER_AGENT=CHROME).json()["challenge"]
    return lambda code: caller.post(
        "/auth/verify", {"challenge": challenge, "code": code}, HTTP_USER_AGENT=CHROME
    )


WAYS = [("page", by_page), ("api", by_api)]
ways = pytest.mark.parametrize(("source", "way"), WAYS)


@ways
def test_who_asks_and_signs_in(source: str, way: Any, ada: User, desk: Desk) -> None:
    use = way()
    use(mailed_code())
    asked, began = noted("code.asked", "session.began")
    assert told(asked) == {"source": source, "email": ADA, "outcome": "done", "subject": "", "detail": {}}
    assert asked.actor is None, "nobody has shown yet who that was"
    assert (began.source, began.actor, began.outcome) == (source, ada, "done")
    assert began.session == Session.objects.get(user=ada).public_id
    assert "Chrome on Linux" in began.agent
    assert mailed_code() not in "".join(event.detail for event in noted())


@ways
def test_a_wrong_code_is_told_with_the_tries_that_are_left(
    source: str, way: Any, ada: User, desk: Desk
) -> None:
    use = way()
    use(wrong(mailed_code()))
    event = only("session.refused")
    assert (event.source, event.email, event.actor, event.outcome) == (source, ADA, None, "refused")
    assert event.facts == {"why": "wrong_code", "tries_left": 4}


@ways
def test_a_spent_code_is_told_once_an_hour(source: str, way: Any, ada: User, desk: Desk) -> None:
    use = way()
    SignInCode.objects.update(expires_at=timezone.now())
    for _ in range(3):
        use(mailed_code())
    event = only("session.refused")
    assert (event.source, event.email, event.facts) == (source, ADA, {"why": "spent_code"})


@ways
def test_where_sign_up_is_closed_the_refusal_is_told(
    source: str, way: Any, configure: Callable[..., None]
) -> None:
    configure(sign_up="closed")
    way("stranger@example.com")
    event = only("code.asked")
    assert (event.email, event.outcome, event.facts) == (
        "stranger@example.com",
        "refused",
        {"why": "not_known"},
    )


@ways
def test_sign_up_that_was_closed_meanwhile(
    source: str, way: Any, configure: Callable[..., None], desk: Desk
) -> None:
    use = way("new@example.com")
    configure(sign_up="closed")
    use(mailed_code())
    assert only("session.refused").facts == {"why": "not_known"}
    assert noted("person.joined", "session.began") == []


@ways
def test_who_is_new_joins(source: str, way: Any, desk: Desk) -> None:
    way("new@example.com")(mailed_code())
    event = only("person.joined")
    assert (event.source, event.email) == (source, "new@example.com")
    assert told(only("account.registered"))["email"] == "new@example.com"


def test_too_many_are_told_once_an_hour(ada: User) -> None:
    browser = Client()
    most = limits.NEW_NETWORK[0].most
    for _ in range(most + 3):
        SignInCode.objects.all().delete()  # or it says to wait a minute
        ask(browser, ADA)
    done, limited = noted("code.asked")[:most], noted("code.asked")[most:]
    assert {event.outcome for event in done} == {"done"}
    assert [(event.outcome, event.facts) for event in limited] == [("refused", {"why": "limit"})]


def test_a_mail_that_did_not_leave(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise OSError

    monkeypatch.setattr(EmailBackend, "send_messages", fail)
    ask(Client(), ADA)
    event = only("code.asked")
    assert (event.outcome, event.facts) == ("failed", {"why": "mail"})


def test_asking_again_within_the_minute_is_no_event(ada: User) -> None:
    browser = Client()
    for _ in range(3):
        ask(browser, ADA)
    assert len(mail.outbox) == len(noted("code.asked")) == 1


# the end of sessions


def test_signing_out_on_the_page(client: Client, ada: User, desk: Desk) -> None:
    sign_in_on_the_page(client)
    session = Session.objects.get(user=ada).public_id
    client.post("/accounts/logout/")
    event = only("session.closed")
    assert (event.source, event.actor, event.session) == ("page", ada, session)
    client.post("/accounts/logout/")
    assert len(noted("session.closed")) == 1, "who is nobody does not sign out"


def test_signing_out_in_the_admin(client: Client) -> None:
    client.force_login(make_user(staff=True))
    client.post("/admin/logout/")
    assert only("session.closed").source == "admin"


def test_signing_out_by_the_api(ada: User) -> None:
    caller = person(ada)
    session = Session.objects.get(user=ada).public_id
    caller.post("/auth/logout")
    event = only("session.closed")
    assert (event.source, event.actor, event.session) == ("api", ada, session)


def test_ending_another_session(client: Client, ada: User, desk: Desk) -> None:
    sign_in_on_the_page(Client(), HTTP_USER_AGENT=CHROME)
    other = Session.objects.get(user=ada).public_id
    SignInCode.objects.all().delete()
    sign_in_on_the_page(client)
    client.post(f"/accounts/settings/sessions/{other}/end/")
    event = only("session.ended")
    assert event.subject == f"session {other} «Chrome on Linux»"
    assert event.session not in (None, other)


def test_ending_the_own_session_is_one_event(client: Client, ada: User, desk: Desk) -> None:
    sign_in_on_the_page(client)
    own = Session.objects.get(user=ada).public_id
    client.post(f"/accounts/settings/sessions/{own}/end/")
    assert [event.action for event in noted()][-1] == "session.ended"
    assert noted("session.closed") == []


def test_ending_somebody_elses_session_is_none(signed_in: Client, desk: Desk) -> None:
    sign_in_on_the_page(Client(), "eve@example.com")
    session = Session.objects.get(user__email="eve@example.com").public_id
    assert signed_in.post(f"/accounts/settings/sessions/{session}/end/").status_code == 404
    assert noted("session.ended") == []


def test_ending_all_others(client: Client, ada: User, desk: Desk) -> None:
    for browser in (Client(), Client(), client):
        SignInCode.objects.all().delete()
        sign_in_on_the_page(browser)
    client.post("/accounts/settings/sessions/end-others/")
    event = only("session.others_ended")
    assert (event.actor, event.facts) == (ada, {"sessions": 2})


# what a flood may leave


def test_an_hour_has_only_so_many() -> None:
    assert is_first("kind", "192.0.2.7", "a")
    assert not is_first("kind", "192.0.2.7", "a")
    assert is_first("kind", "192.0.2.8", "a")
    assert is_first("other", "192.0.2.7", "a")
    told = [is_first("kind", "192.0.2.7", f"name {n}") for n in range(100)]
    assert sum(told) == MOST_OF_A_NETWORK - 1
    everywhere = [is_first("kind", f"198.51.100.{n // 10}", f"name {n}") for n in range(MOST_OF_ALL + 300)]
    assert sum(everywhere) == MOST_OF_ALL - MOST_OF_A_NETWORK - 1


def test_what_somebody_names_may_be_anything() -> None:
    assert is_first("kind", "unknown", "x\n\x00 é\udcff" * 1000)


def test_a_flood_of_addresses_does_not_fill_the_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    def limited(*_args: object) -> None:
        raise limits.TooManyCodesError(60)

    monkeypatch.setattr(sign_in.limits, "enter", limited)
    for number in range(MOST_OF_A_NETWORK + 10):
        ask(Client(), f"person{number}@example.com")
    assert len(noted("code.asked")) == MOST_OF_A_NETWORK
