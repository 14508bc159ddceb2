from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from accounts.commands import GatewayCommand
from gateway_site.bootstrapping import bootstrap
from gateway_site.config import ConfigError


def totals(ours: int, theirs: int | None) -> str:
    """Our tokens, and the Exchange's where it counts another number of them."""
    if theirs is None or theirs == ours:
        return f"{ours:,} tokens"
    return f"{ours:,} tokens; the Exchange counts {theirs:,}"


class Command(GatewayCommand):
    help = "Register the configuration's account, make its operator, publish its service. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        config = settings.TOKLIGENCE
        try:
            done = bootstrap(config)
        except ConfigError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.print_document(done)
            return
        user, provider, service, summary = done.user, done.provider, done.service, done.summary
        theirs = summary.exchange
        lines = [
            ("Exchange", config.base_url),
            ("Account", f"{user.email} (user {user.id}; {', '.join(user.roles)})"),
            ("Provider", f"{provider.display_name} (provider {provider.id})" if provider else "no"),
            ("Published", f"{service.name} (service {service.id})" if service else "nothing"),
            ("Operator", config.admin_email or "nobody; set admin_email"),
            ("Consumed", totals(summary.consumed_tokens, theirs.consumed_tokens if theirs else None)),
            ("Supplied", totals(summary.supplied_tokens, theirs.supplied_tokens if theirs else None)),
        ]
        for name, text in lines:
            self.stdout.write(f"{name:<10} {text}")
