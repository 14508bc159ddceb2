"""What is kept of a row of LiteLLM's: an allow-list of short fields. Everything else is let go as it arrives.

``messages`` and ``response`` hold the conversation and ``error_str`` may quote it, so nothing is kept that is
not named here.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from exchange import MAX_TOKENS
from exchange.text import clean_text

NAMESPACE = UUID("6f1d6b5e-0c0b-5c7e-9d55-8a2f4a7d9d11")
"""In which LiteLLM's calls have their entry ids; another one would record them all again."""
LONGEST, LONGEST_TAGS, MOST_TAGS = 150, 500, 50
SERVICE_TAG = "service:"
BATCHES = ("retrieve_batch", "aretrieve_batch")
"""Each look at a finished batch is a call of its own, and tells the batch's tokens again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one row says: short clean text, "" where it says nothing; figures as they came, or None.

    ``identity`` is the entry id that its call has wherever it comes again; ``named`` is whether LiteLLM gave
    the call an id, else it is made of all that is kept.
    """

    identity: UUID
    named: bool
    status: str = ""
    cache_hit: bool = False
    call_type: str = ""
    litellm_call_id: str = ""
    litellm_id: str = ""
    trace_id: str = ""
    model: str = ""
    model_group: str = ""
    custom_llm_provider: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    end_user: str = ""
    key_alias: str = ""
    tags: tuple[str, ...] = ()
    service: str = ""
    """``tokligence_service_id`` of ``spend_logs_metadata``."""

    @property
    def at(self) -> datetime | None:
        """When the call ended, or else began; None where that is not said, or no time."""
        seconds = self.ended_at if self.ended_at is not None else self.started_at
        try:
            return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, ValueError):
            return None

    @property
    def tokens(self) -> int:
        """Prompt and completion together; 0 where they cannot be."""
        counts = (self.prompt_tokens, self.completion_tokens)
        return sum(one for one in counts if one is not None) if all(map(is_count, counts)) else 0

    @property
    def kept(self) -> dict[str, Any]:
        """The same as JSON has it, without what says nothing; ``again`` reads it."""
        told = asdict(self) | {"identity": str(self.identity), "tags": list(self.tags)}
        # 0 is a figure, and False the usual answer
        return {name: value for name, value in told.items() if value or (value == 0 and value is not False)}


def again(kept: dict[str, Any]) -> Row:
    """The row that was kept."""
    told = {"named": False, **kept, "identity": UUID(kept["identity"]), "tags": tuple(kept.get("tags", ()))}
    return Row(**told)


def row_of(told: dict[str, Any]) -> Row:
    """What is kept of a row as LiteLLM sent it; nothing in it is taken for granted."""
    metadata = _object(told.get("metadata"))
    usage = _object(metadata.get("usage_object"))
    fields: dict[str, Any] = {
        "status": _text(told.get("status")),
        "cache_hit": told.get("cache_hit") in (True, "True", "true") or "_cache_hit" in _raw(told.get("id")),
        "call_type": _text(told.get("call_type")),
        "litellm_call_id": _text(told.get("litellm_call_id")),
        "litellm_id": _text(told.get("id")),
        "trace_id": _text(told.get("trace_id")),
        "model": _text(told.get("model")),
        "model_group": _text(told.get("model_group")),
        "custom_llm_provider": _text(told.get("custom_llm_provider")),
        "prompt_tokens": _count(told.get("prompt_tokens")),
        "completion_tokens": _count(told.get("completion_tokens")),
        "cached_tokens": _count(_object(usage.get("prompt_tokens_details")).get("cached_tokens")),
        "reasoning_tokens": _count(_object(usage.get("completion_tokens_details")).get("reasoning_tokens")),
        "started_at": _seconds(told.get("startTime")),
        "ended_at": _seconds(told.get("endTime")),
        "end_user": _text(told.get("end_user")),
        "key_alias": _text(metadata.get("user_api_key_alias")),
        "tags": _tags(told.get("request_tags")),
        "service": _number(_object(metadata.get("spend_logs_metadata")).get("tokligence_service_id")),
    }
    # by the ids as they came: two long ones that begin alike are two
    ids = [_raw(told.get("litellm_call_id")), _raw(told.get("id"))]
    if fields["call_type"] in BATCHES:
        ids[0] = "batch"
    named = all(ids)
    return Row(identity=identity_of(*(ids if named else ["", fields])), named=named, **fields)


def is_count(value: int | None) -> bool:
    """Whether a ledger can hold so many tokens."""
    return value is not None and 0 <= value <= MAX_TOKENS


def identity_of(*what: Any) -> UUID:
    """The entry id of what is known by these: always the same, and another one for anything else."""
    return uuid5(NAMESPACE, json.dumps(what, sort_keys=True))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _raw(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text(value: Any, longest: int = LONGEST) -> str:
    return clean_text(value, longest) if isinstance(value, str) else ""


def _number(value: Any) -> str:
    """A number, or text that may be one; of anything else, that it is none."""
    if value is None or isinstance(value, str):
        return _text(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else type(value).__name__


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _seconds(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # an int of 20 digits is a float, too
    return float(value) if is_number and math.isfinite(value) else None


def _tags(value: Any) -> tuple[str, ...]:
    """As many as are kept; those first that say which service is meant, however many stand before them."""
    texts = [text for one in value if (text := _text(one))] if isinstance(value, list) else []
    tags: list[str] = []
    for tag in sorted(dict.fromkeys(texts), key=lambda text: not names_service(text))[:MOST_TAGS]:
        if sum(map(len, tags)) + len(tag) <= LONGEST_TAGS:
            tags.append(tag)
    return tuple(tags)


def names_service(tag: str) -> bool:
    """Whether the tag says which service is meant, or tries to."""
    return tag.casefold().startswith(SERVICE_TAG)
