from django.urls import path

from catalog import views

app_name = "catalog"
urlpatterns = [
    path("providers/", views.providers, name="providers"),
    path("services/", views.services, name="services"),
    path("services/publish/", views.publish, name="publish"),
]
