from django.urls import path

from catalog.views import compare, providers, publish, refresh, services

app_name = "catalog"
urlpatterns = [
    path("providers/", providers.providers, name="providers"),
    path("providers/<int:number>/", providers.provider, name="provider"),
    path("services/", services.services, name="services"),
    path("services/<int:number>/", services.service, name="service"),
    path("services/<int:number>/edit/", publish.edit, name="edit"),
    path("services/publish/", publish.publish, name="publish"),
    path("compare/", compare.compare, name="compare"),
    path("refresh/", refresh.refresh, name="refresh"),
]
