from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.validators import EmailValidator
from django.utils.translation import gettext_lazy as _

from accounts.models.user import normalise_email
from accounts.web import LONGEST_PATH


def check_mailable(email: str) -> None:
    """Refuse what is an address on paper only: mail to it would not leave, or go to one spelt otherwise.

    Several spellings of one mailbox would be several people, each with limits of their own.
    """
    local, _at, domain = email.rpartition("@")
    try:
        reached = domain.encode("idna").decode("ascii" if domain.isascii() else "idna")
    except UnicodeError:
        reached = ""
    if not local.isascii() or '"' in local or domain.startswith("[") or reached != domain:
        raise forms.ValidationError(EmailValidator.message, code="invalid")


class AddressField(forms.EmailField):
    """An address in the one form in which it is kept: what is checked is what is kept."""

    default_validators = [*forms.EmailField.default_validators, check_mailable]

    def to_python(self, value: Any) -> str:
        return normalise_email(super().to_python(value) or "")


class WayBackField(forms.CharField):
    """Where to go afterwards. One that cannot be right is forgotten: it is no reason not to sign in."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> str:
        try:
            return str(super().clean(value))
        except forms.ValidationError:
            return ""


class EmailForm(forms.Form):
    email = AddressField(
        label=_("Email"),
        max_length=254,
        widget=forms.EmailInput(
            attrs={"autocomplete": "email", "autofocus": True, "placeholder": "ada@example.com"}
        ),
        error_messages={"required": _("Enter your email address.")},
    )
    next = WayBackField(required=False, max_length=LONGEST_PATH)


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={
                "inputmode": "numeric",
                "autocomplete": "one-time-code",
                "autofocus": True,
                "spellcheck": "false",
            }
        ),
        error_messages={"required": _("Enter the code from the email.")},
    )

    def clean_code(self) -> str:
        """The digits alone: a code is shown, and often pasted, with a space or a dash in it."""
        digits = re.sub(r"[\s\-–]", "", self.cleaned_data["code"])
        if not re.fullmatch(r"[0-9]{6,8}", digits, re.ASCII):
            raise forms.ValidationError(
                _("A code has six to eight digits. Copy it from the email as it stands there.")
            )
        return digits


class ProfileForm(forms.Form):
    display_name = forms.CharField(
        label=_("Display name"),
        max_length=120,
        required=False,
        help_text=_("How this site calls you, and the name under which it registers you at an Exchange."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class ProviderForm(forms.Form):
    display_name = forms.CharField(
        label=_("Provider name"), max_length=120, help_text=_("Buyers see it beside each of your services.")
    )
    description = forms.CharField(
        label=_("Description"),
        max_length=2000,
        required=False,
        help_text=_("What you offer and to whom, in a sentence or two."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # it shares its page, and a field's name, with ProfileForm
        super().__init__(*args, **{"auto_id": "id_provider_%s", **kwargs})
