from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class UsageConfig(AppConfig):
    name = "usage"
    verbose_name = _("Usage")

    def ready(self) -> None:
        from accounts.keys import budgets as asked_by_accounts
        from catalog import consumption as asked_by_catalog
        from usage import consumption, triggers
        from usage.budgets import counting

        asked_by_accounts.register(counting.spent)
        asked_by_catalog.register(consumption.consumed_by_service)
        post_migrate.connect(triggers.reinstall, sender=self)
