from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from accounts.commands import DEADLINE, GatewayCommand, Number, acting_account, acting_user, count
from accounts.registration import account_of
from catalog.market import list_services

_EMPTY_MINE = "This account publishes no service that fits."


class Command(GatewayCommand):
    help = "List the services on offer at the Exchange, by model family and price."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--mine", action="store_true", help="Only what this account publishes.")
        parser.add_argument("--provider-id", type=int, help="Only this provider's.")
        parser.add_argument("--model-family", default="", help="Only this family, such as gpt-4o.")

    def handle(self, *args: Any, **options: Any) -> None:
        # whose own services are asked for must be known there; everybody's can be seen by anybody
        account = acting_account() if options["mine"] else account_of(acting_user())
        rows = list_services(
            account,
            mine=options["mine"],
            provider_id=options["provider_id"],
            model_family=options["model_family"],
            deadline=DEADLINE,
        )
        if options["json"]:
            keys = ("id", "provider_id", "name", "model_family", "price_per_1k_tokens", "trial_tokens")
            self.print_document([{key: getattr(row, key) for key in keys} for row in rows])
            return
        table = [
            (
                count(row.id),
                row.name,
                row.model_family,
                row.provider_name or f"#{row.provider_id}",
                Number(format(row.price_per_1k_tokens, "f")),
                count(row.trial_tokens),
            )
            for row in rows
        ]
        headers = ["id", "service", "model family", "provider", "USD per 1K tokens", "trial tokens"]
        self.print_table(headers, table, _EMPTY_MINE if options["mine"] else "No service fits.")
