"""LiteLLM's rows for tests: as the real package sent them, and ours in its form."""

from __future__ import annotations

import copy
import io
import itertools
import json
from pathlib import Path
from typing import Any

from accounts.models import ApiKey, ExchangeAccount
from usage.litellm.reading import rows_of
from usage.litellm.taking import Taken, take

SAMPLE = Path(__file__).parent / "data" / "litellm-callback-batch.json"
SECRET = "the-conversation-itself"
"""A word that stands wherever LiteLLM has the conversation; it may turn up nowhere here."""
_numbers = itertools.count(1)


def sample() -> list[dict[str, Any]]:
    """Six calls as LiteLLM sent them: a failure is the fifth, a streamed one the last."""
    rows: list[dict[str, Any]] = json.loads(SAMPLE.read_text())
    return rows


def make_row(**changes: Any) -> dict[str, Any]:
    """The first of the sample as another call, with the conversation's word in all that may quote it."""
    number = next(_numbers)
    row = copy.deepcopy(sample()[0])
    row |= {"id": f"chatcmpl-{number}", "litellm_call_id": f"call-{number}", "trace_id": f"trace-{number}"}
    row |= {"messages": [{"role": "user", "content": SECRET}], "error_str": f"Refused: {SECRET}"}
    row["response"]["choices"][0]["message"]["content"] = SECRET
    row["metadata"]["requester_metadata"] = {"note": SECRET}
    row["error_information"] = {"error_message": SECRET, "traceback": SECRET}
    row["request_tags"] = []
    return {**row, **changes}


def placed(service: Any, **changes: Any) -> dict[str, Any]:
    """A row whose caller named the service."""
    row = make_row(**changes)
    row["metadata"]["spend_logs_metadata"] = {"tokligence_service_id": service}
    return row


def body_of(*rows: Any) -> bytes:
    return json.dumps(rows).encode()


def taken(account: ExchangeAccount, *rows: Any, key: ApiKey | None = None) -> Taken:
    """What becomes of these rows, sent as an array."""
    return take(account, key, rows_of(io.BytesIO(body_of(*rows)).read))
