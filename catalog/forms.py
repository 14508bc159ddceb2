from __future__ import annotations

import re
import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from exchange import MAX_TOKENS


class FormTokenField(forms.CharField):
    """Names this very form, so that sending it twice publishes once.

    One that cannot be right is forgotten: it is no reason not to publish.
    """

    widget = forms.HiddenInput

    def clean(self, value: Any) -> str:
        token = str(value or "")
        return token if re.fullmatch(r"[0-9a-f]{32}", token, re.ASCII) else ""


class OfferForm(forms.Form):
    """What is on offer under a name.

    The Exchange has the last word: what it refuses is shown beside this form.
    """

    model_family = forms.CharField(
        label=_("Model family"),
        max_length=200,
        help_text=_("Buyers compare offers of one family, such as gpt-4o."),
    )
    price_per_1k_tokens = forms.DecimalField(
        label=_("Price, USD per 1,000 tokens"),
        min_value=Decimal(0),
        max_value=Decimal(1_000_000),
        max_digits=19,
        decimal_places=12,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    trial_tokens = forms.IntegerField(
        label=_("Trial tokens"),
        min_value=0,
        max_value=MAX_TOKENS,
        initial=0,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        help_text=_("Tokens that a new customer may try without paying. 0: none."),
    )
    token = FormTokenField(required=False, initial=lambda: uuid.uuid4().hex)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.visible_fields():
            # the place of a field's message is always there, so that a reader hears what comes into it
            ids = [f"{field.auto_id}_helptext"] if field.help_text else []
            field.field.widget.attrs["aria-describedby"] = " ".join([*ids, f"{field.auto_id}_message"])

    def clean_price_per_1k_tokens(self) -> Decimal:
        """The same price without an exponent: 0e400 is a zero that no wire can carry."""
        price: Decimal = self.cleaned_data["price_per_1k_tokens"]
        return price + 0


class PublishForm(OfferForm):
    """A service offering under a name of one's choice."""

    name = forms.CharField(
        label=_("Service name"),
        max_length=200,
        help_text=_("Publishing under a name that you have used updates that service."),
    )
    field_order = ["name", "model_family", "price_per_1k_tokens", "trial_tokens"]
