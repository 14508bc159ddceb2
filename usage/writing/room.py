"""How much an account's sums can hold, and how much of that one key may take.

A database's integer holds 2^63 - 1, which no honest book comes near. Whoever has stolen a key could send
numbers until nothing more can be recorded, and nothing taken back. So entries fill half of the room at the
most, which leaves each of them room for its reversal; and a key may take a hundredth: revoke it, make
another, and the book goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from exchange.fields import INT64_MAX
from usage import rollups
from usage.models import Chain, LedgerEntry
from usage.writing.drafts import EntryInvalid

FOR_ENTRIES = INT64_MAX // 2
FOR_A_KEY = INT64_MAX // 100
"""Tokens, and nano-dollars: 92 quadrillion tokens and 92 million dollars."""


def require_room(chain: Chain, entry: LedgerEntry) -> None:
    """Raises EntryInvalid where some sum of the chain's entries would be no number that a database holds."""
    most = INT64_MAX if entry.is_reversal else FOR_ENTRIES
    if _fits(most, chain.gross_tokens, chain.gross_nanos, entry):
        return
    raise EntryInvalid(
        "prompt_tokens",
        _("with so many tokens, the totals of this account would be too large to be kept."),
    )


@dataclass(slots=True)
class KeysShare:
    """What the entries of one transaction's key add up to, those before it included. No key: no bound."""

    account_id: int
    key_id: int | None
    tokens: int = 0
    nanos: int = 0
    is_looked_up: bool = False

    def take(self, chain: Chain, entry: LedgerEntry) -> None:
        """Count the entry. Raises EntryInvalid where the key would have more than its share.

        Nothing is asked of the database before all keys of the account together have as much as one may.
        """
        if self.key_id is None:
            return
        if not self.is_looked_up and not _fits(FOR_A_KEY, chain.gross_tokens, chain.gross_nanos, entry):
            tokens, nanos = rollups.of_key(self.account_id, self.key_id)
            self.tokens, self.nanos, self.is_looked_up = self.tokens + tokens, self.nanos + nanos, True
        if self.is_looked_up and not _fits(FOR_A_KEY, self.tokens, self.nanos, entry):
            raise EntryInvalid(
                "prompt_tokens",
                _(
                    "with so many tokens, the totals of this key would be larger than a key may have. "
                    "If that is right, make another key; if not, revoke this one."
                ),
            )
        self.tokens += entry.total_tokens
        self.nanos += entry.cost_nanos or 0


def _fits(most: int, tokens: int, nanos: int, entry: LedgerEntry) -> bool:
    return tokens + entry.total_tokens <= most and nanos + (entry.cost_nanos or 0) <= most
