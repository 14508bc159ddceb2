"""What the documentation says of refusals: one envelope for each status that an operation can answer."""

from __future__ import annotations

from accounts.api.errors import ErrorEnvelope

Refusals = dict[int, type[ErrorEnvelope]]
KNOWN = (401, 403, 429)
"""Any operation that wants to know who calls."""
BODY = (400, 413, 415, 422)
"""Any operation that takes a body."""
EXCHANGE = (409, 422, 503, 504)
"""Any operation for which the Exchange is asked."""


def refusals(*statuses: int) -> Refusals:
    """The envelope for each of these statuses; ``refusals(*KNOWN, 404)``."""
    return dict.fromkeys(sorted(set(statuses)), ErrorEnvelope)
