from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

from gateway_site.metrics import figures  # noqa: F401 - before django_prometheus: how processes count together


class GatewaySiteConfig(AppConfig):
    name = "gateway_site"

    def ready(self) -> None:
        from gateway_site import checks, open_files  # noqa: F401 - registers them
        from gateway_site.metrics import listening

        open_files.install()
        listening.install()


class GatewayAdminConfig(AdminConfig):
    default_site = "gateway_site.admin.GatewayAdminSite"
