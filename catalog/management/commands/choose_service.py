from __future__ import annotations

from typing import Any

from catalog.choosing import Strategy, choose_service
from catalog.choosing_command import ChooseCommand, criteria_of
from exchange.text import clean_text


class Command(ChooseCommand):
    help = "Choose the service that fits; the same one every time."
    default_strategy = Strategy.CHEAPEST
    name_help = "The service's name contains this."

    def handle(self, *args: Any, **options: Any) -> None:
        choice = choose_service(self.live_account(), criteria_of(options), Strategy(options["strategy"]))
        self.note(choice)
        service, provider = choice.service, choice.provider
        if options["json"]:
            self.print_document(service)
            return
        name, seller = clean_text(service.name), clean_text(provider.display_name)
        self.stdout.write(f"{name} (service {service.id}) of {seller} (provider {provider.id})")
        trial = f"{service.trial_tokens:,} trial tokens" if service.trial_tokens else "no trial tokens"
        price = format(service.price_per_1k_tokens, "f")
        self.stdout.write(f"{clean_text(service.model_family)}, ${price} per 1K tokens, {trial}")
