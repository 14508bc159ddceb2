from __future__ import annotations

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _

MAX_TOKENS = 2**53 - 1


class PublishForm(forms.Form):
    """A service offering. The Exchange has the last word: what it refuses is shown beside this form."""

    name = forms.CharField(
        label=_("Service name"),
        max_length=200,
        help_text=_("Publishing under a name that you have used updates that service."),
    )
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

    def clean_price_per_1k_tokens(self) -> Decimal:
        """The same price without an exponent: 0e400 is a zero that no wire can carry."""
        price: Decimal = self.cleaned_data["price_per_1k_tokens"]
        return price + 0
