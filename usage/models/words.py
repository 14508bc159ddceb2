"""The words of choices, for pages of many rows."""

from __future__ import annotations

from django.db.models import TextChoices


def word_of(choices: type[TextChoices], value: str) -> str:
    """A choice's word in the reader's language; the value itself where it is none of them.

    Django's own ``get_…_display`` goes through all choices each time: a seventh of a page of fifty rows.
    """
    try:
        return str(choices(value).label)
    except ValueError:
        return value
