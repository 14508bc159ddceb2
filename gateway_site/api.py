"""``/api/v1/``: the apps' routers under one address, one way to refuse, one description."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern

from accounts.api import errors
from accounts.api.json import JsonParser, JsonRenderer
from gateway_site.api_description import Described
from gateway_site.api_docs import ReferencePage

DESCRIPTION = """\
Record tokens consumed or supplied, ask for budgets, read the catalogue, the summary and the logs, publish
services and manage API keys.

**Who calls.** A program sends an API key: `Authorization: Bearer tgk_…`. A person signs in by `auth/login`
and `auth/verify`, which sets a cookie; changes by that cookie also need the header `X-CSRFToken`. A key acts
within its scopes: `read`, `record`, `publish`. Keys are managed by people alone.

**Figures.** Tokens are whole numbers. Prices are US dollars per 1,000 tokens, exact decimals. Times are
ISO 8601, in answers always UTC.

**Refusals** have one form for every status: `{"error": {"code", "message", "field", "rules", "problems",
"request_id"}}`. 429 says with `Retry-After` when to go on.
"""

api = Described(
    title="Tokligence Gateway",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    parser=JsonParser(),
    renderer=JsonRenderer(),
    docs=ReferencePage(),
    docs_url="/docs",
    openapi_url="/openapi.json",
)
errors.install(api)
api.add_router("/auth", "accounts.api.sign_in.router")
api.add_router("/profile", "accounts.api.profile.router")
api.add_router("/keys", "accounts.api.keys.router")
api.add_router("/providers", "catalog.api.providers.router")
api.add_router("/services", "catalog.api.services.router")
api.add_router("/budget", "usage.api.budget.router")
api.add_router("/usage", "usage.api.recording.router")
api.add_router("/usage", "usage.api.litellm.router")
api.add_router("/usage", "usage.api.summary.router")
api.add_router("/usage", "usage.api.logs.router")


def _patterns() -> Any:
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            # the site's sign-in page is for browsers: the API says 401 for itself
            pattern.callback = login_not_required(pattern.callback)
    return patterns, app_name, namespace


urls = _patterns()
