"""What tokens cost at a price: exact, in US dollars."""

from __future__ import annotations

from decimal import Context, Decimal

# Decimal's usual 28 digits would round a long price times many tokens
EXACT = Context(prec=200)


def cost_of(price_per_1k_tokens: Decimal, *, prompt_tokens: int, completion_tokens: int) -> Decimal:
    """USD for so many tokens at a price in USD per 1,000 tokens, to the last digit.

    The price is the same for prompt and completion tokens, and trial tokens are not taken off.
    Raises ValueError for a negative count or price.
    """
    if prompt_tokens < 0 or completion_tokens < 0 or price_per_1k_tokens < 0:
        raise ValueError("tokens and prices are not negative")
    tokens = Decimal(prompt_tokens + completion_tokens)
    return EXACT.multiply(price_per_1k_tokens, tokens).scaleb(-3, EXACT)
