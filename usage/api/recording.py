"""POST usage: one entry, or up to a thousand, each judged alone and recorded once."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router
from pydantic import TypeAdapter

from accounts.api.callers import ApiRequest, Caller, allowed
from accounts.api.errors import ApiError, invalid
from accounts.api.json import read_json
from accounts.api.responses import BODY, KNOWN, refusals
from accounts.models.api_key import Scope
from exchange.text import clean_text
from exchange.wire_json import dumps
from usage import ledger
from usage.api.entries import EntriesIn, EntryIn, RefusedOut, ResultsOut, draft_of, result_of
from usage.writing.drafts import Draft

router = Router(tags=["Usage"])
STATUSES = {"recorded": 201, "duplicate": 200, "conflict": 409, "invalid": 422}
"""How a single entry is answered."""
BODY_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": TypeAdapter(EntryIn | EntriesIn).json_schema(
                    ref_template="#/components/schemas/{model}"
                )
            }
        },
    }
}


@router.post(
    "",
    auth=allowed(Scope.RECORD),
    response={
        200: ResultsOut,
        201: ResultsOut,
        **refusals(*KNOWN, *BODY),
        409: RefusedOut,
        422: RefusedOut,
    },
    openapi_extra=BODY_SCHEMA,
    summary="Record usage",
)
def record(request: ApiRequest) -> HttpResponse:
    """Record one entry, or `{"entries": […]}` with up to 1,000, in your book, which tells the Exchange.

    A single entry is answered with 201 (recorded), 200 (it was there), 409 (its `entry_id` is known, with
    other content) or 422; several with 200 and a result for each. A budget never drops a record:
    `over_budget` marks it.
    """
    told = read_json(request)
    if not isinstance(told, dict):
        raise invalid([("body", _('must be an object: one entry, or {"entries": […]}.'))])
    if "entries" not in told:
        (result,) = judged(request.auth, [told])
        return _single(request, result)
    entries = told["entries"]
    unknown = min(told.keys() - {"entries"}, default=None)
    if unknown is not None:
        raise invalid([(clean_text(unknown, 100) or "body", _("is not known beside entries."))])
    if not isinstance(entries, list) or not 1 <= len(entries) <= ledger.MOST_AT_ONCE:
        raise invalid([("entries", _("must be a list of 1 to 1,000 entries."))])
    return _answer({"results": judged(request.auth, entries)}, 200)


def judged(caller: Caller, entries: list[Any]) -> list[dict[str, Any]]:
    """A result for each of the entries, in order; those that can be are in the ledger."""
    drafts = [draft_of(told, caller.key) for told in entries]
    fit = [draft for draft in drafts if isinstance(draft, Draft)]
    done = iter(ledger.record(caller.account, fit, source="api", api_key=caller.key) if fit else [])
    return [result_of(next(done)) if isinstance(draft, Draft) else draft for draft in drafts]


def _single(request: HttpRequest, result: dict[str, Any]) -> HttpResponse:
    status, error = STATUSES[result["status"]], result["error"]
    if status < 400:
        return _answer({"results": [result]}, status)
    code = "conflict" if status == 409 else "invalid"
    refusal = ApiError(status, code, error["message"], field=error["field"])
    return _answer({"error": refusal.document, "results": [result]}, status)


def _answer(document: dict[str, Any], status: int) -> HttpResponse:
    return HttpResponse(dumps(document), status=status, content_type="application/json; charset=utf-8")
