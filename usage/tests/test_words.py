from __future__ import annotations

import pytest
from django.db.models import TextChoices
from django.utils import translation

from usage.models import Delivery, LedgerEntry
from usage.models.words import word_of


@pytest.mark.parametrize("choices", [LedgerEntry.Direction, LedgerEntry.Source, Delivery.State])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_choice_has_the_word_that_django_gives_it(choices: type[TextChoices], language: str) -> None:
    with translation.override(language):
        assert {value: word_of(choices, value) for value in choices.values} == {
            value: str(label) for value, label in choices.choices
        }


def test_what_is_no_choice_is_shown_as_it_is() -> None:
    assert word_of(Delivery.State, "lost") == "lost"
    assert LedgerEntry(direction="sideways").get_direction_display() == "sideways"
    assert LedgerEntry(source="command").get_source_display() == str(LedgerEntry.Source.COMMAND.label)
    assert Delivery(state="local").get_state_display() == "Local only"
