"""What a person may do to an entry: take it back, or say what the Exchange did with it."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from usage.models import Delivery
from usage.models.entry import LONGEST_MEMO


class ReverseForm(forms.Form):
    """Why an entry is taken back. ``seen``: its state of delivery when the person read what will happen."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=LONGEST_MEMO,
        help_text=_("It becomes the memo of the reversal, and stays in the book."),
    )
    seen = forms.ChoiceField(choices=Delivery.State.choices, widget=forms.HiddenInput)


class SettleForm(forms.Form):
    """Whether the Exchange has counted the entry."""

    counted = forms.ChoiceField(choices=[("yes", _("Counted")), ("no", _("Not counted"))])
