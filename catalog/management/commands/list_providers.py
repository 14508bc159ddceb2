from __future__ import annotations

from typing import Any

from accounts.commands import DEADLINE, GatewayCommand, acting_user, count
from accounts.registration import account_of
from catalog.market import list_providers


class Command(GatewayCommand):
    help = "List the providers at the Exchange."

    def handle(self, *args: Any, **options: Any) -> None:
        rows = list_providers(account_of(acting_user()), deadline=DEADLINE)
        if options["json"]:
            keys = ("id", "user_id", "display_name", "description")
            self.print_document([{key: getattr(row, key) for key in keys} for row in rows])
            return
        table = [
            (
                count(row.id),
                row.display_name,
                count(row.service_count),
                "yes" if row.is_mine else "",
            )
            for row in rows
        ]
        self.print_table(["id", "provider", "services", "mine"], table, "The Exchange lists no provider yet.")
