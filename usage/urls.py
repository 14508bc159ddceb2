from django.urls import path

from usage import views

app_name = "usage"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("usage/snapshot/", views.snapshot, name="snapshot"),
    path("usage/record/", views.record, name="record"),
]
