"""Mail that cannot be sent: the same page for everybody, and nothing half done."""

from __future__ import annotations

from collections.abc import Callable
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client

from accounts.factories import make_user
from accounts.models import SignInAttempt, SignInCode
from accounts.tests.helpers import HTMX, LOGIN, RESEND, VERIFY, ask, code_in, text_of
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db


class BrokenBackend(BaseEmailBackend):
    """A mail server that fails in the way that ``error`` says."""

    error: Exception = SMTPServerDisconnected("Connection unexpectedly closed")

    def send_messages(self, email_messages: object) -> int:
        raise self.error


BROKEN = f"{__name__}.BrokenBackend"


@pytest.mark.parametrize("extra", [{}, HTMX], ids=["plain", "htmx"])
@pytest.mark.parametrize(
    "error",
    [
        SMTPServerDisconnected("x"),
        SMTPRecipientsRefused({"ada@example.com": (550, b"no such user")}),
        ConnectionRefusedError(111, "Connection refused"),
        TimeoutError("timed out"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_it_says_so_and_nothing_is_pending(
    client: Client,
    settings: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    extra: dict[str, str],
) -> None:
    settings.EMAIL_BACKEND = BROKEN
    monkeypatch.setattr(BrokenBackend, "error", error)
    response = ask(client, wanted="/usage/record/", **extra)
    assert response.status_code == 503
    assert "The email could not be sent." in text_of(response)
    assert "ada@example.com" in text_of(response), "what was typed stays"
    assert client.get(VERIFY)["Location"] == LOGIN
    assert not SignInCode.objects.exists()
    assert SignInAttempt.objects.get().outcome == SignInAttempt.Outcome.MAIL_FAILED


def test_the_answer_is_the_same_for_every_address(
    settings: pytest.FixtureRequest, configure: Callable[..., None]
) -> None:
    settings.EMAIL_BACKEND = BROKEN
    configure(sign_up="closed")
    make_user(email="known@example.com")
    pages = {}
    for email in ("known@example.com", "other@example.com"):
        response = ask(Client(), email, **HTMX)
        page = text_of(response).replace(email, "ADDRESS")
        pages[email] = (response.status_code, page.replace(str(response.context["csrf_token"]), "TOKEN"))
    assert pages["known@example.com"] == pages["other@example.com"]


def test_when_another_cannot_be_mailed_the_first_still_works(
    client: Client, desk: Desk, settings: pytest.FixtureRequest
) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        ask(client)
        code = code_in(str(mail.outbox[0].body))
        working = settings.EMAIL_BACKEND
        settings.EMAIL_BACKEND = BROKEN
        clock.shift(60)
        response = client.post(RESEND)
        assert response.status_code == 503
        assert "Nothing was lost" in text_of(response)
        settings.EMAIL_BACKEND = working
        assert client.post(VERIFY, {"code": code}).status_code == 302


def test_the_mail_servers_words_are_neither_shown_nor_logged(
    client: Client,
    settings: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings.EMAIL_BACKEND = BROKEN
    error = SMTPRecipientsRefused({"ada@example.com": (550, b"5.1.1 internal-host says no")})
    monkeypatch.setattr(BrokenBackend, "error", error)
    page = text_of(ask(client))
    assert "internal-host" not in page + "".join(capsys.readouterr())
