"""No cache keeps a page of a signed-in person, whichever page of the URLconf it is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import IntConverter

from gateway_site.middleware import keep_pages_private

APPS = ("accounts", "catalog", "usage")


def argument(converter: object) -> object:
    return 1 if isinstance(converter, IntConverter) else uuid.UUID(int=1)


def pages() -> Iterator[str]:
    """The address of every page of ours, with arguments that nothing answers to."""
    for resolver in get_resolver().url_patterns:
        if isinstance(resolver, URLResolver) and resolver.namespace in APPS:
            for pattern in resolver.url_patterns:
                assert isinstance(pattern, URLPattern)
                converters = pattern.pattern.converters.items()
                kwargs = {
                    name: 1 if isinstance(of, IntConverter) else uuid.UUID(int=1) for name, of in converters
                }
                yield reverse(f"{resolver.namespace}:{pattern.name}", kwargs=kwargs)


PAGES = sorted(pages())


def test_there_are_pages() -> None:
    assert {"/", "/accounts/settings/", "/catalog/services/", "/usage/record/"} <= set(PAGES)


@pytest.mark.parametrize("path", [*PAGES, "/admin/", "/no/such/page"])
def test_no_cache_keeps_what_a_person_sees(path: str, signed_in: Client) -> None:
    response = signed_in.get(path)
    kept = {part.strip() for part in response.get("Cache-Control", "").split(",")}
    assert {"private", "no-store"} <= kept


@pytest.mark.django_db
def test_what_the_view_has_decided_stays() -> None:
    request = RequestFactory().get("/")
    request.COOKIES["tgw_session"] = "x"

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Cache-Control": "max-age=60"})

    assert keep_pages_private(view)(request).headers["Cache-Control"] == "max-age=60"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_says_what_it_always_says(path: str, signed_in: Client) -> None:
    assert signed_in.get(path)["Cache-Control"] == Client().get(path)["Cache-Control"]


def test_who_has_no_session_is_told_nothing(client: Client) -> None:
    request = RequestFactory().get("/")
    assert "Cache-Control" not in keep_pages_private(lambda request: HttpResponse())(request).headers
