from __future__ import annotations

from typing import Any

from catalog.choosing import Strategy, choose_provider
from catalog.choosing_command import ChooseCommand, criteria_of
from exchange.text import clean_text


class Command(ChooseCommand):
    help = "Choose the provider that fits; the same one every time."
    default_strategy = Strategy.LONGEST_STANDING
    name_help = "The provider's name contains this."

    def handle(self, *args: Any, **options: Any) -> None:
        choice = choose_provider(self.live_account(), criteria_of(options), Strategy(options["strategy"]))
        self.note(choice)
        provider = choice.provider
        if options["json"]:
            self.print_document(provider)
            return
        self.stdout.write(f"{clean_text(provider.display_name)} (provider {provider.id})")
        if provider.description:
            self.stdout.write(clean_text(provider.description))
