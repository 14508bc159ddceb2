"""What the logs can be narrowed by: the same names in the address, the form and the query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from exchange import MAX_TOKENS
from exchange.fields import INT64_MAX
from usage.memos.terms import MOST_TERMS, Wanted, wanted
from usage.models import Delivery, LedgerEntry
from usage.token_field import TokensField

LONGEST_SEARCH, LONGEST_MOMENT = 200, 40


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as the address names it: a UTC day, or a time."""

    at: datetime
    is_day: bool

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}" if self.is_day else self.at.isoformat().replace("+00:00", "Z")

    @property
    def in_field(self) -> str:
        """As a date or datetime-local control takes it, in UTC."""
        if self.is_day:
            return str(self)
        precision = "seconds" if self.at.second else "minutes"
        return self.at.replace(tzinfo=None).isoformat(timespec=precision)

    @property
    def end(self) -> datetime:
        """Where it ends: a day with its midnight."""
        return self.at + timedelta(days=1) if self.is_day else self.at


class MomentField(forms.Field):
    """A UTC day (2026-11-23), or a time, in UTC where it names no offset (2026-11-23T09:41)."""

    NO_MOMENT = _("Give a day like 2026-01-31, or a time like 2026-01-31T09:41.")

    def to_python(self, value: Any) -> Moment | None:
        text = value.strip() if isinstance(value, str) else ""
        if not text:
            return None
        if len(text) > LONGEST_MOMENT:
            raise ValidationError(self.NO_MOMENT)
        try:
            day = parse_date(text)
            at = None if day else parse_datetime(text.replace(" ", "T"))
            if day:
                return _within(Moment(_midnight(day), is_day=True))
            if at:
                return _within(
                    Moment(at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC), is_day=False)
                )
        except (ValueError, OverflowError):
            pass
        raise ValidationError(self.NO_MOMENT)


class LogForm(forms.Form):
    """Every filter; all may be empty. Days and times are UTC, ``until`` is exclusive unless it is a day."""

    since = MomentField(label=_("From"), required=False)
    until = MomentField(label=_("To"), required=False)
    direction = forms.ChoiceField(
        label=_("Direction"),
        required=False,
        choices=[("", _("Any direction")), *LedgerEntry.Direction.choices],
    )
    service = forms.IntegerField(label=_("Service"), required=False, min_value=1, max_value=INT64_MAX)
    # 0: those whose provider is not known, those that no key recorded
    provider = forms.IntegerField(label=_("Provider"), required=False, min_value=0, max_value=INT64_MAX)
    family = forms.CharField(label=_("Model family"), required=False, max_length=1000, strip=False)
    key = forms.IntegerField(label=_("API key"), required=False, min_value=0, max_value=INT64_MAX)
    source = forms.ChoiceField(
        label=_("Source"), required=False, choices=[("", _("Any source")), *LedgerEntry.Source.choices]
    )
    state = forms.ChoiceField(
        label=_("Delivery"), required=False, choices=[("", _("Any state")), *Delivery.State.choices]
    )
    q = forms.CharField(label=_("Memo"), required=False, max_length=LONGEST_SEARCH)
    least = TokensField(label=_("Least tokens"), required=False, most=2 * MAX_TOKENS)

    def clean_q(self) -> str:
        text: str = self.cleaned_data["q"]
        count = wanted(text).count
        if text and not count:
            raise ValidationError(_("Type a word or a number that stands in the memo."))
        if count > MOST_TERMS:
            raise ValidationError(_("Look for fewer words at a time."))
        return text

    def clean(self) -> None:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since.at >= until.end:
            self.add_error("until", _("This is not after the beginning."))


class LogFilters:
    """What an address asks for. What is not understood is left out; ``form.errors`` says so."""

    def __init__(self, data: Mapping[str, str]) -> None:
        # given as a plain dictionary: of a parameter that comes twice, the last counts
        self.form = LogForm({name: data[name] for name in data})

    @cached_property
    def chosen(self) -> dict[str, Any]:
        """The filters that are set, by name, as values of Python."""
        self.form.is_valid()
        return {name: value for name, value in self.form.cleaned_data.items() if value not in (None, "")}

    @property
    def in_address(self) -> dict[str, str]:
        """The same as it belongs into an address."""
        return {name: str(value) for name, value in self.chosen.items()}

    @property
    def since(self) -> datetime | None:
        return self.chosen["since"].at if "since" in self.chosen else None

    @property
    def until(self) -> datetime | None:
        """The first moment that is not wanted any more."""
        return self.chosen["until"].end if "until" in self.chosen else None

    @cached_property
    def words(self) -> Wanted | None:
        return wanted(self.chosen["q"]) if "q" in self.chosen else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _within(moment: Moment) -> Moment:
    """The moment, if it may be in a ledger at all. Raises ValueError."""
    if not 1900 <= moment.at.year < 9999:
        raise ValueError(moment)
    return moment
