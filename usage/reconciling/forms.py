from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from usage.reconciling.runs import LONGEST_NOTE


class NoteForm(forms.Form):
    """What a person says of a difference."""

    note = forms.CharField(
        label=_("What you know of it"),
        max_length=LONGEST_NOTE,
        error_messages={"required": _("Say what the difference is, so that it can be understood later.")},
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_(
            "Kept with this reconciliation. A difference that is another one raises its banner again."
        ),
    )
