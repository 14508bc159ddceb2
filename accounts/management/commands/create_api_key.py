from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from accounts.api_keys import create_key
from accounts.commands import GatewayCommand, acting_user
from accounts.keys.budgets import NANOS, Budget
from accounts.keys.settings import YEARS, KeySettings
from accounts.models.api_key import BudgetPeriod, BudgetUnit, Scope
from exchange.text import clean_text

OPTIONS = {
    "label": "--label",
    "tags": "--tag",
    "scopes": "--scope",
    "expires_at": "--expires",
    "default_service_id": "--service-id",
    "budget_limit": "--budget-tokens or --budget-usd",
    "soft_limit": "--soft-limit",
}
"""The option that gives each setting."""


class Command(GatewayCommand):
    help = (
        "Make an API key, with which programs record usage and read the catalogue by the JSON API "
        "(docs/api.md). Its secret is shown once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--label", required=True, help="By which you recognise the key, at most 100 characters."
        )
        parser.add_argument("--tag", action="append", default=[], help="A word to group keys by; repeatable.")
        parser.add_argument(
            "--scope",
            action="append",
            choices=Scope.values,
            help="What it may do; repeatable (default: read and record).",
        )
        parser.add_argument(
            "--expires",
            type=_moment,
            metavar="WHEN",
            help="When it ends: with a UTC day (2026-12-31), at a time with its offset, or after days (30d).",
        )
        parser.add_argument(
            "--service-id",
            type=int,
            metavar="NUMBER",
            help="The Exchange's number of the service that is meant where an entry names none.",
        )
        budget = parser.add_mutually_exclusive_group()
        budget.add_argument("--budget-tokens", type=_tokens, metavar="TOKENS", help="At most so many tokens.")
        budget.add_argument("--budget-usd", type=_dollars, metavar="USD", help="At most so many US dollars.")
        parser.add_argument(
            "--period",
            choices=BudgetPeriod.values,
            default=BudgetPeriod.MONTH.value,
            help="For how long a budget is; UTC, weeks begin on Monday (default: %(default)s).",
        )
        parser.add_argument(
            "--soft-limit",
            metavar="AMOUNT",
            help="Where a mail warns, below the budget and in its unit.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        settings = KeySettings(
            label=options["label"],
            tags=options["tag"],
            scopes=options["scope"] or (Scope.READ.value, Scope.RECORD.value),
            expires_at=options["expires"],
            default_service_id=options["service_id"],
            budget=_budget(options),
        )
        try:
            created = create_key(acting_user(), settings)
        except ValidationError as error:
            if not hasattr(error, "error_dict"):
                raise CommandError(" ".join(error.messages)) from error
            problems = [f"{OPTIONS[name]}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
            raise CommandError("\n".join(problems), returncode=2) from error
        key, secret_text = created.key, created.secret_text
        if options["json"]:
            self.print_document(
                {"id": key.pk, "label": key.label, "prefix": created.prefix, "secret": secret_text}
            )
            return
        self.stdout.write(
            f"Made API key {key.pk}, {clean_text(key.label)}. Its secret:\n\n    {secret_text}\n"
        )
        self.stdout.write("Keep it now: it is shown this once and cannot be shown again.")


def _budget(options: dict[str, Any]) -> Budget | None:
    if options["budget_tokens"] is not None:
        unit, limit, read = BudgetUnit.TOKENS, options["budget_tokens"], _tokens
    elif options["budget_usd"] is not None:
        unit, limit, read = BudgetUnit.USD, options["budget_usd"], _dollars
    elif options["soft_limit"] is not None:
        raise CommandError("--soft-limit: needs --budget-tokens or --budget-usd.", returncode=2)
    else:
        return None
    try:
        soft = None if options["soft_limit"] is None else read(options["soft_limit"])
    except argparse.ArgumentTypeError as error:
        raise CommandError(f"--soft-limit: {error}.", returncode=2) from error
    return Budget(unit=unit, period=BudgetPeriod(options["period"]), limit=limit, soft_limit=soft)


def _tokens(text: str) -> int:
    figure = text.replace(",", "").replace("_", "")
    if not (figure.isascii() and figure.isdigit() and len(figure) <= 19):
        raise argparse.ArgumentTypeError("must be a whole number of tokens, such as 1,000,000")
    return int(figure)


def _dollars(text: str) -> int:
    """Nano-dollars."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < 10**9 or int(amount.as_tuple().exponent) < -9:
        raise argparse.ArgumentTypeError("must be US dollars, such as 25 or 0.50, to 9 decimal places")
    return int(amount * NANOS)


def _moment(text: str) -> datetime:
    if text.endswith("d") and text[:-1].isascii() and text[:-1].isdigit() and len(text) <= 6:
        return timezone.now() + timedelta(days=int(text[:-1]))
    try:
        day = parse_date(text)
        moment = None if day else parse_datetime(text)
    except ValueError:
        day = moment = None
    if day and day.year < YEARS:
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError("must be a day (2026-12-31), a time with its offset, or days (30d)")
    return moment
