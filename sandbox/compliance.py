"""The rules of the sandbox Exchange, each with the identifier that a refusal carries.

They are examples of what a real Exchange may enforce, chosen so that each can be met on purpose.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

# USD per 1,000 tokens; above the dearest model on the market (about 0.60 for one thousand output tokens).
PRICE_CEILING = Decimal(1)
# Tokens given away with one service.
TRIAL_CEILING = 1_000_000
# Prompt and completion tokens together in one report: more is a mistaken unit, not a conversation.
TOKEN_CEILING = 10_000_000

FORBIDDEN_WORDS = ("cracked", "jailbreak", "jailbroken", "leaked", "stolen", "unlimited")
_FORBIDDEN = re.compile(rf"\b({'|'.join(FORBIDDEN_WORDS)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class BrokenRule:
    """One rule that a request broke: its identifier and a sentence for a person."""

    id: str
    message: str


def rules_broken_by_service(name: str, price_per_1k: Decimal, trial_tokens: int) -> list[BrokenRule]:
    """Every rule that publishing a service would break; `price_per_1k` is in USD per 1,000 tokens."""
    broken = []
    if price_per_1k > PRICE_CEILING:
        broken.append(
            BrokenRule(
                "PRICE_CEILING",
                f"{price_per_1k} USD per 1,000 tokens is above the ceiling of {PRICE_CEILING} USD.",
            )
        )
    if match := _FORBIDDEN.search(name):
        broken.append(
            BrokenRule("FORBIDDEN_WORD", f'A service name may not contain the word "{match[0].lower()}".')
        )
    if trial_tokens > TRIAL_CEILING:
        broken.append(
            BrokenRule(
                "TRIAL_CEILING",
                f"{trial_tokens:,} trial tokens are more than a service may give away ({TRIAL_CEILING:,}).",
            )
        )
    return broken


def rules_broken_by_report(*, tokens: int, supplies: bool, owns_service: bool) -> list[BrokenRule]:
    """Every rule that a usage report of `tokens` would break; `supplies` as opposed to consumes."""
    broken = []
    if supplies and not owns_service:
        broken.append(
            BrokenRule("SUPPLY_NOT_OWN", "Only the account that published a service may supply it.")
        )
    if tokens > TOKEN_CEILING:
        broken.append(
            BrokenRule(
                "TOKEN_CEILING",
                f"{tokens:,} tokens in one report are implausible; the ceiling is {TOKEN_CEILING:,}.",
            )
        )
    return broken
