"""What the tests of accounts share: asking for a code, reading it from the mail, signing in as a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

LOGIN, VERIFY, RESEND = "/accounts/login/", "/accounts/verify/", "/accounts/verify/resend/"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
HTMX: dict[str, Any] = {"HTTP_HX_REQUEST": "true"}


def ask(client: Client, email: str = "ada@example.com", *, wanted: str = "", **extra: Any) -> HttpResponse:
    """Ask for a code on the sign-in page."""
    return client.post(LOGIN, {"email": email, "next": wanted}, **extra)


def mailed_code(position: int = -1) -> str:
    """The digits in the mail that was sent last (or at this position)."""
    return code_in(str(mail.outbox[position].body))


def code_in(text: str) -> str:
    found = re.search(r"^ {4}([0-9]{3,4} [0-9]{3,4})$", text, re.MULTILINE)
    assert found, text
    return found[1].replace(" ", "")


def wrong(code: str) -> str:
    """Another code of the same length."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


def sign_in(
    client: Client, email: str = "ada@example.com", *, wanted: str = "", **extra: Any
) -> HttpResponse:
    """The whole way: ask, read the mail, enter the code. The answer is that of the last step."""
    ask(client, email, wanted=wanted, **extra)
    return client.post(VERIFY, {"code": mailed_code()}, **extra)


def is_signed_in(client: Client) -> bool:
    """Whether a page behind the sign-in opens."""
    return client.get(reverse("accounts:settings")).status_code == 200


def text_of(response: HttpResponse) -> str:
    return response.content.decode()


@contextmanager
def counted_queries(expected: int) -> Iterator[None]:
    """Exactly so many SQL statements; the savepoints of a test's own transaction are not counted."""
    with CaptureQueriesContext(connection) as context:
        yield
    statements = [query["sql"] for query in context.captured_queries]
    ours = [sql for sql in statements if not sql.startswith(("SAVEPOINT", "RELEASE SAVEPOINT"))]
    assert len(ours) == expected, f"{len(ours)} statements:\n" + "\n".join(ours)


def refused(statement: str) -> str:
    """The words with which the database refuses to execute this."""
    with connection.cursor() as cursor, transaction.atomic():
        try:
            with transaction.atomic():
                cursor.execute(statement)
        except DatabaseError as error:
            return str(error)
    return pytest.fail(f"It was not refused: {statement}")
