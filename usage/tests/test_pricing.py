from __future__ import annotations

from decimal import Decimal

import pytest

from usage.writing.pricing import cost_nanos


@pytest.mark.parametrize(
    ("price", "tokens", "nanos"),
    [
        ("0.5", 1000, 500_000_000),
        ("0.0000000005", 1, 0),
        # half a nano-dollar, to the even one: never up every time
        ("0.0000005", 1, 0),
        ("0.0000015", 1, 2),
        ("0.0000025", 1, 2),
        ("0.00000050000000000000000000001", 1, 1),
        ("0", 2**53, 0),
        ("0.0001", 2**53 - 1, 900_719_925_474_099_100),
    ],
)
def test_the_cost_is_exact_and_rounded_half_even_once(price: str, tokens: int, nanos: int) -> None:
    assert cost_nanos(Decimal(price), prompt_tokens=tokens, completion_tokens=0) == nanos
    assert cost_nanos(Decimal(price), prompt_tokens=0, completion_tokens=tokens) == nanos
