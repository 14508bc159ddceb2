from __future__ import annotations

import uuid
from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from accounts.commands import DEADLINE, GatewayCommand, acting_user
from accounts.registration import account_of
from exchange import MAX_TOKENS
from exchange.text import clean_text
from usage.ledger import Draft, EntryConflict, EntryInvalid
from usage.models import Delivery, LedgerEntry
from usage.recording import Recorded, record_usage

State = Delivery.State


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


def moment(text: str) -> datetime:
    """A time with its offset, from the command line."""
    at = parse_datetime(text)
    if at is None or at.tzinfo is None:
        raise ArgumentTypeError("must be a time with its offset, like 2026-01-31T12:00:00Z")
    return at


class Command(GatewayCommand):
    help = "Record tokens that this account consumed or supplied, and report them to the Exchange."

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
            "--cached-tokens", type=tokens, help="How many of the prompt's tokens came from a cache."
        )
        parser.add_argument(
            "--reasoning-tokens", type=tokens, help="How many of the completion's tokens were reasoning."
        )
        parser.add_argument(
            "--direction", choices=LedgerEntry.Direction.values, default="consume", help="(%(default)s)"
        )
        parser.add_argument("--memo", default="", help="For recognising it later.")
        parser.add_argument(
            "--occurred-at", type=moment, help="When it happened, like 2026-01-31T12:00:00Z. Default: now."
        )
        parser.add_argument(
            "--estimated", action="store_true", help="The figures are an estimate, not the service's own."
        )
        parser.add_argument(
            "--entry-id",
            type=uuid.UUID,
            help="A UUID of your own: repeated with it, the same usage is recorded once.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_of(acting_user())
        names = (
            "service_id",
            "prompt_tokens",
            "completion_tokens",
            "cached_tokens",
            "reasoning_tokens",
            "direction",
            "memo",
            "occurred_at",
            "entry_id",
        )
        evidence = LedgerEntry.Evidence.ESTIMATED if options["estimated"] else LedgerEntry.Evidence.REPORTED
        draft = Draft(**{name: options[name] for name in names}, evidence=evidence.value)
        try:
            recorded = record_usage(account, draft, source="command", deadline=DEADLINE)
        except EntryInvalid as error:
            option = error.field.replace("_", "-")
            raise CommandError(f"--{option}: {error.sentence} Nothing was recorded.", returncode=2) from error
        except EntryConflict as error:
            raise CommandError(f"{error.sentence} Nothing was recorded.") from error
        if options["json"]:
            keys = ("entry_id", "seq", "hash", "delivery")
            self.print_document({key: getattr(recorded, key) for key in keys})
        else:
            self.stdout.write(told(recorded))
        if recorded.delivery == State.REJECTED:
            rules = "".join(
                f"\n  {clean_text(rule['id'])}: {clean_text(rule['message'])}" for rule in recorded.rules
            )
            raise CommandError(
                f"Entry {recorded.seq} is in the ledger, but the Exchange has not counted it. "
                f"{clean_text(recorded.error, 1000)}{rules}"
            )


def told(recorded: Recorded) -> str:
    """What was recorded, and how its report stands, in a line or two."""
    entry = recorded.entry
    done = "supplied" if entry.direction == LedgerEntry.Direction.SUPPLY else "consumed"
    what = f"{entry.total_tokens:,} tokens {done} at service {entry.service_id}; entry {entry.entry_id}"
    lead = "Recorded before, and there once" if recorded.repeated else "Recorded"
    line = f"{lead}: {what}, number {entry.seq}."
    state = {
        State.PENDING: "The Exchange has not counted it yet: sync_usage delivers it.",
        State.SENDING: "Its report to the Exchange is under way.",
        State.DELIVERED: "The Exchange has counted it.",
        State.UNCERTAIN: "Nobody knows whether the Exchange has counted it; it is not sent again by itself. "
        "Settle it on its page, or by `manage.py reconcile`.",
        State.WITHDRAWN: "It was reversed before the Exchange counted it.",
    }.get(State(recorded.delivery), "")
    why = f" ({clean_text(recorded.error)})" if recorded.error and recorded.delivery != State.REJECTED else ""
    return f"{line}\n{state}{why}" if state else line
