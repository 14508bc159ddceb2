from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class GatewaySiteConfig(AppConfig):
    name = "gateway_site"

    def ready(self) -> None:
        from gateway_site import checks, open_files  # noqa: F401 - registers them

        open_files.install()


class GatewayAdminConfig(AdminConfig):
    default_site = "gateway_site.admin.GatewayAdminSite"
