"""What the two commands that choose have in common: the same options, the same live catalogue."""

from __future__ import annotations

import argparse
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.commands import DEADLINE, GatewayCommand, acting_user
from accounts.models import ExchangeAccount
from accounts.registration import account_of
from catalog.choosing import Choice, Criteria, Strategy
from catalog.choosing_live import bring_up_to_date
from catalog.mirror import CatalogueError
from exchange import MAX_TOKENS


class ChooseCommand(GatewayCommand):
    """Notes (a stale catalogue, a strategy that fell back) go to stderr: stdout is the answer alone."""

    default_strategy: Strategy
    name_help: str

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--name", default="", help=self.name_help)
        parser.add_argument("--model-family", default="", help="Of this model family, such as gpt-4o.")
        parser.add_argument(
            "--max-price", type=_price, metavar="USD", help="At the most this much per 1,000 tokens."
        )
        parser.add_argument(
            "--min-trial",
            type=_tokens,
            default=0,
            metavar="TOKENS",
            help="With at least so many trial tokens.",
        )
        parser.add_argument(
            "--exclude",
            "--exclude-provider",
            action="append",
            default=[],
            metavar="PROVIDER",
            help="Not of this provider (whole name, or # and its number); repeatable.",
        )
        parser.add_argument(
            "--strategy",
            choices=[str(strategy) for strategy in Strategy],
            default=str(self.default_strategy),
            help="Which of those that fit (default: %(default)s).",
        )

    def live_account(self) -> ExchangeAccount:
        """The account that acts, the catalogue brought up to date or said to be old."""
        account = account_of(acting_user())  # says early that nobody is named, or the database not ready
        try:
            stale = bring_up_to_date(deadline=DEADLINE)
        except CatalogueError as error:
            raise CommandError(str(error)) from error
        if stale:
            self.stderr.write(stale)
        return account

    def note(self, choice: Choice) -> None:
        if choice.note:
            self.stderr.write(choice.note)


def criteria_of(options: dict[str, Any]) -> Criteria:
    return Criteria(
        name=options["name"],
        model_family=options["model_family"],
        max_price_per_1k=options["max_price"],
        min_trial_tokens=options["min_trial"],
        exclude=tuple(options["exclude"]),
    )


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or not 0 <= price <= 10**15 or int(price.as_tuple().exponent) < -30:
        raise argparse.ArgumentTypeError("must be a price in USD from 0, such as 0.0030")
    return price or Decimal(0)  # 0e400 would be written out in the answer


def _tokens(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= MAX_TOKENS):
        raise argparse.ArgumentTypeError("must be a whole number from 0")
    return int(text)
