from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from accounts.commands import DEADLINE, GatewayCommand, acting_account
from catalog.forms import PublishForm
from catalog.publish_once import Offer
from catalog.publishing import publish
from exchange import NotAProvider
from exchange.text import clean_text

_OPTIONS = {
    "name": "name",
    "model_family": "model_family",
    "price_per_1k_tokens": "price_per_1k",
    "trial_tokens": "trial_tokens",
}
_HOW_TO_ENROL = (
    "Set enable_provider = true and run `python manage.py bootstrap`, or enrol on the settings page."
)


class Command(GatewayCommand):
    help = (
        "Publish a service, or update the one of that name. What is not given comes from the configuration."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        config = settings.TOKLIGENCE
        parser.add_argument(
            "--name", default=config.publish_name, help="Default: publish_name (%(default)r)."
        )
        parser.add_argument(
            "--model-family", default=config.model_family, help="Default: model_family (%(default)r)."
        )
        parser.add_argument(
            "--price-per-1k",
            default=format(config.price_per_1k, "f"),
            help="USD per 1,000 tokens (%(default)s).",
        )
        parser.add_argument("--trial-tokens", default=str(config.trial_tokens), help="Tokens (%(default)s).")

    def handle(self, *args: Any, **options: Any) -> None:
        form = PublishForm({field: options[option] for field, option in _OPTIONS.items()})
        if not form.is_valid():
            raise CommandError(_usage_error(form), returncode=2)
        try:
            published = publish(acting_account(), _offer(form), deadline=DEADLINE)
        except NotAProvider as error:
            raise CommandError(f"{error.sentence} {_HOW_TO_ENROL}") from error
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        service = published.service
        if options["json"]:
            self.print_document(service)
            return
        name, family = clean_text(service.name), clean_text(service.model_family)
        price = format(service.price_per_1k_tokens, "f")
        self.stdout.write(f"Published service {service.id}: {name}, {family}, ${price} per 1K tokens.")
        if published.found:
            self.stdout.write(
                "The answer was lost, so the Exchange was asked: it has the service as given here."
            )


def _offer(form: PublishForm) -> Offer:
    return Offer(**{field: form.cleaned_data[field] for field in _OPTIONS})


def _usage_error(form: PublishForm) -> str:
    return "\n".join(
        f"--{_OPTIONS[field].replace('_', '-')}: {error}"
        for field, errors in form.errors.items()
        for error in errors
    )
