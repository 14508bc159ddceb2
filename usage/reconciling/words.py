"""What is said of each thing that does not fit. Kept by name, so that each reads it in their language."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

LINES = {
    "missing": gettext_noop("Delivered, but the Exchange's statement has no such line."),
    "missing_person": gettext_noop(
        "A person settled it as counted, but the Exchange's statement has no such line."
    ),
    "no_key": gettext_noop("The line carries no key, so no entry of ours is behind it."),
    "no_entry": gettext_noop("No entry of ours has the line's key."),
    "twice": gettext_noop("The Exchange counted this entry a second time, under the same key."),
    "fields": gettext_noop("The line and the entry say different things."),
    "withdrawn": gettext_noop(
        "Reversed here before it was known to be counted, but the Exchange counted it."
    ),
    "reversal": gettext_noop("A reversal is never sent, but the Exchange has a line with its key."),
}
CHAIN = {
    "order": gettext_noop("Their lines are out of order at line %(line)s."),
    "link": gettext_noop("Their line %(line)s does not follow the hash of the line before it."),
    "hash": gettext_noop("The hash of their line %(line)s is not that of what the line says."),
    "rewritten": gettext_noop("Their line %(line)s is not what it was at an earlier reconciliation."),
    "short": gettext_noop("Their statement ends at line %(line)s, before their totals do."),
    "tip": gettext_noop("Their totals name another hash than their statement has at line %(line)s."),
    "sums": gettext_noop("Up to line %(line)s, their lines do not add up to their totals."),
}
OPENING = gettext_noop("What they had counted before your first entry is not what it was.")
NO_STATEMENT = gettext_noop("This Exchange offers no statement, so totals alone were compared.")
NO_KEYS = gettext_noop(
    "This Exchange's statement carries no keys, so its lines cannot be told apart and totals alone were "
    "compared."
)
OTHER_EXCHANGE = gettext_noop("This account belongs to another Exchange than the one that is configured.")
TOO_LONG = gettext_noop(
    "The Exchange's statement is too long to be read while you wait. The hourly run reads it to its end."
)
UNDER_WAY = gettext_noop("These books are being reconciled at this moment. Look again in a minute.")
FIELDS = {
    "user_id": gettext_noop("account"),
    "service_id": gettext_noop("service"),
    "prompt_tokens": gettext_noop("prompt tokens"),
    "completion_tokens": gettext_noop("completion tokens"),
    "direction": gettext_noop("direction"),
    "memo": gettext_noop("memo"),
}


def of_chain(code: str, line_id: int | None) -> str:
    """The sentence on a break in the Exchange's book."""
    return _(CHAIN[code]) % {"line": line_id or 0}
