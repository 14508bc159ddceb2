"""Text that a server sent, made safe for a log line and a person's eyes."""

import re
import unicodedata

_EMAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
# Control, format (bidi overrides, zero width), surrogate, private use, line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_HEADER_TOKEN = re.compile(r"[\x21-\x7e]+")


def clean_text(text: str, limit: int = 300) -> str:
    """One line of printable text, at most `limit` characters: a log line cannot be forged with it."""
    # Cut before looking at each character: a hostile text may be megabytes long.
    head = text[: limit * 4]
    printable = "".join(" " if unicodedata.category(char) in _UNSAFE else char for char in head)
    line = " ".join(printable.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def without_emails(text: str) -> str:
    """The same text with anything like an email address masked: servers like to echo what they refuse."""
    return _EMAIL.sub("[email]", text)


def header_token(text: object, limit: int) -> str | None:
    """The text if it can stand in a header as one token of at most `limit` characters, else None."""
    if isinstance(text, str) and len(text) <= limit and _HEADER_TOKEN.fullmatch(text):
        return text
    return None
