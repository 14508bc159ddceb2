"""A code really arrives: a mail server on loopback, reached with the settings that EMAIL_URL is read into."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import environ
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from django.test import Client

from accounts.tests.helpers import VERIFY, ask, code_in
from accounts.tests.wire import Desk
from gateway_site.environment import read_url

pytestmark = pytest.mark.django_db


class Mailbox:
    """Keeps what the server was given."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 OK"


class AnyPort(Controller):
    """A mail server on a free port, which the system chooses: ``port`` is known after the start."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mailbox(settings: pytest.FixtureRequest) -> Iterator[Mailbox]:
    box = Mailbox()
    server = AnyPort(box, hostname="127.0.0.1", port=0)
    server.start()
    use(settings, f"smtp://127.0.0.1:{server.port}")
    yield box
    server.stop()


def use(settings: pytest.FixtureRequest, email_url: str) -> None:
    """Put in force what the site's settings make of this EMAIL_URL."""
    read = read_url({"EMAIL_URL": email_url}, "EMAIL_URL", "consolemail://", environ.Env.email_url_config)
    for name in ("EMAIL_BACKEND", "EMAIL_HOST", "EMAIL_PORT"):
        setattr(settings, name, read[name])
    settings.EMAIL_HOST_USER = read["EMAIL_HOST_USER"] or ""
    settings.EMAIL_HOST_PASSWORD = read["EMAIL_HOST_PASSWORD"] or ""
    settings.EMAIL_USE_TLS = read.get("EMAIL_USE_TLS", False)


def test_the_code_arrives_as_text_and_html_and_signs_in(client: Client, desk: Desk, mailbox: Mailbox) -> None:
    assert ask(client, "Ada@Example.com").status_code == 302
    (envelope,) = mailbox.envelopes
    assert envelope.rcpt_tos == ["ada@example.com"]
    message = message_from_bytes(bytes(envelope.content or b""), policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert message["To"] == "ada@example.com"
    assert message["Subject"] == "Your sign-in code for Tokligence Gateway"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    code = code_in(text.get_content().replace("\r\n", "\n"))
    assert f"{code[:3]} {code[3:]}" in html.get_content()
    assert client.post(VERIFY, {"code": code}).status_code == 302


def test_an_address_beyond_ascii_is_delivered_to(client: Client, mailbox: Mailbox) -> None:
    assert ask(client, "ada@bücher.example").status_code == 302
    assert mailbox.envelopes[0].rcpt_tos == ["ada@xn--bcher-kva.example"]


def test_a_mail_server_that_is_not_there_is_told(client: Client, settings: pytest.FixtureRequest) -> None:
    use(settings, "smtp://127.0.0.1:9")
    assert ask(client).status_code == 503
