"""What a person chooses for a key, and whether it can be: the same for the page, the API and the command."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.keys.budgets import Budget, budget_of
from accounts.models import ApiKey
from accounts.models.api_key import Scope
from exchange.fields import INT64_MAX

LONGEST_LABEL, LONGEST_TAG, MOST_TAGS = 100, 40, 20
YEARS = 9000
"""A time beyond is none of a calendar's in every time zone."""
# control characters, halves of characters, and what would break a line
_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """A key's label, tags, scopes, end, default service (the Exchange's number) and budget."""

    label: str
    tags: Sequence[str] = ()
    scopes: Sequence[str] = (Scope.READ.value, Scope.RECORD.value)
    expires_at: datetime | None = None
    default_service_id: int | None = None
    budget: Budget | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The same as columns of accounts.ApiKey."""
        budget = self.budget
        return {
            "label": self.label,
            "tags": list(self.tags),
            "scopes": list(self.scopes),
            "expires_at": self.expires_at,
            "default_service_id": self.default_service_id,
            "budget_unit": budget.unit.value if budget else "",
            "budget_period": budget.period.value if budget else "",
            "budget_limit": budget.limit if budget else None,
            "soft_limit": budget.soft_limit if budget else None,
        }


def settings_of(key: ApiKey) -> KeySettings:
    """What was chosen for this key."""
    return KeySettings(
        label=key.label,
        tags=tuple(key.tags),
        scopes=tuple(key.scopes),
        expires_at=key.expires_at,
        default_service_id=key.default_service_id,
        budget=budget_of(key),
    )


def checked(settings: KeySettings, *, before: KeySettings | None = None) -> KeySettings:
    """The settings in the form in which they are kept. Raises ValidationError, which names each field.

    ``before``: what is in force already; an end that has passed may stay as it is.
    """
    errors: dict[str, str] = {}
    label = settings.label.strip()
    if problem := _label_problem(label):
        errors["label"] = problem
    # in their order, each once
    tags = tuple(dict.fromkeys(tag.strip() for tag in settings.tags if tag.strip()))
    if problem := _tags_problem(tags):
        errors["tags"] = problem
    scopes = tuple(scope for scope in Scope.values if scope in settings.scopes)
    if not scopes or set(settings.scopes) - set(Scope.values):
        errors["scopes"] = _("Choose at least one of: %(scopes)s.") % {"scopes": ", ".join(Scope.values)}
    if problem := _end_problem(settings.expires_at, before):
        errors["expires_at"] = problem
    service = settings.default_service_id
    if service is not None and not 1 <= service <= INT64_MAX:
        errors["default_service_id"] = _("Give the Exchange's number of a service: 1 or more.")
    errors |= _budget_problems(settings.budget)
    if errors:
        raise ValidationError({name: [text] for name, text in errors.items()})
    return replace(settings, label=label, tags=tags, scopes=scopes)


def _label_problem(label: str) -> str:
    if not label:
        return _("Give the key a label, by which you recognise it.")
    if len(label) > LONGEST_LABEL:
        return _("Use at most %(longest)d characters; these are %(length)d.") % {
            "longest": LONGEST_LABEL,
            "length": len(label),
        }
    return "" if _is_a_line(label) else _("Use one line of text, without control characters.")


def _tags_problem(tags: Sequence[str]) -> str:
    if len(tags) > MOST_TAGS:
        return _("Use at most %(most)d tags.") % {"most": MOST_TAGS}
    if any(len(tag) > LONGEST_TAG for tag in tags):
        return _("A tag has at most %(longest)d characters.") % {"longest": LONGEST_TAG}
    if any("," in tag or not _is_a_line(tag) for tag in tags):
        return _("A tag is one line of text, without a comma or control characters.")
    return ""


def _end_problem(ends: datetime | None, before: KeySettings | None) -> str:
    if ends is None or (before is not None and ends == before.expires_at):
        return ""
    if ends.tzinfo is None or ends.year >= YEARS:
        return _("Give a time with its offset, like 2026-12-31T00:00:00Z, before the year 9000.")
    if ends <= timezone.now():
        return _("This has passed already. Give a time to come, or none.")
    return ""


def _budget_problems(budget: Budget | None) -> dict[str, str]:
    if budget is None:
        return {}
    errors = {}
    if not 0 < budget.limit <= INT64_MAX:
        errors["budget_limit"] = _("Give more than 0, and no more than a ledger can hold.")
    soft = budget.soft_limit
    if soft is not None and not 0 < soft < budget.limit:
        errors["soft_limit"] = _("The soft limit lies between 0 and the budget.")
    return errors


def _is_a_line(text: str) -> bool:
    return not any(unicodedata.category(char) in _UNFIT for char in text)
