"""The Django admin, for operators: the same sign-in as everywhere, no passwords."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _

from accounts import sessions

PASSWORD_PAGES = ("password_change", "password_change_done")


class GatewayAdminSite(AdminSite):
    site_header = _("Tokligence Gateway")
    site_title = _("Tokligence Gateway")
    index_title = _("Operations")

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in PASSWORD_PAGES]

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """To the site's own sign-in; who is signed in and no operator is told so."""
        index = reverse("admin:index")
        wanted = request.GET.get("next") or index
        if not request.user.is_authenticated:
            return redirect_to_login(wanted)
        if self.has_permission(request):
            return HttpResponseRedirect(wanted if wanted.startswith(index) else index)
        context = {"email": str(request.user)}
        return TemplateResponse(request, "accounts/not_staff.html", context, status=403)

    def logout(  # type: ignore[override]  # Django's own answers with a page; ours leads to the sign-in
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        sessions.end(request)
        return redirect("accounts:login")
