"""The API's reference page: drawn here from the API's own description, open to everybody."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

from gateway_site.api_reference import Reference, reference_of

FIRST = 'curl "$GATEWAY/api/v1/profile" \\\n  -H "Authorization: Bearer $KEY"'
"""What tells whether the two variables are right."""


class ReferencePage(DocsBase):
    """Pages that need no JavaScript of anybody else's, and look like the rest of the site."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        rate = settings.TOKLIGENCE.api_rate
        gateway = request.build_absolute_uri("/").rstrip("/")
        context = {
            "reference": _reference(api, get_language() or ""),
            "openapi_url": self.get_openapi_url(api, kwargs),
            "setup": f"GATEWAY={gateway}\nKEY=tgk_…",
            "first": FIRST,
            "rate": f"{rate:,}" if rate else "",
        }
        return render(request, "api/docs.html", context)


@lru_cache(maxsize=8)
def _reference(api: NinjaAPI, language: str) -> Reference:
    return reference_of(api.get_openapi_schema())
