from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from accounts.api_keys import create_key
from accounts.commands import GatewayCommand, acting_user
from exchange.text import clean_text


class Command(GatewayCommand):
    help = (
        "Make an API key, under which programs will record by the JSON API, which is not there yet. "
        "Its secret is shown once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--label", required=True, help="By which you recognise the key, at most 100 characters."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            created = create_key(acting_user(), label=options["label"])
        except ValidationError as error:
            raise CommandError(f"--label: {' '.join(error.messages)}", returncode=2) from error
        key, secret_text = created.key, created.secret_text
        if options["json"]:
            self.print_document(
                {"id": key.pk, "label": key.label, "prefix": created.prefix, "secret": secret_text}
            )
            return
        self.stdout.write(
            f"Made API key {key.pk}, {clean_text(key.label)}. Its secret:\n\n    {secret_text}\n"
        )
        self.stdout.write("Keep it now: it is shown this once and cannot be shown again.")
