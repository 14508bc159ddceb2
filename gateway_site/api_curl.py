"""A request of the reference as a command that one can paste into a shell."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

COOKIES = "cookies.txt"
WIDE = 60
"""Characters up to which a body stays on one line."""


def curl(method: str, path: str, operation: dict[str, Any]) -> str:
    """The command, given ``GATEWAY`` and ``KEY``; for people alone, ``CSRF`` and a file of cookies."""
    query: dict[str, Any] = {}
    for parameter in operation.get("parameters", ()):
        if "example" in parameter:
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
            else:
                query[parameter["name"]] = parameter["example"]
    address = f"$GATEWAY{path}" + (f"?{urlencode(query)}" if query else "")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    words = [f"curl {_verb(method, body)}{_quoted(address)}", *_who(method, operation)]
    if body is not None:
        words += ['-H "Content-Type: application/json"', f"-d '{_body(body)}'"]
    return " \\\n  ".join(words)


def pretty(document: Any, indent: str = "") -> str:
    """JSON for reading: what fits on a line stays there."""
    short = json.dumps(document, ensure_ascii=False)
    if not document or not isinstance(document, dict | list) or (indent and len(short) <= WIDE):
        return short
    inner = indent + "  "
    if isinstance(document, dict):
        rows = [f"{inner}{json.dumps(name)}: {pretty(value, inner)}" for name, value in document.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + pretty(value, inner) for value in document) + f"\n{indent}]"


def _verb(method: str, body: Any) -> str:
    return "" if method == ("post" if body is not None else "get") else f"-X {method.upper()} "


def _who(method: str, operation: dict[str, Any]) -> list[str]:
    ways = {name for way in operation["security"] for name in way}
    if "BearerKey" in ways:
        return ['-H "Authorization: Bearer $KEY"']
    if ways:
        return [f"-b {COOKIES}", *(['-H "X-CSRFToken: $CSRF"'] if method != "get" else [])]
    return [f"-c {COOKIES}"] if operation["operationId"] == "post_auth_verify" else []


def _body(body: Any) -> str:
    short = json.dumps(body, ensure_ascii=False)
    return (short if len(short) <= WIDE else pretty(body)).replace("'", "'\\''")


def _quoted(address: str) -> str:
    return f'"{address}"'
