"""What the commands share: for whom they act, how they print, how they fail.

Exit 0: done. 1: refused or failed, with one sentence on stderr. 2: wrong usage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, OperationalError, ProgrammingError, transaction
from pydantic import BaseModel
from tabulate import tabulate

from accounts import audit
from accounts.auditing import origin
from accounts.failures import explain
from accounts.models import ExchangeAccount, User
from accounts.registration import account_of, ensure_registered
from exchange import ExchangeError, ExchangeRejected, GatewayError
from exchange.text import clean_text
from exchange.wire_json import dumps

DEADLINE = 4.0
"""Seconds in all that a command gives one call to the Exchange: it answers within five, start-up included."""


class GatewayCommand(BaseCommand):
    """A command that prints a result: for people, or with ``--json`` one document on stdout."""

    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON document instead of text.")

    def execute(self, *args: Any, **options: Any) -> str | None:
        program = f"manage.py {type(self).__module__.rpartition('.')[2]}"
        try:
            with origin.of_program(program, by_itself=bool(options.get("watch"))):
                return super().execute(*args, **options)
        except ExchangeError as error:
            raise CommandError(describe(error)) from error
        except GatewayError as error:
            raise CommandError(explain(error)) from error
        except (OperationalError, ProgrammingError) as error:
            raise CommandError(
                f"The database cannot be used ({_first_line(error)}). "
                "If it is new, run `python manage.py migrate`."
            ) from error

    def print_document(self, document: Any) -> None:
        """One JSON document on stdout; a Decimal is a number without a float's dust."""
        self.stdout.write(dumps(plain(document)).decode())

    def print_table(self, headers: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
        """A table for people; numbers stand right, and no name can steer the terminal.

        ``empty`` is the sentence when there are no rows.
        """
        if not rows:
            self.stdout.write(empty)
            return
        right = [all(isinstance(row[i], Number) for row in rows) for i in range(len(headers))]
        cells = [
            [cell.text if isinstance(cell, Number) else clean_text(str(cell)) for cell in row] for row in rows
        ]
        align = ["right" if is_right else "left" for is_right in right]
        self.stdout.write(tabulate(cells, headers, tablefmt="simple", colalign=align, disable_numparse=True))


class Number:
    """A figure in a table, already as text: grouped, or a price as it is."""

    def __init__(self, text: str) -> None:
        self.text = text


def count(tokens: int) -> Number:
    """Tokens, with thousands grouped."""
    return Number(f"{tokens:,}")


def acting_user() -> User:
    """The person for whom the commands act: the configuration's ``email``, added when new.

    Raises CommandError when it is not set.
    """
    email = settings.TOKLIGENCE.email
    if not email:
        raise CommandError(
            "email is not set: set it in config/setting.ini or TOKLIGENCE_EMAIL, and say who acts."
        )
    with transaction.atomic():
        user, created = User.objects.get_or_create(
            email=email, defaults={"display_name": settings.TOKLIGENCE.display_name}
        )
        origin.acting_for(user)
        if created:
            audit.note("person.added", subject=audit.of_person(user))
    return user


def acting_account() -> ExchangeAccount:
    """The account of ``acting_user``, registered at the Exchange now if it was not.

    Raises exchange.ExchangeError.
    """
    account = account_of(acting_user())
    return account if account.is_registered else ensure_registered(account.user, deadline=DEADLINE)


def describe(error: ExchangeError) -> str:
    """The error's sentence, and each rule that was broken on a line of its own."""
    rules = error.rules if isinstance(error, ExchangeRejected) else ()
    return "\n".join(
        [
            explain(error),
            *(f"  {rule.id}: {rule.message}" if rule.message else f"  {rule.id}" for rule in rules),
        ]
    )


def plain(value: Any) -> Any:
    """Dataclasses and wire types as JSON's own types, times as ISO text; a Decimal stays."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump())
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return value


def _first_line(error: DatabaseError) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
