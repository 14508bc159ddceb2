"""Text of ``openapi.json`` in a page: the little Markdown that it uses."""

from __future__ import annotations

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
CODE, STRONG = re.compile(r"`([^`]+)`"), re.compile(r"\*\*([^*]+)\*\*")


@register.filter
def api_text(text: str) -> SafeString:
    """``code`` and **strong** words; the rest as it stands."""
    told = CODE.sub(r"<code>\1</code>", escape(text))
    return mark_safe(STRONG.sub(r"<strong>\1</strong>", told))  # noqa: S308 - escaped above
