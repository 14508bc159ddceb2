"""How a page or a command says that the Exchange did not do what was asked: the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from exchange import (
    AmbiguousOutcome,
    CircuitOpen,
    ComplianceRefusal,
    ExchangeError,
    ExchangeRejected,
    ExchangeUnavailable,
    ExchangeUnreachable,
    GatewayError,
    RateLimited,
    Rule,
    Sentence,
    TooManyCalls,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer's HTTP status, the sentence for the person, and the rules that were broken, if any."""

    status: int
    error: str
    rules: tuple[Rule, ...] = ()


def failure_of(error: ExchangeError | GatewayError) -> Failure:
    """422: refused as it is. 409: makes no sense yet. 504: may have been done. 503: not done, try again."""
    match error:
        case GatewayError():
            return Failure(409, explain(error))
        case RateLimited():
            return Failure(503, explain(error))
        case ExchangeRejected():
            return Failure(422, explain(error), error.rules)
        case AmbiguousOutcome():
            return Failure(504, explain(error))
        case _:
            return Failure(503, explain(error))


def explain(error: ExchangeError | GatewayError) -> str:
    """The sentence in the person's language: what happened and, where it can be mended here, what to do.

    A refusal's rules are not in it: they are shown beside it, or see ``explain_with_rules``.
    """
    if isinstance(error, ComplianceRefusal):
        return _("The Exchange refused this by its rules.")  # each is shown beside it
    sentence = error.sentence.said_in(_) if isinstance(error.sentence, Sentence) else error.sentence
    if not isinstance(error, ExchangeUnreachable | ExchangeUnavailable) or isinstance(
        error, CircuitOpen | TooManyCalls
    ):
        return sentence
    if settings.TOKLIGENCE.environment == "live":  # where the sandbox is refused
        hint = _("If this lasts, check base_url (TOKLIGENCE_BASE_URL).")
    else:
        hint = _(
            "Start a sandbox Exchange (python manage.py runexchange), or point base_url "
            "(TOKLIGENCE_BASE_URL) to an Exchange that runs."
        )
    return f"{sentence} {hint}"


def explain_with_rules(error: ExchangeError) -> str:
    """``explain`` on one line, with the identifier and the words of each rule that was broken."""
    rules = error.rules if isinstance(error, ExchangeRejected) else ()
    named = "; ".join(f"{rule.id}: {rule.message}" if rule.message else rule.id for rule in rules)
    return f"{explain(error)} ({named})" if named else explain(error)
