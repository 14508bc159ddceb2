from django.contrib import admin
from django.urls import include, path

from gateway_site import api, health
from gateway_site.metrics.views import metrics

handler500 = "gateway_site.errors.server_error"
urlpatterns = [
    # first: programs ask it more often than people open pages
    path("api/v1/", api.urls),
    path("", include("usage.urls")),
    path("accounts/", include("accounts.urls")),
    path("catalog/", include("catalog.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
