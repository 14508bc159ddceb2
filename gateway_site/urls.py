from django.contrib import admin
from django.urls import include, path

from gateway_site import api, health

urlpatterns = [
    # first: programs ask it more often than people open pages
    path("api/v1/", api.urls),
    path("", include("usage.urls")),
    path("accounts/", include("accounts.urls")),
    path("catalog/", include("catalog.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
