"""What a request says of its body, before Django believes it: the media type, never an encoding."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
BOUNDARY = re.compile(r';\s*(boundary=(?:"[^"]*"|[^\s;"]+))', re.IGNORECASE)


def read_as_utf_8(application: Application) -> Application:
    """Let the application read every request as UTF-8, which is what our pages send.

    Django decodes even the query by the charset that a request names. Python knows some, such as rot13, that
    decode no text: they end in an exception before any middleware could answer.
    """

    def reading(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "CONTENT_TYPE" in environ:
            environ["CONTENT_TYPE"] = without_charset(environ["CONTENT_TYPE"])
        return application(environ, start_response)

    return reading


def without_charset(content_type: str) -> str:
    """The media type, and its boundary where it has one; no other parameter says anything to us."""
    boundary = BOUNDARY.search(content_type)
    media_type = content_type.partition(";")[0].strip()
    return f"{media_type}; {boundary[1]}" if boundary else media_type
