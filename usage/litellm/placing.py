"""To which service a row belongs: what the call says, then its tags, then the key's default service."""

from __future__ import annotations

from exchange.fields import INT64_MAX
from usage.litellm.rows import SERVICE_TAG, Row, names_service


class NotPlaced(ValueError):  # noqa: N818 - said of the row
    """It names a service in a way that nobody understands: ``said``; empty where it names none at all."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


def service_of(row: Row, default: int | None) -> int:
    """The Exchange's number of the service. Raises NotPlaced; never guesses where something was said."""
    if row.service:
        return _number(row.service, f"tokligence_service_id: {row.service}")
    tags = {tag[len(SERVICE_TAG) :].strip(): tag for tag in row.tags if names_service(tag)}
    if len(tags) > 1:
        raise NotPlaced(", ".join(tags.values()))
    for number, tag in tags.items():
        return _number(number, tag)
    if default is None:
        raise NotPlaced("")
    return default


def _number(text: str, said: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    if not is_number or not 1 <= int(text) <= INT64_MAX:
        raise NotPlaced(said)
    return int(text)
