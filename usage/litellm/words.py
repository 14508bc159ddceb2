"""What the quarantine says of a row: why it waits, and what a person can do."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from usage.litellm.rows import Row
from usage.models import QuarantinedRow
from usage.models.quarantine import Reason


@dataclass(frozen=True, slots=True)
class Words:
    """``meaning``: why such a row waits; ``advice``: what to do, and how to have no more of them."""

    meaning: str
    advice: str


def words_of(reason: Reason) -> Words:
    """Two sentences for everybody who has such rows."""
    return {
        Reason.NO_SERVICE: Words(
            _("Neither the call, its tags nor the API key said which service it was."),
            _("Give the key a default service, and the next ones are recorded at once."),
        ),
        Reason.SERVICE: Words(
            _("The call or its tags name a service in a way that is not understood."),
            _("A service is named by its number: tokligence_service_id, or one tag like service:7."),
        ),
        Reason.IDENTITY: Words(
            _("LiteLLM gave the call no id, so that it could be told apart if it came twice."),
            _("Record it only if it is not in your book in another way."),
        ),
        Reason.TOKENS: Words(
            _("LiteLLM told no tokens for it, or a number that cannot be."),
            _("Record it by hand if you know its tokens, then discard it."),
        ),
        Reason.TIME: Words(
            _("Its time lies in the future, or before the year 2000."),
            _("Set the clock of the machine on which LiteLLM runs. A time that has come can be recorded."),
        ),
        Reason.CONFLICT: Words(
            _("The same call is in your book with other tokens."),
            _("If these are the right ones, reverse the entry that is there, then record this row."),
        ),
        Reason.REFUSED: Words(
            _("The ledger could not take it as it was."),
            _("Record it again, or discard it."),
        ),
        Reason.UNREADABLE: Words(
            _("What came was no row of LiteLLM's, so nothing is known of it."),
            _("Look at LiteLLM's log for that time. There is nothing here that could be recorded."),
        ),
    }[reason]


def detail_of(row: QuarantinedRow) -> str:
    """What is wrong with this one, beyond its reason; empty where there is nothing more to say."""
    names = {"prompt_tokens": _("prompt tokens"), "completion_tokens": _("completion tokens")}
    match row.reason:
        case Reason.TOKENS:
            odd = ", ".join(names.get(name, name) for name in row.detail.split(", "))
            return _("not usable: %(names)s") % {"names": odd}
        case Reason.CONFLICT:
            return _("in your book as number %(seq)s") % {"seq": row.detail}
        case Reason.UNREADABLE if row.detail:
            return _("nothing that came after it could be read either")
        case Reason.SERVICE | Reason.TIME | Reason.REFUSED:
            return row.detail
    return ""


def facts_of(told: Row) -> list[tuple[str, str]]:
    """All that is kept of it, each with its name; what was not told is left out."""
    facts = [
        (_("Model"), told.model),
        (_("Model group"), told.model_group),
        (_("Provider in LiteLLM"), told.custom_llm_provider),
        (_("Kind of call"), told.call_type),
        (_("Tags"), ", ".join(told.tags)),
        (_("End user"), told.end_user),
        (_("LiteLLM's key"), told.key_alias),
        (_("Service, as it was named"), told.service),
        (_("Call id"), told.litellm_call_id),
        (_("Answer's id"), told.litellm_id),
        (_("Trace id"), told.trace_id),
    ]
    return [(name, text) for name, text in facts if text]
