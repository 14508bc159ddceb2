from __future__ import annotations

import json
from decimal import Decimal
from io import StringIO
from typing import Any

from django.core.management import call_command


def text_of(command: str, *words: str) -> str:
    """What the command prints for people."""
    out = StringIO()
    call_command(command, *words, stdout=out)
    return out.getvalue()


def document_of(command: str, *words: str) -> Any:
    """The one document that it prints with ``--json``, its numbers exact."""
    return json.loads(text_of(command, *words, "--json"), parse_float=Decimal)
