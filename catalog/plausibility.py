"""Whether what an Exchange lists can be right, and how it is said when it cannot."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext

from catalog.merging import Merged
from exchange.sentences import Sentence, gettext_noop

_ACCEPT = gettext_noop("If that is right, accept it: python manage.py sync_catalog --accept-shrink.")


class CatalogueError(Exception):
    """The catalogue was not taken over; what is kept here is as it was.

    ``sentence`` is in English, ``str()`` of the error in the person's language.
    """

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence.said_in(gettext)


class BusyError(CatalogueError):
    """Another process is refreshing it at this moment."""


class ImplausibleError(CatalogueError):
    """The Exchange answered, with what cannot be right: a number twice, or most of it gone."""


def require_numbers(noun: str, numbers: Iterable[int]) -> None:
    """Raises ImplausibleError where a number is negative (no page could show it) or is there twice."""
    seen: set[int] = set()
    for number in numbers:
        if number < 0:
            raise ImplausibleError(Sentence(_NEGATIVE[noun], number=number))
        if number in seen:
            raise ImplausibleError(Sentence(_TWICE[noun], number=number))
        seen.add(number)


def require_plausible(merged: Merged) -> None:
    """Raises ImplausibleError where more than half of the services, or of the providers, is gone at once."""
    accept = Sentence(_ACCEPT)
    if merged.kept * 2 < merged.listed_before:
        raise ImplausibleError(
            Sentence(_LOST_SERVICES, before=merged.listed_before, kept=merged.kept, accept=accept)
        )
    if merged.kept_providers * 2 < merged.providers_before:
        raise ImplausibleError(
            Sentence(
                _LOST_PROVIDERS, before=merged.providers_before, kept=merged.kept_providers, accept=accept
            )
        )


_TWICE = {
    "service": gettext_noop("The Exchange lists service %(number)s twice. Nothing was changed here."),
    "provider": gettext_noop("The Exchange lists provider %(number)s twice. Nothing was changed here."),
}
_NEGATIVE = {
    "service": gettext_noop("The Exchange gives a service the number %(number)s. Nothing was changed here."),
    "provider": gettext_noop(
        "The Exchange gives a provider the number %(number)s. Nothing was changed here."
    ),
}
_LOST_SERVICES = gettext_noop(
    "Of the %(before)s services that were listed here, the Exchange now offers %(kept)s. "
    "Nothing was changed here. %(accept)s"
)
_LOST_PROVIDERS = gettext_noop(
    "Of the %(before)s providers that were listed here, the Exchange now lists %(kept)s. "
    "Nothing was changed here. %(accept)s"
)
