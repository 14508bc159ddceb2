from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = _("Catalogue")

    def ready(self) -> None:
        from accounts.keys import services as asked_by_accounts
        from catalog import choices

        asked_by_accounts.register(choices.choices_of_keys)
