"""Readers of single configuration values: text in, a typed value out, ValueError with what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from exchange import MAX_TOKENS, normalise_base_url

# the addresses that the site's own forms accept, as it keeps them; the site cannot be imported here
EMAIL = re.compile(
    r"(?=.{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])"
)
DOMAIN = re.compile(r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
PRICE = re.compile(r"[0-9]{1,7}(\.[0-9]*)?|\.[0-9]+")
MAX_PRICE = Decimal(1_000_000)
CREDENTIALS = re.compile(r"(?<=//).*@|^[^@]*:.*@", re.DOTALL)
SECRET = re.compile(r"secret|passw|token|key|url")
KNOWN_TO_BE_PUBLIC = ("base_url", "trial_tokens")
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class ConfigError(ValueError):
    """The configuration cannot be used; the text is one line: where, what, and what would be right."""

    def __init__(self, text: str) -> None:
        super().__init__("".join(char if char.isprintable() else repr(char)[1:-1] for char in text))


def shown(raw: str, key: str = "") -> str:
    """A value for a message: quoted, on one line, short.

    The password that a URL may carry is left out, and all of it where the key sounds like a secret: one may
    have been put into the wrong place.
    """
    if SECRET.search(key) and key not in KNOWN_TO_BE_PUBLIC:
        return "***"
    masked = CREDENTIALS.sub("***@", raw)
    return repr(masked if len(masked) <= 100 else f"{masked[:99]}…")


def boolean(raw: str) -> bool:
    if raw.lower() in TRUE:
        return True
    if raw.lower() in FALSE:
        return False
    raise ValueError("must be true or false (also yes, no, on, off, 1, 0)")


def one_of(*choices: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if raw.lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return raw.lower()

    return read


def text(longest: int) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if len(raw) > longest or not raw.isprintable():
            raise ValueError(f"must be one line of plain text, {longest} characters at most")
        return raw

    return read


def email(raw: str) -> str:
    value = raw.lower()
    if raw and (len(raw) > 254 or not raw.isascii() or not EMAIL.fullmatch(value)):
        raise ValueError("must be an email address such as ada@example.com, or empty")
    return value


def base_url(raw: str) -> str:
    if "@" in raw:  # refused here: further in, a reason might quote a part of the password
        raise ValueError("must carry no user name or password; write it like http://localhost:8080")
    return normalise_base_url(raw)


def price(raw: str) -> Decimal:
    """USD per 1,000 tokens, with the decimals that were written."""
    if not PRICE.fullmatch(raw) or Decimal(raw) > MAX_PRICE:
        raise ValueError("must be US dollars per 1,000 tokens, 0 to 1000000, written like 0.002")
    if len(raw.partition(".")[2]) > 12:
        raise ValueError("must have 12 decimal places at most, such as 0.002")
    return Decimal(raw)


def token_count(raw: str) -> int:
    if not re.fullmatch("[0-9]{1,16}", raw) or int(raw) > MAX_TOKENS:
        raise ValueError("must be a whole number of tokens, 0 or more, such as 10000")
    return int(raw)


def seconds(raw: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", raw):
        raise ValueError("must be a whole number of seconds, 0 or more, such as 300")
    return int(raw)


def rate(raw: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", raw):
        raise ValueError("must be a whole number of requests a minute, 0 or more, such as 6000")
    return int(raw)


def sign_up(raw: str) -> str:
    value = raw.lower()
    if value in ("open", "closed") or DOMAIN.fullmatch(value):
        return value
    raise ValueError("must be open, closed, or a domain such as @example.com")


def log_level(raw: str) -> str:
    return one_of("debug", "info", "warning", "error", "critical")(raw).upper()
