from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from exchange import MAX_TOKENS


class EstimateForm(forms.Form):
    """How many tokens somebody thinks of using, to see what they would cost."""

    prompt_tokens = forms.IntegerField(
        label=_("Prompt tokens"),
        min_value=0,
        max_value=MAX_TOKENS,
        initial=10_000,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "data-typed": True}),
    )
    completion_tokens = forms.IntegerField(
        label=_("Completion tokens"),
        min_value=0,
        max_value=MAX_TOKENS,
        initial=2_000,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "data-typed": True}),
    )
