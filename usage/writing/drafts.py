"""What somebody wants to have recorded, and whether it can be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from exchange import MAX_TOKENS
from exchange.fields import INT64_MAX, checked_text
from usage.models import LedgerEntry
from usage.models.entry import LONGEST_MEMO, Direction, Evidence

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
MOST_AHEAD = timedelta(minutes=5)
"""How far a client's clock may be ahead of ours."""
LONGEST_ATTRIBUTES = 4000
"""Characters of the canonical JSON."""


class EntryInvalid(ValueError):  # noqa: N818 - said of the entry
    """It cannot be recorded as it is: ``field`` names what is wrong, ``sentence`` says how."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Tokens consumed from, or supplied by, a service (the Exchange's number), as a client tells it.

    ``cached_tokens`` are some of the prompt's, ``reasoning_tokens`` some of the completion's. Without
    ``entry_id`` it gets one; without ``occurred_at`` it happened now.
    """

    service_id: int
    prompt_tokens: int
    completion_tokens: int
    direction: str
    memo: str = ""
    entry_id: UUID | None = None
    occurred_at: datetime | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    evidence: str = Evidence.REPORTED.value
    attributes: Mapping[str, str | int | None] = field(default_factory=dict)

    def is_told_by(self, entry: LedgerEntry) -> bool:
        """Whether the entry holds the same content: what the client sent, not what we added."""
        return entry.reverses_seq is None and (
            entry.service_id,
            entry.prompt_tokens,
            entry.completion_tokens,
            entry.direction,
            entry.memo,
            entry.occurred_at if entry.occurred_at_given else None,
            entry.cached_tokens,
            entry.reasoning_tokens,
            entry.evidence,
            entry.attributes,
        ) == (
            self.service_id,
            self.prompt_tokens,
            self.completion_tokens,
            self.direction,
            self.memo,
            self.occurred_at,
            self.cached_tokens,
            self.reasoning_tokens,
            self.evidence,
            attributes_text(self.attributes),
        )


def checked(draft: Draft, now: datetime) -> Draft:
    """The draft, with its time in UTC and plain numbers. Raises EntryInvalid for what cannot be recorded."""
    _number("service_id", draft.service_id, 1, INT64_MAX)
    _number("prompt_tokens", draft.prompt_tokens, 0, MAX_TOKENS)
    _number("completion_tokens", draft.completion_tokens, 0, MAX_TOKENS)
    _part("cached_tokens", draft.cached_tokens, "prompt_tokens", draft.prompt_tokens)
    _part("reasoning_tokens", draft.reasoning_tokens, "completion_tokens", draft.completion_tokens)
    _word("direction", draft.direction, Direction.values)
    _word("evidence", draft.evidence, Evidence.values)
    _memo(draft.memo)
    if draft.entry_id is not None and not isinstance(draft.entry_id, UUID):
        raise EntryInvalid("entry_id", _("must be a UUID."))
    attributes_text(draft.attributes)
    return draft if draft.occurred_at is None else replace(draft, occurred_at=_moment(draft.occurred_at, now))


def checked_memo(memo: Any) -> str:
    """A memo, or the reason of a reversal, that can be kept. Raises EntryInvalid."""
    _memo(memo)
    return str(memo)


def attributes_text(attributes: Mapping[str, str | int | None]) -> str:
    """Attributes as canonical JSON. Raises EntryInvalid for what is not text, whole number or null."""
    if not attributes:
        return "{}"
    for name, value in attributes.items():
        plain = (
            value is None or isinstance(value, str) or (isinstance(value, int) and abs(value) <= INT64_MAX)
        )
        if not isinstance(name, str) or not plain or isinstance(value, bool):
            raise EntryInvalid("attributes", _("may hold text, whole numbers and null only."))
    text = json.dumps(attributes, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if len(text) > LONGEST_ATTRIBUTES:
        raise EntryInvalid(
            "attributes", _("must not be longer than %(most)s characters.") % _most(LONGEST_ATTRIBUTES)
        )
    _text("attributes", "".join(attributes) + "".join(v for v in attributes.values() if isinstance(v, str)))
    return text


def _number(name: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise EntryInvalid(
            name, _("must be a whole number from %(least)s to %(most)s.") % {"least": least, "most": most}
        )


def _part(name: str, value: Any, whole_name: str, whole: int) -> None:
    if value is None:
        return
    _number(name, value, 0, MAX_TOKENS)
    if value > whole:
        raise EntryInvalid(
            name, _("are some of the %(whole)s, so they cannot be more than these.") % {"whole": whole_name}
        )


def _word(name: str, value: Any, known: list[str]) -> None:
    if value not in known:
        raise EntryInvalid(name, _("must be one of: %(known)s.") % {"known": ", ".join(known)})


def _memo(memo: Any) -> None:
    if not isinstance(memo, str):
        raise EntryInvalid("memo", _("must be text."))
    if len(memo) > LONGEST_MEMO:
        raise EntryInvalid("memo", _("must not be longer than %(most)s characters.") % _most(LONGEST_MEMO))
    _text("memo", memo)


def _text(name: str, text: str) -> None:
    try:
        checked_text(text)
    except ValueError:
        raise EntryInvalid(name, _("must not contain NUL or half a character.")) from None


def _moment(value: Any, now: datetime) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise EntryInvalid("occurred_at", _("must be a time with its offset, like 2026-01-31T12:00:00Z."))
    try:
        at = value.astimezone(UTC)
    except OverflowError:
        at = EARLIEST - timedelta(days=1)
    if at > now + MOST_AHEAD:
        raise EntryInvalid("occurred_at", _("must not be in the future by more than five minutes."))
    if at < EARLIEST:
        raise EntryInvalid("occurred_at", _("must not be before the year 2000."))
    return at


def _most(number: int) -> dict[str, int]:
    return {"most": number}
