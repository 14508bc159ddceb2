from __future__ import annotations

import uuid
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.commands import DEADLINE, GatewayCommand, acting_account, describe
from exchange import MAX_TOKENS, AmbiguousOutcome
from usage.recording import record_usage


def tokens(text: str) -> int:
    """A number of tokens from the command line."""
    number = int(text)
    if not 0 <= number <= MAX_TOKENS:
        raise ArgumentTypeError(f"must be a whole number from 0 to {MAX_TOKENS}")
    return number


def service_number(text: str) -> int:
    """The Exchange's number of a service, from the command line."""
    number = int(text)
    if not 0 < number < 2**63:
        raise ArgumentTypeError("must be a service's number, as list_services shows it")
    return number


class Command(GatewayCommand):
    help = "Record tokens that this account consumed or supplied."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--service-id",
            type=service_number,
            required=True,
            help="The service's number, as list_services shows it.",
        )
        parser.add_argument("--prompt-tokens", type=tokens, required=True)
        parser.add_argument("--completion-tokens", type=tokens, required=True)
        parser.add_argument(
            "--direction", choices=["consume", "supply"], default="consume", help="(%(default)s)"
        )
        parser.add_argument("--memo", default="", help="For recognising it later.")
        parser.add_argument(
            "--entry-id",
            type=uuid.UUID,
            help="A UUID of your own: repeated with it, an Exchange that can counts it once.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("service_id", "prompt_tokens", "completion_tokens", "direction", "memo")
        entry_id = options["entry_id"] or uuid.uuid4()
        account = acting_account()
        try:
            recorded = record_usage(
                account, **{name: options[name] for name in names}, entry_id=entry_id, deadline=DEADLINE
            )
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        except AmbiguousOutcome as error:
            # without it nobody could send the same report again as the same
            raise CommandError(f"{describe(error)} It was sent with --entry-id {entry_id}.") from error
        if options["json"]:
            keys = ("entry_id", "seq", "hash", "delivery")
            self.print_document({key: getattr(recorded, key) for key in keys})
            return
        total = options["prompt_tokens"] + options["completion_tokens"]
        done = "supplied" if options["direction"] == "supply" else "consumed"
        what = f"{total:,} tokens {done} at service {options['service_id']}; entry {recorded.entry_id}."
        self.stdout.write(
            f"Recorded before, counted once: {what}" if recorded.repeated else f"Recorded {what}"
        )
