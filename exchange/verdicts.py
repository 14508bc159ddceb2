"""From an attempt's outcome to the error that the caller gets, with a sentence that says what to do."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from exchange.error_bodies import ErrorBody, read_error_body
from exchange.errors import (
    AmbiguousOutcome,
    CircuitOpen,
    ComplianceRefusal,
    ErrorFacts,
    ExchangeError,
    ExchangeProtocolError,
    ExchangeRejected,
    ExchangeUnavailable,
    ExchangeUnreachable,
    RateLimited,
    Rule,
    StatementNotOffered,
    TooManyCalls,
)
from exchange.retry import Failure, Meaning, Operation, parse_retry_after
from exchange.sentences import Sentence, gettext_noop
from exchange.text import header_token
from exchange.transport import Answer, NoAnswer

_NOTHING_SAID = ErrorBody()
# Refusals by a front server, or because the earlier attempt is still being worked on (409): they say nothing
# about whether that one was done.
_ABOUT_THIS_ATTEMPT = frozenset({401, 403, 407, 408, 409, 425})
_MISFITS = {
    Failure.GARBLED: gettext_noop("it sent an answer that is not valid HTTP"),
    Failure.TOO_LARGE: gettext_noop("it sent an answer that is too large"),
}


@dataclass(frozen=True)
class CallFacts:
    """What every error of one call says about it."""

    base_url: str
    operation: Operation
    method: str
    url: str
    request_id: str
    not_found: type[ExchangeRejected] = ExchangeRejected


@dataclass(frozen=True)
class Verdict:
    """One attempt, understood: its meaning, what came, and what the Exchange said about a refusal."""

    meaning: Meaning
    result: Answer | NoAnswer
    outcome: int | Failure
    said: ErrorBody = _NOTHING_SAID

    @property
    def status(self) -> int | None:
        """The status that came, if one did."""
        return self.result.status if isinstance(self.result, Answer) else None

    @property
    def kind(self) -> str:
        """The outcome in a few words: "status 503", "answer lost"."""
        if isinstance(self.outcome, Failure):
            return Sentence(self.outcome.value)
        return Sentence(gettext_noop("status %(status)s"), status=self.outcome)


def outcome_of(operation: Operation, result: Answer | NoAnswer) -> int | Failure:
    """What to decide by. The status alone, save where the operation is nothing without a body that was not
    readable.
    """
    if isinstance(result, NoAnswer):
        return result.failure
    needs_body = operation in {Operation.READ, Operation.UPSERT} and 200 <= result.status < 300
    return result.trouble if needs_body and result.trouble else result.status


def understand(operation: Operation, result: Answer | NoAnswer, meaning: Meaning) -> Verdict:
    """The verdict on one attempt; reads the body of a refusal."""
    refused = isinstance(result, Answer) and result.status >= 400
    said = read_error_body(result.body) if isinstance(result, Answer) and refused else _NOTHING_SAID
    return Verdict(meaning, result, outcome_of(operation, result), said)


def retry_after(result: Answer | NoAnswer) -> float | None:
    """The pause in seconds that the answer asks for, if it does."""
    if isinstance(result, NoAnswer):
        return None
    return parse_retry_after(result.headers.get("Retry-After"), datetime.now(UTC))


def server_request_id(result: Answer | NoAnswer) -> str | None:
    """The X-Request-ID of the answer, if it has one that can be shown."""
    return header_token(result.headers.get("X-Request-ID"), 128) if isinstance(result, Answer) else None


def error_for(
    facts: CallFacts, verdict: Verdict, attempts: int, doubt: Verdict | None = None
) -> ExchangeError:
    """The error for a call that ended with this verdict.

    `doubt` is an earlier attempt of the same write whose outcome is unknown: only a refusal that the earlier
    attempt must have met as well settles it.
    """
    if doubt is not None and not _settles_doubt(verdict):
        return _ambiguous(facts, doubt, attempts)
    match verdict.meaning:
        case Meaning.REJECTED:
            return _rejected(facts, verdict, attempts)
        case Meaning.RATE_LIMITED:
            return _rate_limited(facts, verdict, attempts)
        case Meaning.UNREACHABLE:
            reason = verdict.result.reason if isinstance(verdict.result, NoAnswer) else verdict.kind
            return unreachable(facts, reason, attempts)
        case Meaning.UNAVAILABLE:
            sentence = Sentence(
                gettext_noop("The Exchange at %(base_url)s is in trouble (%(kind)s). Try again later."),
                base_url=facts.base_url,
                kind=verdict.kind,
            )
            return ExchangeUnavailable(sentence, **_common(facts, verdict, attempts))
        case Meaning.AMBIGUOUS:
            return _ambiguous(facts, verdict, attempts)
        case _:
            return _misfit(facts, verdict, attempts)


def _settles_doubt(verdict: Verdict) -> bool:
    return verdict.meaning is Meaning.REJECTED and verdict.status not in _ABOUT_THIS_ATTEMPT


def unreachable(facts: CallFacts, reason: str, attempts: int) -> ExchangeUnreachable:
    """The error for a call that made no connection."""
    sentence = Sentence(
        gettext_noop("The Exchange cannot be reached at %(base_url)s (%(reason)s)."),
        base_url=facts.base_url,
        reason=reason,
    )
    return ExchangeUnreachable(sentence, **_facts(facts, attempts))


def circuit_open(facts: CallFacts, retry_in: float) -> CircuitOpen:
    """The error for a call that was not tried."""
    if retry_in > 0:
        template = gettext_noop(
            "The Exchange at %(base_url)s did not answer the last times; it is tried again in %(seconds)s s."
        )
    else:
        template = gettext_noop(
            "The Exchange at %(base_url)s did not answer the last times; it is tried again right now."
        )
    sentence = Sentence(template, base_url=facts.base_url, seconds=math.ceil(retry_in))
    return CircuitOpen(sentence, retry_in=retry_in, **_facts(facts, 0))


def too_many_calls(facts: CallFacts) -> TooManyCalls:
    """The error for a call that was not tried, because others still wait for the Exchange."""
    sentence = Sentence(
        gettext_noop(
            "The Exchange at %(base_url)s is slow, and others wait for it already. Nothing was sent; "
            "try again in a moment."
        ),
        base_url=facts.base_url,
    )
    return TooManyCalls(sentence, **_facts(facts, 0))


def protocol_error(facts: CallFacts, verdict: Verdict, attempts: int, problem: str) -> ExchangeProtocolError:
    """The error for an answer whose content does not fit; `problem` is a clause about it: "it …"."""
    sentence = Sentence(
        gettext_noop(
            "The Exchange at %(base_url)s cannot be understood: %(problem)s. "
            "Check that the address is an Exchange's."
        ),
        base_url=facts.base_url,
        problem=problem,
    )
    return ExchangeProtocolError(sentence, **_common(facts, verdict, attempts))


def _misfit(facts: CallFacts, verdict: Verdict, attempts: int) -> ExchangeProtocolError:
    if isinstance(verdict.outcome, Failure):
        problem = Sentence(_MISFITS[verdict.outcome])
    elif verdict.outcome == 304:
        problem = Sentence(gettext_noop("it answered “not modified” where nothing was asked about"))
    elif 300 <= verdict.outcome < 400:
        problem = Sentence(
            gettext_noop("it redirects elsewhere (status %(status)s), which is not followed"),
            status=verdict.outcome,
        )
    else:
        problem = Sentence(
            gettext_noop("it answered with status %(status)s, which has no meaning here"),
            status=verdict.outcome,
        )
    return protocol_error(facts, verdict, attempts, problem)


def _rejected(facts: CallFacts, verdict: Verdict, attempts: int) -> ExchangeRejected:
    refusal = verdict.status == 400 and bool(verdict.said.rules)
    kind = ComplianceRefusal if refusal else facts.not_found if verdict.status == 404 else ExchangeRejected
    words = verdict.said.message
    if refusal:
        rules = "; ".join(map(_rule_words, verdict.said.rules))
        # The words often repeat the rules' own.
        if words and words not in rules:
            template = gettext_noop("The Exchange refused this by its rules: %(rules)s. It says: %(words)s")
        else:
            template = gettext_noop("The Exchange refused this by its rules: %(rules)s.")
        sentence = Sentence(template, rules=rules, words=words)
    elif kind is StatementNotOffered:
        template = gettext_noop("The Exchange at %(base_url)s offers no statement. Compare totals instead.")
        sentence = Sentence(template, base_url=facts.base_url)
    elif words:
        template = gettext_noop("The Exchange refused the request (status %(status)s): %(words)s")
        sentence = Sentence(template, status=verdict.status, words=words)
    else:
        template = gettext_noop("The Exchange refused the request (status %(status)s).")
        sentence = Sentence(template, status=verdict.status)
    said = verdict.said
    return kind(sentence, code=said.code, rules=said.rules, **_common(facts, verdict, attempts))


def _rule_words(rule: Rule) -> str:
    message = rule.message.rstrip(".")
    return f"{rule.id} ({message})" if message else rule.id


def _rate_limited(facts: CallFacts, verdict: Verdict, attempts: int) -> RateLimited:
    seconds = retry_after(verdict.result)
    if seconds:
        template = gettext_noop(
            "The Exchange at %(base_url)s asks for fewer requests. Try again in %(seconds)s s."
        )
    else:
        template = gettext_noop("The Exchange at %(base_url)s asks for fewer requests. Try again later.")
    sentence = Sentence(template, base_url=facts.base_url, seconds=math.ceil(seconds or 0))
    return RateLimited(
        sentence,
        retry_after=seconds,
        code=verdict.said.code,
        rules=verdict.said.rules,
        **_common(facts, verdict, attempts),
    )


def _ambiguous(facts: CallFacts, verdict: Verdict, attempts: int) -> AmbiguousOutcome:
    if facts.operation is Operation.UPSERT:
        template = gettext_noop(
            "It is not known whether the Exchange at %(base_url)s did this (%(kind)s). "
            "Doing it again is safe."
        )
    else:
        template = gettext_noop(
            "It is not known whether the Exchange at %(base_url)s did this (%(kind)s). "
            "Look at its totals before you send the report again."
        )
    sentence = Sentence(template, base_url=facts.base_url, kind=verdict.kind)
    return AmbiguousOutcome(sentence, cause_kind=verdict.kind, **_common(facts, verdict, attempts))


def _facts(facts: CallFacts, attempts: int) -> ErrorFacts:
    return {
        "method": facts.method,
        "url": facts.url,
        "request_id": facts.request_id,
        "attempts": attempts,
    }


def _common(facts: CallFacts, verdict: Verdict, attempts: int) -> ErrorFacts:
    return {
        **_facts(facts, attempts),
        "status": verdict.status,
        "server_request_id": server_request_id(verdict.result),
    }
