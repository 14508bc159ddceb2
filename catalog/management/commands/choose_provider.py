from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from accounts.commands import DEADLINE, GatewayCommand, acting_user
from accounts.registration import account_of
from catalog.choosing import choose_provider
from exchange.text import clean_text


class Command(GatewayCommand):
    help = "Choose the provider that fits; the same one every time."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--name", default="", help="Its name contains this.")
        parser.add_argument("--model-family", default="", help="It offers this model family.")
        parser.add_argument(
            "--exclude", action="append", default=[], metavar="NAME", help="Not this one; repeatable."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        account_of(acting_user())  # says early that nobody is named, or that the database is not ready
        provider = choose_provider(
            name=options["name"],
            model_family=options["model_family"],
            exclude=options["exclude"],
            deadline=DEADLINE,
        )
        if options["json"]:
            self.print_document(provider)
            return
        self.stdout.write(f"{clean_text(provider.display_name)} (provider {provider.id})")
        if provider.description:
            self.stdout.write(clean_text(provider.description))
