"""Who may join: ``sign_up`` open, closed, or one domain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail
from django.test import Client

from accounts.factories import make_user
from accounts.models import SignInAttempt, User
from accounts.sign_in import may_sign_in
from accounts.tests.helpers import ask, mailed_code, sign_in
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db


def test_open_lets_anybody_in(client: Client, desk: Desk, configure: Callable[..., None]) -> None:
    configure(sign_up="open")
    assert sign_in(client, "new@anywhere.example").status_code == 302
    assert User.objects.get().email == "new@anywhere.example"


def test_closed_lets_in_who_was_added(client: Client, desk: Desk, configure: Callable[..., None]) -> None:
    configure(sign_up="closed")
    make_user(email="ada@example.com")
    assert sign_in(client, "ada@example.com").status_code == 302


def test_closed_sends_others_a_mail_without_a_code(client: Client, configure: Callable[..., None]) -> None:
    configure(sign_up="closed")
    ask(client, "new@example.com")
    (message,) = mail.outbox
    assert message.to == ["new@example.com"]
    assert "no account there" in message.body
    ((html, _kind),) = message.alternatives
    assert "No account with this address" in html
    with pytest.raises(AssertionError):
        mailed_code()
    assert SignInAttempt.objects.get().outcome == SignInAttempt.Outcome.WITHHELD


@pytest.mark.parametrize(
    ("email", "may"),
    [
        ("ada@example.com", True),
        ("ada@example.com.evil.org", False),
        ("ada@evil-example.com", False),
        ("ada@evilexample.com", False),
        ("ada@sub.example.com", False),
        ("example.com@evil.org", False),
        ("ada@example.co", False),
        ("ada@example.com.", False),
        ("ada@evil.org", False),
    ],
)
def test_a_domain_lets_in_its_own_addresses_alone(
    configure: Callable[..., None], email: str, may: bool
) -> None:
    configure(sign_up="@example.com")
    assert may_sign_in(email) is may


def test_a_domain_does_not_shut_out_who_was_added(configure: Callable[..., None]) -> None:
    configure(sign_up="@example.com")
    make_user(email="grace@elsewhere.example")
    assert may_sign_in("grace@elsewhere.example")


@pytest.mark.parametrize("sign_up", ["open", "closed", "@example.com"])
def test_who_is_not_active_never_gets_in(
    client: Client, configure: Callable[..., None], sign_up: str
) -> None:
    configure(sign_up=sign_up)
    make_user(email="ada@example.com", active=False)
    assert not may_sign_in("ada@example.com")
    ask(client)
    assert "no code in this mail" in mail.outbox[0].body


def test_sign_up_that_closes_after_the_code_was_sent_is_closed(
    client: Client, configure: Callable[..., None]
) -> None:
    configure(sign_up="open")
    ask(client, "new@example.com")
    configure(sign_up="closed")
    assert client.post("/accounts/verify/", {"code": mailed_code()}).status_code == 422
    assert not User.objects.exists()
