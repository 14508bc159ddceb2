"""Tokens as people write them, and as every page here shows them: 1,200."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from exchange import MAX_TOKENS

NUMERIC = {"inputmode": "numeric", "autocomplete": "off"}
# groups of three, and the same sign between them: 1.200 could be one and a fifth, and is not taken
_GROUPED = re.compile(r"[0-9]{1,3}([, _'\u00a0\u2009\u202f])[0-9]{3}(?:\1[0-9]{3})*")


class TokensField(forms.IntegerField):
    """A number of tokens from 0 up to ``most``, plain or with its thousands told apart."""

    def __init__(self, *, most: int = MAX_TOKENS, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.TextInput(attrs=NUMERIC))
        # in the language of who reads it, and not of who starts the site
        too_many = format_lazy(_("No more than {most} tokens fit here."), most=f"{most:,}")
        super().__init__(min_value=0, max_value=most, error_messages={"max_value": too_many}, **kwargs)

    def to_python(self, value: Any) -> int | None:
        if isinstance(value, str) and (grouped := _GROUPED.fullmatch(value.strip())):
            value = value.strip().replace(grouped[1], "")
        return super().to_python(value)
