"""What a memo can be found by: its words without case, and in scripts without spaces each sign and each pair.

Both databases are given these terms as they are, so that a search means the same on either.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_TERM = 40
"""Characters; what is longer is found by its beginning."""
MOST_TERMS = 40
"""How many terms a search may have: each is looked up in every block of the index."""

# Han, kana, Thai, Lao, Burmese, Khmer: words stand there without a space between them
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
)
_PIECE = re.compile(rf"(?P<run>[{_UNSPACED}]+)|[^\W_{_UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: terms that must all be there; ``beginning`` is of a word that may go on."""

    whole: frozenset[str]
    beginning: str = ""

    @property
    def count(self) -> int:
        return len(self.whole) + bool(self.beginning)

    def fits(self, memo: str) -> bool:
        """Whether this memo would be found."""
        terms = terms_of(memo)
        begun = not self.beginning or any(term.startswith(self.beginning) for term in terms)
        return begun and self.whole <= terms


def terms_of(memo: str) -> set[str]:
    """Everything by which this memo is found."""
    terms: set[str] = set()
    for piece, unspaced in _pieces(memo):
        if unspaced:
            terms.update(piece)
            terms.update(_pairs(piece))
        else:
            terms.add(piece[:LONGEST_TERM])
    return terms


def wanted(text: str) -> Wanted:
    """What somebody who types this looks for; its last word may go on. Empty where there is no word."""
    pieces = list(_pieces(text))
    whole: set[str] = set()
    beginning = ""
    for place, (piece, unspaced) in enumerate(pieces, start=1):
        if unspaced:
            whole.update(_pairs(piece) or piece)
        elif place == len(pieces):
            beginning = piece[:LONGEST_TERM]
        else:
            whole.add(piece[:LONGEST_TERM])
    return Wanted(frozenset(whole), beginning)


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Words, and runs of a script without spaces, which are told apart by the second of each pair."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    for found in _PIECE.finditer(folded):
        yield found.group(), found["run"] is not None


def _pairs(run: str) -> list[str]:
    return [run[start : start + 2] for start in range(len(run) - 1)]
