from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.choices import ServiceChoice
from usage.models import LedgerEntry
from usage.token_field import TokensField
from usage.writing.drafts import EARLIEST, MOST_AHEAD, Draft

NUMERIC = forms.TextInput(attrs={"inputmode": "numeric"})
MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S")
DETAILS = ("occurred_at", "cached_tokens", "reasoning_tokens", "evidence")
"""Fields that most people leave as they are."""
FEW = 8
"""Services that are seen at a glance: what was recorded lately needs no place of its own among them."""


class RecordForm(forms.Form):
    """Usage by hand. Given services, they are a list to choose from; without, the number is asked for.

    Which services there are is for the Exchange to say: a number that is not in the list is recorded too.
    Who is no provider is not offered to have supplied anything.
    """

    service_id = forms.IntegerField(
        label=_("Service number"),
        min_value=1,
        max_value=2**63 - 1,
        widget=NUMERIC,
        help_text=_("The Exchange's number of the service, as the catalogue shows it."),
    )
    direction = forms.ChoiceField(
        label=_("Direction"),
        choices=[("consume", _("Consumed")), ("supply", _("Supplied"))],
        initial="consume",
        widget=forms.RadioSelect,
    )
    prompt_tokens = TokensField(label=_("Prompt tokens"))
    completion_tokens = TokensField(label=_("Completion tokens"))
    memo = forms.CharField(
        label=_("Memo"),
        max_length=500,
        required=False,
        help_text=_("For you to recognise it later. The Exchange sees it too."),
    )
    occurred_at = forms.DateTimeField(
        label=_("When"),
        required=False,
        widget=MOMENT,
        help_text=_("In your time zone. Empty: now."),
    )
    cached_tokens = TokensField(
        label=_("Cached tokens"), required=False, help_text=_("Some of the prompt tokens, not added to them.")
    )
    reasoning_tokens = TokensField(
        label=_("Reasoning tokens"),
        required=False,
        help_text=_("Some of the completion tokens, not added to them."),
    )
    evidence = forms.ChoiceField(
        label=_("Where the figures come from"),
        required=False,
        choices=LedgerEntry.Evidence.choices,
        initial=LedgerEntry.Evidence.REPORTED,
    )
    # one page, one entry: sent twice, it is recorded once
    entry_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(
        self,
        *args: Any,
        services: Sequence[ServiceChoice] = (),
        recent: Sequence[int] = (),
        may_supply: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if not may_supply and self.data.get("direction") != "supply":
            self.fields["direction"].widget.choices = [("consume", _("Consumed"))]
        if not services:
            return
        field = self.fields["service_id"]
        given = self.data.get("service_id") if self.is_bound else self.initial.get("service_id")
        field.widget = forms.Select(choices=_choices(services, recent, "" if given is None else str(given)))
        field.widget.is_required = True
        field.label, field.help_text = _("Service"), ""

    @property
    def has_details(self) -> bool:
        """Whether any of the fields that most leave alone was filled in, or refused."""
        typed = (self.data.get(name) for name in DETAILS if name != "evidence")
        return self.is_bound and (any(typed) or self.data.get("evidence") == LedgerEntry.Evidence.ESTIMATED)

    @property
    def draft(self) -> Draft:
        """What is to be recorded; of a form that is valid."""
        return Draft(**self.cleaned_data)

    def clean_evidence(self) -> str:
        return str(self.cleaned_data["evidence"] or LedgerEntry.Evidence.REPORTED)

    def clean_occurred_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["occurred_at"]
        if at and at > timezone.now() + MOST_AHEAD:
            raise ValidationError(_("This lies in the future. Give the time when the tokens were used."))
        if at and at < EARLIEST:
            raise ValidationError(_("This lies before the year 2000."))
        return at

    def clean(self) -> None:
        if "entry_id" in self.errors:
            # hidden, so there is no place beside it where its error could stand
            self.add_error(None, _("This form has lost its number. Reload the page, then fill it in again."))
        if self.cleaned_data.get("prompt_tokens") == self.cleaned_data.get("completion_tokens") == 0:
            self.add_error("completion_tokens", _("There is nothing to record: give at least one token."))
        self._check_part(
            "cached_tokens", "prompt_tokens", _("More than the prompt tokens, of which they are some.")
        )
        self._check_part(
            "reasoning_tokens",
            "completion_tokens",
            _("More than the completion tokens, of which they are some."),
        )

    def _check_part(self, part: str, whole: str, sentence: Any) -> None:
        some, every = self.cleaned_data.get(part), self.cleaned_data.get(whole)
        if some is not None and every is not None and some > every:
            self.add_error(part, sentence)


def _choices(services: Sequence[ServiceChoice], recent: Sequence[int], given: str) -> list[tuple[Any, Any]]:
    """Those that were recorded lately first, then all of them by provider."""
    choices: list[tuple[Any, Any]] = [("", _("Choose a service"))]
    listed = {row.number: row for row in services}
    lately = [listed[number] for number in recent if number in listed]
    if lately and len(services) > FEW:
        named = [(row.number, f"{row.name} · {row.provider_name}") for row in lately]
        choices.append((_("Recorded lately"), named))
    choices += _grouped(services)
    if given.strip() and given not in {str(number) for number in listed}:
        choices.append((given, f"#{given.strip()}"))
    return choices


def _grouped(services: Sequence[ServiceChoice]) -> list[tuple[str, list[tuple[int, str]]]]:
    ordered = sorted(
        services, key=lambda row: (row.provider_name.casefold(), row.provider_number, row.name.casefold())
    )
    return [
        (name or f"#{number}", [(row.number, row.name) for row in rows])
        for (number, name), rows in groupby(ordered, key=lambda row: (row.provider_number, row.provider_name))
    ]
