"""System checks: the sandbox is for rehearsal, and a live deployment must never talk to it by accident."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def refuse_in_live(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """sandbox.E001: the configured environment is live, where only a real Exchange may answer."""
    if settings.ENVIRONMENT != "live":
        return []
    return [
        Error(
            "The sandbox Exchange does not run with environment=live: its books are make-believe.",
            hint="Point base_url to a real Exchange, or set environment to dev or test.",
            id="sandbox.E001",
        )
    ]
