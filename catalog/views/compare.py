from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import registration
from accounts.models import ExchangeAccount
from accounts.web import SignedInRequest
from catalog import comparing_rows
from catalog.comparing import FEWEST, MOST, Comparison
from catalog.freshness import freshness_of

LONGEST_LIST = 50
"""Numbers that are looked at: enough to say what is too much."""


@require_safe
def compare(request: SignedInRequest) -> HttpResponse:
    """Two to five services side by side, or all of one model family. Reads the kept catalogue alone."""
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    numbers = [text.strip()[:40] for text in request.GET.getlist("service") if text.strip()][:LONGEST_LIST]
    family = request.GET.get("family", "").strip()[:200].replace("\x00", "")
    context: dict[str, Any] = {"fresh": freshness_of(account.exchange)}
    if numbers:
        context |= _of_numbers(account, numbers)
    elif family:
        context |= _of_family(account, family, request.GET.get("page", "1"))
    if "comparison" not in context or not context["comparison"].columns:
        context["families"] = [
            (name, offers, _url(family=name)) for name, offers in comparing_rows.families_to_compare(account)
        ]
    return TemplateResponse(request, "catalog/compare.html", context)


def _of_numbers(account: ExchangeAccount, numbers: list[str]) -> dict[str, Any]:
    asked = comparing_rows.compare_numbers(account, numbers, timezone.now())
    comparison = asked.comparison
    there = [column.offering.number for column in comparison.columns]
    others = comparing_rows.others_to_add(account, comparison) if 0 < len(there) < MOST else []
    return {
        "comparison": comparison,
        "columns": [
            (column, _url(service=[number for number in there if number != column.offering.number]))
            for column in comparison.columns
        ],
        "left_out": asked.left_out,
        "unknown": asked.unknown,
        "too_few": 0 < len(there) < FEWEST,
        "is_full": len(there) >= MOST,
        "others": [(other, _url(service=[*there, other.remote_id])) for other in others],
        "there": there,
    }


def _of_family(account: ExchangeAccount, family: str, page: str) -> dict[str, Any]:
    pages = Paginator(comparing_rows.of_family(account, family), comparing_rows.PAGE_SIZE)
    shown = pages.get_page(page)
    comparison: Comparison = comparing_rows.compare_family(
        account, list(shown), timezone.now(), of_many=pages.count > 1
    )
    return {
        "comparison": comparison,
        "columns": [(column, "") for column in comparison.columns],
        "offerings": [column.offering for column in comparison.columns],
        "family": comparison.families[0] if comparison.families else family,
        "page": shown,
        "previous": _url(family=family, page=shown.number - 1) if shown.has_previous() else "",
        "next": _url(family=family, page=shown.number + 1) if shown.has_next() else "",
    }


def _url(**parameters: Any) -> str:
    query = urlencode(parameters, doseq=True)
    return f"{reverse('catalog:compare')}?{query}" if query else reverse("catalog:compare")
