from __future__ import annotations

import io

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from pytest_django import Settings

from gateway_site.mail import RULE, EmailBackend


def message(body: str = "Your code: 482 159\n\nIt works for ten minutes.\n") -> EmailMultiAlternatives:
    mail = EmailMultiAlternatives("482 159 is your code", body, "gateway@localhost", ["ada@example.com"])
    mail.attach_alternative("<p>Your code: <b>482 159</b></p>", "text/html")
    return mail


def test_a_person_reads_who_what_and_the_text() -> None:
    stream = io.StringIO()
    assert EmailBackend(stream=stream).send_messages([message()]) == 1
    assert stream.getvalue().splitlines() == [
        RULE,
        "To: ada@example.com",
        "Subject: 482 159 is your code",
        "",
        "Your code: 482 159",
        "",
        "It works for ten minutes.",
        RULE,
    ]


def test_nothing_of_the_transport_is_shown() -> None:
    stream = io.StringIO()
    EmailBackend(stream=stream).send_messages([message()])
    for noise in ("Content-Type", "MIME", "boundary", "<p>", "Message-ID", "=20"):
        assert noise not in stream.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_has_not_every_letter_still_shows_the_code(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    EmailBackend(stream=stream).send_messages([message("您的验证码 · code: 482 159")])
    assert b"code: 482 159" in raw.getvalue()


@pytest.mark.django_db
def test_a_stranger_who_signs_in_finds_the_code_on_the_terminal(
    client: Client, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_BACKEND = "gateway_site.mail.EmailBackend"
    client.post("/accounts/login/", {"email": "stranger@example.com"})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[-1] == RULE
    assert lines[1] == "To: stranger@example.com"
    assert len(lines) < 30
