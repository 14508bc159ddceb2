"""manage.py runexchange: the sandbox Exchange, ready to be traded with."""

import argparse
import errno
import os
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connections

from sandbox import faults
from sandbox.models import Provider, Service
from sandbox.refusals import Malformed
from sandbox.seed import seed_market
from sandbox.server import Address, ExchangeServer, listen, parse_address, url_of
from sandbox.wire import fit


def an_address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no address; give one like 127.0.0.1:8080") from None


def a_count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of 1 or more")
    return int(text)


def why_not(address: Address, error: OSError) -> str:
    """Why there can be no listening there, and what to do."""
    number = error.errno or 0
    reason = os.strerror(number) if number in errno.errorcode else error.strerror
    advice = "Give another address:port."
    if number == errno.EADDRINUSE:
        advice = "Is an Exchange running there already? Stop it, or give another address:port."
    return f"Cannot listen on {address.host}:{address.port} ({reason}). {advice}"


class Command(BaseCommand):
    help = (
        "Run a sandbox Exchange for development and rehearsal. It speaks the whole contract, with a "
        "database of its own (SANDBOX_DATABASE_URL). It can be told to misbehave, by the options below and, "
        "while it runs, at /_control/faults."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "address",
            nargs="?",
            type=an_address,
            default="127.0.0.1:8080",
            metavar="address:port",
            help="where to listen (default 127.0.0.1:8080; port 0: any that is free)",
        )
        parser.add_argument("--seed", action="store_true", help="add an example market of 60 services")
        parser.add_argument("--workers", type=a_count, default=1, help="processes (default 1)")
        parser.add_argument("--threads", type=a_count, default=8, help="threads in each (default 8)")
        misbehaviour = parser.add_argument_group(
            "misbehaviour", "Shares are of requests, from 0 to 1. Without options the Exchange behaves."
        )
        for name, (kind, text) in MISBEHAVIOUR.items():
            option = f"--{name.replace('_', '-')}"
            misbehaviour.add_argument(option, type=kind, metavar=METAVARS[kind], help=text)
        misbehaviour.add_argument(
            "--core-only", action="store_true", help="speak the core of the contract only, no extension"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        told = {name: options[name] for name in MISBEHAVIOUR if options[name] is not None}
        try:
            misbehaviour = fit({**told, "core_only": options["core_only"]}, faults.Faults)
        except Malformed as error:
            raise CommandError(error.sentence, returncode=2) from None
        address: Address = options["address"]
        try:
            listener = listen(address)
        except OSError as error:
            raise CommandError(why_not(address, error)) from None
        with listener:
            self._prepare(misbehaviour, seed=options["seed"])
            self._greet(url_of(listener), misbehaviour)
            ExchangeServer(
                listener,
                workers=options["workers"],
                threads=options["threads"],
                verbose=options["verbosity"] > 1,
            ).run()

    def _prepare(self, misbehaviour: faults.Faults, *, seed: bool) -> None:
        try:
            call_command("migrate", interactive=False, verbosity=0)
            faults.replace(misbehaviour)
            if seed:
                seed_market()
        except DatabaseError as error:
            reason = " ".join(str(error).split())
            raise CommandError(f"The database of SANDBOX_DATABASE_URL cannot be used: {reason}") from None

    def _greet(self, url: str, misbehaviour: faults.Faults) -> None:
        lines = [
            f"Sandbox Exchange on {url}",
            f"{Provider.objects.count()} providers, {Service.objects.count()} services"
            + ("" if Service.objects.exists() else " (--seed adds an example market)"),
            "Misbehaving: " + "; ".join(misbehaviour.in_words())
            if misbehaviour.in_words()
            else f"Behaving well (change that at {url}/_control/faults)",
            "Ctrl-C stops it.",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()
        # A worker is a fork, and must not share this process's connection.
        connections.close_all()


METAVARS = {int: "N", float: "SHARE"}
MISBEHAVIOUR: dict[str, tuple[type, str]] = {
    "latency_ms": (int, "wait this many milliseconds before every answer"),
    "error_share": (float, "answer with --error-status, nothing done"),
    "error_status": (int, "from 500 to 599 (default 503)"),
    "drop_before_share": (float, "drop the connection before anything is done"),
    "drop_after_share": (float, "do what was asked, then drop the connection"),
    "malformed_share": (float, "do what was asked, then answer 200 with malformed JSON"),
    "rate_limit_share": (float, "answer 429 with Retry-After, nothing done"),
    "retry_after_s": (int, "seconds that Retry-After says (default 1)"),
}
