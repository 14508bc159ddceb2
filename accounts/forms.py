from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.validators import EmailValidator
from django.utils.translation import gettext_lazy as _

from accounts.models.user import LONGEST_EMAIL, is_mailable, normalise_email
from accounts.web import LONGEST_PATH

NO_CODE = _("A code has six to eight digits. Copy it from the email as it stands there.")


class ShortField(forms.CharField):
    """Text that is never long: too much of it is refused before anything is done with it, nor shown again.

    Django runs every validator over a value whose length was refused already.
    """

    longest: int
    too_long: Any = ""

    def to_python(self, value: Any) -> str:
        if len(str(value or "")) > self.longest:
            raise forms.ValidationError(self.too_long, code="max_length")
        return str(super().to_python(value))

    def bound_data(self, data: Any, initial: Any) -> Any:
        return "" if len(str(data or "")) > self.longest else super().bound_data(data, initial)


class AddressField(ShortField):
    """An address in the one form in which it is kept: what is checked is what is kept."""

    widget = forms.EmailInput
    longest = LONGEST_EMAIL
    too_long = EmailValidator.message

    def to_python(self, value: Any) -> str:
        """Refuses what is an address on paper only.

        Several spellings of one mailbox would be several people, each with limits of their own.
        """
        email = normalise_email(super().to_python(value))
        if email and not is_mailable(email):
            raise forms.ValidationError(EmailValidator.message, code="invalid")
        return email


class CodeField(ShortField):
    """The digits alone: a code is shown, and often pasted, with a space or a dash in it."""

    longest = 20
    too_long = NO_CODE

    def to_python(self, value: Any) -> str:
        digits = re.sub(r"[\s\-–]", "", super().to_python(value))
        if value and not re.fullmatch(r"[0-9]{6,8}", digits, re.ASCII):
            raise forms.ValidationError(NO_CODE, code="invalid")
        return digits


class WayBackField(ShortField):
    """Where to go afterwards. One that cannot be right is forgotten: it is no reason not to sign in."""

    widget = forms.HiddenInput
    longest = LONGEST_PATH

    def clean(self, value: Any) -> str:
        try:
            return str(super().clean(value))
        except forms.ValidationError:
            return ""


class EmailForm(forms.Form):
    email = AddressField(
        label=_("Email"),
        max_length=LONGEST_EMAIL,
        widget=forms.EmailInput(
            attrs={"autocomplete": "email", "autofocus": True, "placeholder": "ada@example.com"}
        ),
        error_messages={"required": _("Enter your email address.")},
    )
    next = WayBackField(required=False)


class CodeForm(forms.Form):
    code = CodeField(
        label=_("Code"),
        max_length=CodeField.longest,
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
        label=_("Provider name"),
        max_length=120,
        help_text=_("Buyers see it beside each of your services."),
        error_messages={"required": _("Give the name under which you sell.")},
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
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
