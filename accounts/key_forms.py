"""The forms of API keys: what is typed becomes KeySettings, and what was typed stays."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from accounts.keys.budgets import NANOS, Budget, budget_of
from accounts.keys.rows import written
from accounts.keys.settings import LONGEST_LABEL, LONGEST_TAG, MOST_TAGS, KeySettings
from accounts.models import ApiKey
from accounts.models.api_key import BudgetPeriod, BudgetUnit, Scope
from accounts.token_field import TokensField
from exchange.fields import INT64_MAX

NEVER, KEEP, AT = "never", "keep", "at"
DAYS = (30, 90, 365)
LAST_YEAR = 9000
"""Later than this a moment may not fit into a column in every time zone."""
LOCAL = "%Y-%m-%dT%H:%M"
_DOLLARS = re.compile(r"\$?\s*((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,10})?(?:\.[0-9]{1,9})?)")
OVERLAPS = [
    (0, _("They end at once")),
    (3600, _("For another hour")),
    (24 * 3600, _("For another day")),
    (7 * 24 * 3600, _("For another 7 days")),
    (30 * 24 * 3600, _("For another 30 days")),
]


class FormTokenField(forms.Field):
    """Names this very form, so that sending it twice makes one secret. What it may be, the secrets know."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> str:
        return str(value or "")


class DollarsField(forms.CharField):
    """US dollars to nine decimal places, plain or with their thousands told apart; whole nano-dollars."""

    NO_DOLLARS = _("Give US dollars like 25 or 1,250.50, with nine decimal places at the most.")

    def clean(self, value: Any) -> int | None:
        text = str(value or "").strip()
        if not text:
            return None
        found = _DOLLARS.fullmatch(text)
        try:
            nanos = Decimal(found[1].replace(",", "")) * NANOS if found else Decimal("NaN")
        except InvalidOperation:  # a sign or a point, and nothing more
            nanos = Decimal("NaN")
        if not nanos.is_finite():
            raise forms.ValidationError(self.NO_DOLLARS, code="invalid")
        return int(nanos)


class AskedByTheServer(forms.Widget):
    """For what is needed only where it is shown: a browser would ask for it where it is hidden."""

    def use_required_attribute(self, initial: Any) -> bool:
        return False


class BudgetInput(AskedByTheServer, forms.TextInput):
    pass


class MomentInput(AskedByTheServer, forms.DateTimeInput):
    pass


