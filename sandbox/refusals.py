"""What the Exchange answers instead of doing what was asked.

    Refusal                 any answer of 400 and up, with a sentence
    ├── Malformed           400: the request does not fit the contract
    │   └── BodyTooLarge    413
    ├── ComplianceRefusal   400: it fits, and breaks rules, which are named
    ├── NotFound            404
    └── Conflict            409: an idempotency key came back with another body

Domain functions raise them and `sandbox.answers.refused` renders them; what was begun is undone.
"""

from collections.abc import Sequence

from sandbox.compliance import BrokenRule


class Refusal(Exception):  # noqa: N818  what it is called in the field
    """A request that is not granted; `sentence` says why, `status` is the HTTP status."""

    status = 400

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Malformed(Refusal):
    """The request does not fit the contract."""


class BodyTooLarge(Malformed):
    """The request's body is longer than any that the contract has a use for."""

    status = 413


class NotFound(Refusal):
    """Nothing has the identifier, or the path, that was asked for."""

    status = 404


class Conflict(Refusal):
    """The idempotency key was used for another report."""

    status = 409


class ComplianceRefusal(Refusal):
    """One or more compliance rules were broken; `rules` names every one of them."""

    def __init__(self, rules: Sequence[BrokenRule]) -> None:
        super().__init__("Refused by the rules of the Exchange: " + " ".join(rule.message for rule in rules))
        self.rules = tuple(rules)
