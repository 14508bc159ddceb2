from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from accounts.commands import GatewayCommand, acting_account, acting_user, count, describe, plain
from accounts.factories import make_account, make_user
from accounts.models import User
from accounts.tests.wire import Desk
from exchange import (
    ComplianceRefusal,
    Direction,
    ExchangeUnreachable,
    NotAProvider,
    Rule,
    Service,
)


class Speaking(GatewayCommand):
    """A command that does what the test says."""

    requires_system_checks: list[str] = []

    def __init__(self, deed: Callable[[GatewayCommand], None]) -> None:
        super().__init__(stdout=StringIO(), stderr=StringIO())
        self.deed = deed

    def handle(self, *args: Any, **options: Any) -> None:
        self.deed(self)


def output_of(deed: Callable[[GatewayCommand], None]) -> str:
    """What the command prints on stdout."""
    command = Speaking(deed)
    call_command(command)
    return str(command.stdout._out.getvalue())


def failure_of(error: Exception) -> str:
    """The sentence with which the command fails."""

    def deed(_: GatewayCommand) -> None:
        raise error

    with pytest.raises(CommandError) as caught:
        call_command(Speaking(deed))
    assert caught.value.returncode == 1
    return str(caught.value)


def test_without_an_email_nobody_can_act(db: None, configure: Callable[..., None]) -> None:
    configure(email="")
    with pytest.raises(CommandError, match=r"email is not set: .*TOKLIGENCE_EMAIL"):
        acting_user()
    assert not User.objects.exists()


def test_it_acts_for_the_configured_person_who_is_added_when_new(
    db: None, configure: Callable[..., None]
) -> None:
    configure(email="ada@example.com", display_name="Ada")
    person = acting_user()
    assert (person.email, person.display_name) == ("ada@example.com", "Ada")
    configure(display_name="Somebody")
    assert acting_user() == person
    assert acting_user().display_name == "Ada", "a name that the person chose stays"


def test_the_account_that_acts_is_registered_when_it_was_not(
    db: None, configure: Callable[..., None], desk: Desk
) -> None:
    configure(email="ada@example.com")
    assert acting_account().is_registered
    assert acting_account().is_registered
    assert len(desk.asked) == 1


def test_an_account_that_is_registered_is_not_asked_for_again(
    db: None, configure: Callable[..., None], desk: Desk
) -> None:
    account = make_account(user=make_user(email="ada@example.com"))
    configure(email="ada@example.com")
    assert acting_account() == account
    assert desk.asked == []


def test_a_refusal_is_described_with_each_rule_on_a_line() -> None:
    rules = (Rule("PRICE_CEILING", "At most 100 USD."), Rule("REGION_BLOCKED"))
    first, *rest = describe(ComplianceRefusal("Refused.", rules=rules)).splitlines()
    assert first
    assert rest == ["  PRICE_CEILING: At most 100 USD.", "  REGION_BLOCKED"]


def test_a_refusal_fails_with_its_rules() -> None:
    refused = ComplianceRefusal("Refused.", rules=(Rule("PRICE_CEILING", "At most 100 USD."),))
    assert "PRICE_CEILING: At most 100 USD." in failure_of(refused)


def test_an_exchange_that_does_not_run_fails_with_what_to_do() -> None:
    assert "python manage.py runexchange" in failure_of(ExchangeUnreachable("It is down."))


def test_what_makes_no_sense_fails_with_its_sentence() -> None:
    assert failure_of(NotAProvider("Become one first.")) == "Become one first."


def test_a_database_that_was_not_made_fails_with_what_to_do() -> None:
    sentence = failure_of(OperationalError("no such table: accounts_user\nLINE 1"))
    assert "no such table: accounts_user)" in sentence
    assert "python manage.py migrate" in sentence
    assert "\n" not in sentence


def test_a_fault_of_ours_is_not_dressed_up() -> None:
    def deed(_: GatewayCommand) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call_command(Speaking(deed))


@dataclass(frozen=True)
class Printed:
    service: Service | None
    at: datetime
    entry_id: UUID
    directions: tuple[Direction, ...]


def test_a_document_is_json_with_exact_prices_and_iso_times() -> None:
    service = Service(
        id=4,
        provider_id=2,
        name="ada-llama",
        model_family="llama",
        price_per_1k_tokens=Decimal("0.10"),
        trial_tokens=0,
    )
    document = Printed(
        service, datetime(2026, 3, 1, 12, tzinfo=UTC), UUID(int=7), (Direction.CONSUME, Direction.SUPPLY)
    )
    printed = output_of(lambda command: command.print_document(document))
    assert '"price_per_1k_tokens":0.10' in printed
    assert printed.count("\n") == 1
    read = json.loads(printed)
    assert read["service"]["name"] == "ada-llama"
    assert read["at"] == "2026-03-01T12:00:00+00:00"
    assert read["entry_id"] == "00000000-0000-0000-0000-000000000007"
    assert read["directions"] == ["consume", "supply"]


def test_what_is_plain_already_stays_as_it_is() -> None:
    assert plain({"a": None, 1: [True, "x", 3], "价": (Decimal("1.50"),)}) == {
        "a": None,
        "1": [True, "x", 3],
        "价": [Decimal("1.50")],
    }


def width(line: str) -> int:
    """The columns that the line takes on a terminal."""
    return sum(2 if ord(char) > 0x2E80 else 1 for char in line)


def test_a_table_lines_up_with_wide_characters_in_it() -> None:
    rows = [["深度求索", count(1_234_567)], ["Acme", count(5)]]
    lines = output_of(
        lambda command: command.print_table(["Provider", "Tokens"], rows, "Nothing.")
    ).splitlines()
    assert lines[2].endswith("1,234,567")
    assert lines[3].endswith("        5")
    assert len({width(line.rstrip()) for line in lines[1:]}) == 1


def test_text_that_looks_like_a_number_is_left_as_it_is() -> None:
    printed = output_of(lambda command: command.print_table(["Name"], [["007"], ["1e5"], ["0.10"]], ""))
    assert [line.strip() for line in printed.splitlines()[2:]] == ["007", "1e5", "0.10"]


def test_an_empty_table_is_a_sentence() -> None:
    assert (
        output_of(lambda command: command.print_table(["Name"], [], "No providers yet."))
        == "No providers yet.\n"
    )