class KeyForm(forms.Form):
    """What a person chooses for a key; ``key`` is the one that is changed.

    ``services`` are offered as a list; without any, a number is typed.
    """

    label = forms.CharField(
        label=_("Label"),
        max_length=LONGEST_LABEL,
        help_text=_("By which you recognise the key, such as the program that uses it."),
        error_messages={"required": _("Give the key a label, by which you recognise it.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    tags = forms.CharField(
        label=_("Tags"),
        required=False,
        max_length=MOST_TAGS * (LONGEST_TAG + 2),
        help_text=_("Words to group keys by, with commas between them."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[
            (Scope.READ.value, _("Read")),
            (Scope.RECORD.value, _("Record usage")),
            (Scope.PUBLISH.value, _("Publish services")),
        ],
        initial=[Scope.READ.value, Scope.RECORD.value],
        help_text=_("Reading is of the catalogue, your summary and your logs."),
        error_messages={"required": _("Choose at least one thing that it may do.")},
        widget=forms.CheckboxSelectMultiple,
    )
    ends = forms.ChoiceField(label=_("Expires"))
    expires_at = forms.DateTimeField(
        label=_("Expires at"),
        input_formats=[LOCAL, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        help_text=_("In the time zone of your browser."),
        error_messages={
            "required": _("Say when it expires."),
            "invalid": _("Give a day and a time, such as 2026-12-31 18:00."),
        },
        widget=MomentInput(attrs={"type": "datetime-local"}, format=LOCAL),
    )
    budget_unit = forms.ChoiceField(
        label=_("Budget"),
        required=False,
        choices=[("", _("No budget")), *BudgetUnit.choices],
        help_text=_("Nothing is stopped by it: programs ask it before they spend, and you are mailed."),
    )
    budget_limit = forms.CharField(
        label=_("Limit"),
        max_length=60,
        error_messages={"required": _("Say how much it may spend, or choose no budget.")},
        widget=BudgetInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    budget_period = forms.ChoiceField(
        label=_("Period"),
        choices=BudgetPeriod.choices,
        initial=BudgetPeriod.MONTH.value,
        help_text=_("Periods are UTC and start at 00:00: weeks on Mondays, months on the 1st."),
    )
    soft_limit = forms.CharField(
        label=_("Soft limit"),
        required=False,
        max_length=60,
        help_text=_("A mail warns you here, before the limit is reached."),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    form_token = FormTokenField(required=False, initial=lambda: uuid.uuid4().hex)

    def __init__(
        self,
        data: Any = None,
        *,
        key: ApiKey | None = None,
        services: Sequence[tuple[int, str]] = (),
    ) -> None:
        super().__init__(data, initial=_initial(key) if key else None)
        self.key = key
        self.fields["ends"] = forms.ChoiceField(label=_("Expires"), choices=_ends(key), initial=NEVER)
        self.fields["default_service_id"] = _service_field(key, services)
        if key:
            del self.fields["form_token"]
        self.order_fields(["label", "tags", "scopes", "default_service_id"])

    @property
    def settings(self) -> KeySettings:
        """What was chosen. Only of a form that is valid."""
        chosen = self.cleaned_data
        return KeySettings(
            label=chosen["label"],
            tags=tuple(chosen["tags"].split(",")),
            scopes=tuple(chosen["scopes"]),
            expires_at=chosen["expires_at"],
            default_service_id=chosen["default_service_id"],
            budget=chosen["budget"],
        )

    def clean(self) -> dict[str, Any]:
        chosen = self.cleaned_data
        chosen["expires_at"] = self._end(chosen.get("ends"), chosen.get("expires_at"))
        chosen["budget"] = self._budget(chosen.get("budget_unit") or "")
        return chosen

    def _end(self, ends: str | None, moment: datetime | None) -> datetime | None:
        if ends == KEEP and self.key:
            self.errors.pop("expires_at", None)
            return self.key.expires_at
        if ends == AT:
            if moment and moment.year > LAST_YEAR:
                self.add_error("expires_at", _("Give a year up to %(year)d.") % {"year": LAST_YEAR})
                return None
            return moment
        # what stands in a field that nobody sees is no reason to refuse
        self.errors.pop("expires_at", None)
        return timezone.now() + timedelta(days=int(ends)) if ends and ends.isdigit() else None

    def _budget(self, unit: str) -> Budget | None:
        if not unit:
            for name in ("budget_limit", "budget_period", "soft_limit"):
                self.errors.pop(name, None)
            return None
        limit, soft = self._figure(unit, "budget_limit"), self._figure(unit, "soft_limit")
        period = self.cleaned_data.get("budget_period")
        if limit is None or not period or "soft_limit" in self.errors:
            return None
        return Budget(unit=BudgetUnit(unit), period=BudgetPeriod(period), limit=limit, soft_limit=soft)

    def _figure(self, unit: str, name: str) -> int | None:
        field = (
            TokensField(required=False, most=INT64_MAX)
            if unit == BudgetUnit.TOKENS
            else DollarsField(required=False)
        )
        try:
            figure: int | None = field.clean(self.cleaned_data.get(name, ""))
        except forms.ValidationError as error:
            self.add_error(name, error)
            return None
        return figure


class RotateForm(forms.Form):
    """How long the secrets from before go on."""

    overlap = forms.TypedChoiceField(
        label=_("The secrets from before work on"), choices=OVERLAPS, coerce=int, initial=24 * 3600
    )
    sure = forms.BooleanField(
        label=_("End them at once"),
        required=False,
        help_text=_("A program that still uses one is refused from that moment."),
    )
    form_token = FormTokenField(required=False, initial=lambda: uuid.uuid4().hex)

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("overlap") == 0 and not self.cleaned_data.get("sure"):
            self.add_error(
                "sure", _("Tick this if they are to end at once, or let them work on for a while.")
            )
        return self.cleaned_data

    @property
    def chosen(self) -> timedelta:
        return timedelta(seconds=self.cleaned_data["overlap"])


def _ends(key: ApiKey | None) -> list[tuple[str, Any]]:
    choices: list[tuple[str, Any]] = [(NEVER, _("Never"))]
    if key and key.expires_at:
        local = timezone.localtime(key.expires_at)
        said = f"{formats.date_format(local, 'DATE_FORMAT')}, {local:%H:%M}"
        choices.insert(0, (KEEP, said))
    words = {
        30: _("30 days from now"),
        90: _("90 days from now"),
        365: _("A year from now"),
    }
    choices += [(str(days), words[days]) for days in DAYS]
    return [*choices, (AT, _("At another time"))]


def _initial(key: ApiKey) -> dict[str, Any]:
    budget = budget_of(key)
    values = {
        "label": key.label,
        "tags": ", ".join(key.tags),
        "scopes": key.scopes,
        "ends": KEEP if key.expires_at else NEVER,
        "expires_at": key.expires_at,
        "default_service_id": key.default_service_id,
        "budget_unit": key.budget_unit,
    }
    if budget:
        values |= {
            "budget_period": key.budget_period,
            "budget_limit": written(budget, budget.limit),
            "soft_limit": "" if budget.soft_limit is None else written(budget, budget.soft_limit),
        }
    return values


def _service_field(key: ApiKey | None, services: Sequence[tuple[int, str]]) -> forms.Field:
    more: dict[str, Any] = {
        "label": _("Default service"),
        "required": False,
        "help_text": _("What is meant where a program names no service."),
    }
    number = key.default_service_id if key else None
    if not services:
        widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})
        more["help_text"] = _("The Exchange's number of it: what is meant where a program names no service.")
        return forms.IntegerField(min_value=1, max_value=INT64_MAX, widget=widget, **more)
    choices: list[tuple[Any, Any]] = [("", _("None")), *services]
    if number is not None and number not in dict(services):
        choices.append((number, _("Service %(number)s, which is not listed now") % {"number": number}))
    return forms.TypedChoiceField(choices=choices, coerce=int, empty_value=None, **more)
