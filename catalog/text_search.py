"""Words found in text whatever their case, in any script, on either database."""

from __future__ import annotations

import re

from django.db import connection
from django.db.models import Q

MOST_WORDS = 10


def contains(field: str, word: str) -> Q:
    """The rows whose ``field`` contains the word, upper and lower case alike."""
    if connection.vendor == "sqlite" and not word.isascii():
        # SQLite's LIKE knows the case of ASCII letters only; Django gives it Python's regular expressions
        return Q(**{f"{field}__iregex": re.escape(word)})
    return Q(**{f"{field}__icontains": word})
