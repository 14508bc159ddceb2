from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from usage.evidence.days import is_day


class DayField(forms.DateField):
    """A UTC day as 2026-10-31, however the site's language writes days; empty for no bound."""

    default_error_messages = {"invalid": _("Give a day as 2026-10-31, not before 2000.")}

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        super().__init__(required=False, widget=widget, input_formats=["%Y-%m-%d"], **kwargs)

    def clean(self, value: Any) -> date | None:
        day: date | None = super().clean(value)
        if day is not None and not is_day(day):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return day


class EvidenceForm(forms.Form):
    """Which days a pack is about; both are in it. Without them: the whole book."""

    since = DayField(label=_("From"))
    until = DayField(label=_("To"))

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = data.get("since"), data.get("until")
        if first and last and first > last:
            self.add_error("until", _("The last day lies before the first: give a later one."))
        return data
