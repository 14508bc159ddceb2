"""What the lists of the catalogue share: their addresses, and whether a page or a part of it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.template.response import TemplateResponse
from django_htmx.http import push_url

from accounts.web import SiteRequest


class ListAddress:
    """The address of a list as it is shown, and of others near it; what is usual is not in it."""

    def __init__(self, path: str, chosen: Mapping[str, str], *, sort: str = "", page: int = 1) -> None:
        self.path = path
        self.chosen = dict(chosen)
        self.sort = sort
        self.page = page

    def __str__(self) -> str:
        page = str(self.page) if self.page > 1 else ""
        return self._written({**self.chosen, "sort": self.sort, "page": page})

    @property
    def for_page(self) -> str:
        """The same list, up to where the page's number belongs."""
        return self._written({**self.chosen, "sort": self.sort}, "page=")

    @property
    def for_sort(self) -> str:
        """The first page of the same services, up to where the order's name belongs."""
        return self._written(self.chosen, "sort=")

    def without(self, *names: str) -> str:
        """The first page of the list that is no longer narrowed by these; its order stays."""
        left = {name: value for name, value in self.chosen.items() if name not in names}
        return self._written({**left, "sort": self.sort})

    def _written(self, values: Mapping[str, str], ending: str = "") -> str:
        parts = [part for part in (urlencode({k: v for k, v in values.items() if v}), ending) if part]
        return f"{self.path}?{'&'.join(parts)}" if parts else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFilter:
    """A filter that is set, in words, and the list without it."""

    name: str
    words: str
    without: str


def set_filters(address: ListAddress, words: Mapping[str, str]) -> list[SetFilter]:
    """Those of ``words`` (what each filter says, by its name) that are set, each to be taken off alone."""
    return [
        SetFilter(name=name, words=said, without=address.without(name))
        for name, said in words.items()
        if name in address.chosen
    ]


def takes_off_a_filter(request: SiteRequest) -> bool:
    """Whether a link of the list itself asks: then the form above it has to be told what is set now."""
    return (request.htmx.trigger or "").startswith("without-") if wants_part(request) else False


def wants_part(request: SiteRequest) -> bool:
    """Whether HTMX asks for a part of the page, and not for all of it after the Back button."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def list_response(request: SiteRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """The list as a page, or its part with its address pushed. 404 for a page beyond the end."""
    part = wants_part(request)
    template = f"catalog/_{name}.html" if part else f"catalog/{name}.html"
    response = TemplateResponse(request, template, context, status=404 if context["page"].is_beyond else 200)
    address = str(context["address"])
    # a list that loads itself again is where it was: Back must not have to be pressed twice
    if part and request.htmx.current_url_abs_path != address:
        push_url(response, address)
    return response
