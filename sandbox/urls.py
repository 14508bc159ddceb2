"""The contract's paths, and the control endpoint."""

from django.urls import path

from sandbox import control, views
from sandbox.endpoints import endpoint

urlpatterns = [
    path("users", endpoint(POST=views.register_user)),
    path("providers", endpoint(GET=views.list_providers)),
    path("services", endpoint(GET=views.list_services, POST=views.publish_service)),
    path("usage", endpoint(POST=views.report_usage)),
    path("usage/summary", endpoint(GET=views.usage_summary)),
    path("usage/statement", endpoint(GET=views.usage_statement)),
    path("_control/health", control.for_loopback(GET=control.health)),
    path("_control/seed", control.for_loopback(POST=control.seed)),
    path(
        "_control/faults",
        control.for_loopback(
            GET=control.show_faults,
            PUT=control.change_faults,
            PATCH=control.change_faults,
            DELETE=control.reset_faults,
        ),
    ),
]

handler400 = "sandbox.answers.bad_request"
handler404 = "sandbox.answers.not_found"
handler500 = "sandbox.answers.server_error"
