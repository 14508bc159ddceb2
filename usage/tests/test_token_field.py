from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from exchange import MAX_TOKENS
from usage.token_field import TokensField


@pytest.mark.parametrize(
    ("typed", "tokens"),
    [
        ("0", 0),
        (" 1200 ", 1200),
        ("1,200", 1200),
        ("12,345,678", 12_345_678),
        ("1 200 000", 1_200_000),
        ("1\u202f200", 1200),
        ("1'200", 1200),
        (f"{MAX_TOKENS:,}", MAX_TOKENS),
    ],
)
def test_thousands_may_be_told_apart(typed: str, tokens: int) -> None:
    assert TokensField().clean(typed) == tokens


@pytest.mark.parametrize(
    "typed", ["1,20", "1,2000", "1,200 000", ",200", "1.200", "1,200.5", "12e3", "-1,200"]
)
def test_what_could_be_another_number_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        TokensField().clean(typed)


def test_how_many_fit_is_said_as_every_figure_is() -> None:
    with pytest.raises(ValidationError, match="No more than 9,007,199,254,740,991 tokens fit here"):
        TokensField().clean(str(MAX_TOKENS + 1))
