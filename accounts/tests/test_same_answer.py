"""Nobody learns from the site who has an account: not by what it answers, nor by how long that takes.

Time is not measured here: the work is counted, which does not depend on the machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.factories import make_account, make_user
from accounts.tests.helpers import HTMX, RESEND, VERIFY, ask

pytestmark = pytest.mark.django_db
KNOWN, STAFF, INACTIVE, UNKNOWN = (
    f"{name}@example.com" for name in ("known", "staff", "inactive", "unknown")
)


@pytest.fixture(autouse=True)
def _standing_clock() -> Iterator[None]:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False):
        yield


@pytest.fixture
def _people(configure: Callable[..., None]) -> None:
    configure(sign_up="closed")
    make_account(user=make_user(email=KNOWN), provider=True)
    make_user(email=STAFF, staff=True)
    make_user(email=INACTIVE, active=False)


def seen(response: HttpResponse, email: str) -> tuple[int, str, dict[str, str]]:
    """What can be seen of an answer, without what differs each time: tokens, identifiers and the address."""
    body = response.content.decode().replace(email, "ADDRESS")
    body = re.sub(r'(csrfmiddlewaretoken" value="|"X-CSRFToken": ")[A-Za-z0-9]+', r"\1TOKEN", body)
    headers = {
        name: value for name, value in response.items() if name not in ("X-Request-ID", "Content-Length")
    }
    cookies = re.sub(r"=[^;]{32,};", "=VALUE;", response.cookies.output())
    return response.status_code, body, {**headers, "cookies": re.sub(r"expires=[^;]+", "", cookies)}


def the_whole_way(email: str, extra: dict[str, Any]) -> list[tuple[int, str, dict[str, str]]]:
    """All that somebody who has no access to the mailbox can try."""
    client = Client()
    answers = [ask(client, email, **extra), client.get(VERIFY, **extra)]
    answers += [client.post(VERIFY, {"code": "000000"}, **extra) for _ in range(7)]
    answers.append(client.post(RESEND, **extra))
    answers += [ask(client, email, **extra)]
    answers += [ask(Client(), email, **extra) for _ in range(6)]
    assert answers[-1].status_code == 429
    return [seen(answer, email) for answer in answers]


@pytest.mark.usefixtures("_people")
@pytest.mark.parametrize("extra", [{}, HTMX], ids=["plain", "htmx"])
@pytest.mark.parametrize("email", [STAFF, INACTIVE, UNKNOWN])
def test_the_answers_are_the_same_for_every_address(email: str, extra: dict[str, Any]) -> None:
    assert the_whole_way(email, extra) == the_whole_way(KNOWN, extra)


@pytest.mark.usefixtures("_people")
@pytest.mark.parametrize("email", [STAFF, INACTIVE, UNKNOWN])
def test_the_work_is_the_same_for_every_address(email: str) -> None:
    def statements(email: str) -> list[str]:
        client = Client()
        with CaptureQueriesContext(connection) as context:
            ask(client, email)
            client.post(VERIFY, {"code": "000000"})
            client.post(VERIFY, {"code": "000001"})
        # the verb and the table: what follows differs by identifiers and times
        return [re.sub(r"['\d].*", "", query["sql"], flags=re.DOTALL) for query in context.captured_queries]

    assert statements(email) == statements(KNOWN)


@pytest.mark.usefixtures("_people")
def test_each_address_gets_one_mail_of_two_parts() -> None:
    for email in (KNOWN, STAFF, INACTIVE, UNKNOWN):
        ask(Client(), email)
    assert [message.to for message in mail.outbox] == [[KNOWN], [STAFF], [INACTIVE], [UNKNOWN]]
    assert {len(message.alternatives) for message in mail.outbox} == {1}


def test_with_open_sign_up_known_and_new_get_the_same_mail() -> None:
    make_user(email=KNOWN)
    for email in (KNOWN, UNKNOWN):
        ask(Client(), email)
    known, new = (re.sub(r"[0-9]{3} [0-9]{3}", "CODE", message.body) for message in mail.outbox)
    assert known == new
    assert mail.outbox[0].subject == mail.outbox[1].subject
