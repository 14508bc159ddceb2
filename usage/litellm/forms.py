from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.choices import ServiceChoice
from exchange.fields import INT64_MAX
from usage.models.quarantine import Reason

NUMERIC = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})


class ServiceForm(forms.Form):
    """Which service it was: from a list, or by number where that would be too long."""

    service_id = forms.IntegerField(
        label=_("Service number"),
        min_value=1,
        max_value=INT64_MAX,
        widget=NUMERIC,
        help_text=_("The Exchange's number of the service, as the catalogue shows it."),
        error_messages={"required": _("Say which service it was.")},
    )

    def __init__(self, *args: Any, services: Sequence[ServiceChoice] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not services:
            return
        field = self.fields["service_id"]
        ordered = sorted(services, key=lambda one: (one.name.casefold(), one.provider_name.casefold()))
        named = [(one.number, f"{one.name} · {one.provider_name} (#{one.number})") for one in ordered]
        field.widget = forms.Select(choices=[("", _("Choose a service")), *named])
        field.widget.is_required = True
        field.label, field.help_text = _("Service"), ""


class ChosenForm(forms.Form):
    """Of which rows a form speaks: one, or those of a group that were there when the page was made."""

    row = forms.IntegerField(required=False, min_value=1, max_value=INT64_MAX)
    reason = forms.ChoiceField(required=False, choices=Reason.choices)
    model = forms.CharField(required=False, max_length=150, strip=False)
    up_to = forms.IntegerField(required=False, min_value=1, max_value=INT64_MAX)
