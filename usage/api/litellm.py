"""POST usage/litellm: what LiteLLM's ``generic_api`` callback sends, each row judged alone."""

from __future__ import annotations

from dataclasses import asdict

from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from accounts.api.callers import FORMS, ApiRequest, allowed
from accounts.api.errors import ApiError
from accounts.api.json import require_json, require_plain
from accounts.api.responses import KNOWN, refusals
from accounts.models.api_key import Scope
from usage.litellm.reading import NothingToRead, drain, rows_of
from usage.litellm.taking import MOST_ROWS, TooManyRows, take

router = Router(tags=["Usage"])
ROW = {"type": "object", "additionalProperties": True, "description": "LiteLLM's StandardLoggingPayload."}
BODY_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"anyOf": [{"type": "array", "items": ROW}, ROW]}},
            "application/x-ndjson": {"schema": {"type": "string", "description": "A row in each line."}},
        },
    }
}


class IgnoredOut(Schema):
    """Rows that are no usage: failed calls, answers from LiteLLM's cache or read again, and no tokens."""

    failure: int
    cache_hit: int
    reread: int
    no_tokens: int


class TakenOut(Schema):
    """What became of the rows; they add up to `received`."""

    received: int
    recorded: int = Field(description="Entries of your book now.")
    duplicates: int = Field(description="Told again: in your book before, or discarded by you.")
    ignored: IgnoredOut
    quarantined: int = Field(description="Waiting on the page /usage/quarantine/, with the reason.")
    over_budget: int = Field(description="Recorded, and the key went beyond its budget with them.")


@router.post(
    "/litellm",
    auth=allowed(Scope.RECORD),
    response={200: TakenOut, **refusals(*KNOWN, 400, 413, 415)},
    openapi_extra=BODY_SCHEMA,
    summary="Record what LiteLLM tells",
)
def litellm(request: ApiRequest) -> TakenOut:
    """For LiteLLM's `generic_api` callback: an array of rows, a row in each line, or one row; up to 32 MB.

    No row is refused for another's sake: what cannot be recorded waits in quarantine, where you say which
    service it was. A few fields of each row are kept; conversations never. See docs/litellm.md.
    """
    require_plain(request)
    if request.content_type in FORMS:
        require_json(request)
    caller = request.auth
    try:
        taken = take(caller.account, caller.key, rows_of(request.read))
    except NothingToRead:
        text = _("No row can be read. Send LiteLLM's rows: a JSON array, a row in each line, or one row.")
        raise ApiError(400, "malformed", text) from None
    except TooManyRows as error:
        text = _(
            "There are more than %(most)s rows. Those before that were taken, %(recorded)s of them recorded; "
            "send the others again."
        )
        told = {"most": f"{MOST_ROWS:,}", "recorded": f"{error.taken.recorded:,}"}
        raise ApiError(413, "too_many_rows", text % told) from None
    finally:
        drain(request.read)
    return TakenOut(**asdict(taken))
