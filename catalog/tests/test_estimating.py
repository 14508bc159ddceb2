from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.estimating import EXACT, cost_of

TOKENS = st.integers(0, 2**53 - 1)
PRICES = st.decimals(0, 1_000_000, places=12)


@pytest.mark.parametrize(
    ("price", "prompt", "completion", "cost"),
    [
        ("0.005", 1000, 0, "0.005"),
        ("0.005", 10_000, 2_000, "0.06"),
        ("0", 10**9, 10**9, "0"),
        ("0.0000001", 1, 0, "0.0000000001"),
        ("3", 0, 0, "0"),
        # 2**53 - 1 twice, at a price of many digits: no digit is lost
        ("0.123456789012345678", 2**53 - 1, 2**53 - 1, "2223999795969.431514437542496573796"),
    ],
)
def test_it_is_exact(price: str, prompt: int, completion: int, cost: str) -> None:
    found = cost_of(Decimal(price), prompt_tokens=prompt, completion_tokens=completion)
    assert found == Decimal(cost)


@given(price=PRICES, prompt=TOKENS, completion=TOKENS)
def test_it_is_what_whole_numbers_say(price: Decimal, prompt: int, completion: int) -> None:
    pico = int(price.scaleb(12, EXACT))
    cost = cost_of(price, prompt_tokens=prompt, completion_tokens=completion)
    assert int(cost.scaleb(15, EXACT)) == pico * (prompt + completion)
    assert cost == cost_of(price, prompt_tokens=completion, completion_tokens=prompt)


@pytest.mark.parametrize(("price", "prompt", "completion"), [("1", -1, 0), ("1", 0, -1), ("-1", 1, 1)])
def test_it_refuses_what_cannot_be(price: str, prompt: int, completion: int) -> None:
    with pytest.raises(ValueError, match="not negative"):
        cost_of(Decimal(price), prompt_tokens=prompt, completion_tokens=completion)
