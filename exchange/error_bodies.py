"""Reading the body of a refusal, in every form that the contract lists and what lies between them.

`error` may be text or an object {code, message}; the body may be no JSON, or empty. Broken rules stand under
`rules`, `violations`, `rule` or `rule_id`, as identifiers or objects, beside `error` or inside it. Nothing
here raises.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from exchange.errors import Rule
from exchange.text import clean_text
from exchange.wire_json import WireError, loads

_RULE_KEYS = ("rules", "violations", "rule", "rule_id")
_ID_KEYS = ("id", "rule_id", "rule", "code")
_MESSAGE_KEYS = ("message", "detail", "description", "reason")
_MAX_RULES = 50
_MAX_ID = 100


@dataclass(frozen=True)
class ErrorBody:
    """What a refusal said: its words ("" for none), its code, and the rules that it named."""

    message: str = ""
    code: str | None = None
    rules: tuple[Rule, ...] = ()


def read_error_body(body: bytes | None) -> ErrorBody:
    """The refusal in these bytes, as far as it can be made out."""
    if not body:
        return ErrorBody()
    try:
        document = loads(body)
    except WireError:
        return ErrorBody(message=_plain_text(body))
    if not isinstance(document, dict):
        return ErrorBody(message=_text(document))
    error = document.get("error")
    inner = error if isinstance(error, dict) else {}
    message = "" if inner else _text(error)
    return ErrorBody(
        message=message or _first(inner, _MESSAGE_KEYS) or _first(document, _MESSAGE_KEYS),
        code=_first(inner, ("code",)) or _first(document, ("code",)) or None,
        rules=_rules(document, inner),
    )


def _rules(*holders: dict[str, Any]) -> tuple[Rule, ...]:
    named: dict[str, Rule] = {}
    for holder in holders:
        for key in _RULE_KEYS:
            for rule in _rules_in(holder.get(key)):
                # The same rule under two names is one rule; the one with words says more.
                if rule.id not in named or not named[rule.id].message:
                    named[rule.id] = rule
                if len(named) >= _MAX_RULES:
                    return tuple(named.values())
    return tuple(named.values())


def _rules_in(value: Any) -> Iterator[Rule]:
    if isinstance(value, list):
        # One level only: a list inside a list is no form of the contract.
        for item in value:
            if not isinstance(item, list):
                yield from _rules_in(item)
    elif isinstance(value, dict):
        identifier = _first(value, _ID_KEYS, _MAX_ID)
        if identifier:
            yield Rule(identifier, _first(value, _MESSAGE_KEYS))
        else:
            yield from _rules_by_name(value)
    elif identifier := _text(value, _MAX_ID):
        yield Rule(identifier)


def _rules_by_name(value: dict[str, Any]) -> Iterator[Rule]:
    for name, message in value.items():
        identifier = clean_text(name, _MAX_ID)
        if identifier and name not in _MESSAGE_KEYS and isinstance(message, str):
            yield Rule(identifier, clean_text(message))


def _first(holder: dict[str, Any], keys: tuple[str, ...], limit: int = 300) -> str:
    return next((text for key in keys if (text := _text(holder.get(key), limit))), "")


def _text(value: Any, limit: int = 300) -> str:
    if isinstance(value, bool):
        return ""
    return clean_text(str(value), limit) if isinstance(value, str | int) else ""


def _plain_text(body: bytes) -> str:
    try:
        text = body[:4096].decode("utf-8", errors="ignore" if len(body) > 4096 else "strict")
    except UnicodeDecodeError:
        return ""
    # A page of HTML is a proxy's, and says nothing to the person; half a JSON document neither.
    return "" if text.lstrip()[:1] in {"<", "{", "["} else clean_text(text)
