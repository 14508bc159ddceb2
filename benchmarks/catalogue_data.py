"""A catalogue of any size for benchmarks: the same each time, and shaped like a market.

Few families have most of the services, few providers have most of the offers, and prices spread over three
orders of magnitude around each family's own.
"""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

# family, and the order of its price in USD per 1,000 tokens
FAMILIES = {
    "gpt-4o": "0.0052",
    "gpt-4o-mini": "0.00032",
    "gpt-4.1": "0.0042",
    "gpt-4.1-mini": "0.00076",
    "gpt-5": "0.00418",
    "gpt-5-mini": "0.00084",
    "gpt-5-nano": "0.00017",
    "o3": "0.0039",
    "o4-mini": "0.00205",
    "claude-opus-4": "0.0381",
    "claude-sonnet-4": "0.0075",
    "claude-3.5-haiku": "0.00198",
    "gemini-2.5-pro": "0.00465",
    "gemini-2.5-flash": "0.00115",
    "gemini-2.0-flash": "0.00018",
    "llama-3.3-70b": "0.0006",
    "llama-4-maverick": "0.00045",
    "llama-4-scout": "0.0002",
    "mistral-large": "0.0032",
    "mistral-small": "0.00019",
    "mixtral-8x22b": "0.0009",
    "codestral": "0.00045",
    "deepseek-v3": "0.0005",
    "deepseek-r1": "0.0011",
    "qwen-2.5-72b": "0.0005",
    "qwen-3-235b": "0.0006",
    "qwen-3-coder": "0.0008",
    "command-r-plus": "0.0045",
    "command-r": "0.0003",
    "grok-4": "0.0066",
    "grok-3-mini": "0.0004",
    "kimi-k2": "0.0011",
    "glm-4.5": "0.0009",
    "phi-4": "0.0001",
    "nova-pro": "0.0014",
    "nova-lite": "0.00011",
    "jamba-1.5-large": "0.0035",
    "yi-large": "0.003",
    "gemma-3-27b": "0.00016",
    "nemotron-70b": "0.0004",
}
PLACES = [
    "EU",
    "US east",
    "US west",
    "Frankfurt",
    "Dublin",
    "Singapore",
    "Tokyo",
    "São Paulo",
    "上海",
    "Mumbai",
]
KINDS = ["surplus", "reserved", "batch", "low latency", "long context", "overnight", "committed", "shared"]
FIRST = [
    "Northwind",
    "Harbour",
    "Quillmark",
    "Blue Ridge",
    "Ostrava",
    "Meridian",
    "Kestrel",
    "Lantern",
    "Südlicht",
]
SECOND = ["Inference", "Compute", "AI", "Tokens", "Cloud", "Labs", "Capacity", "Exchange Desk", "Systems"]


def providers_of(services: int) -> int:
    """How many providers a catalogue of so many services has: one for each hundred, twelve at least."""
    return max(12, services // 100)


def make_providers(services: int) -> list[dict[str, Any]]:
    """The providers of a catalogue of so many services, as the Exchange lists them."""
    return [
        {
            "id": number,
            "user_id": 10_000 + number,
            "display_name": f"{FIRST[number % 9]} {SECOND[number // 9 % 9]} {number}",
            "description": f"Capacity in {PLACES[number % 10]}, sold by the hour.",
        }
        for number in range(1, providers_of(services) + 1)
    ]


def make_services(count: int, *, price_factor: int = 1) -> list[dict[str, Any]]:
    """So many services, as the Exchange lists them; ``price_factor`` makes every price another."""
    chance = random.Random(20_260_301)  # noqa: S311 - the same catalogue each time
    providers, families = providers_of(count), list(FAMILIES.items())
    services = []
    for number in range(1, count + 1):
        # squared: the first of each list come up most
        family, base = families[int(chance.random() ** 2 * len(families))]
        price = (Decimal(base) * chance.randint(200, 5000) / 1000 * price_factor).normalize()
        name = f"{family} {chance.choice(KINDS)}, {chance.choice(PLACES)}"
        services.append(
            {
                "id": number,
                "provider_id": 1 + int(chance.random() ** 2 * providers),
                "name": f"{name} #{number}" if count > 1000 else name,
                "model_family": family,
                "price_per_1k_tokens": format(price, "f"),
                "trial_tokens": chance.choice([0, 0, 10_000, 25_000, 50_000]),
            }
        )
    return services


def body_of(name: str, items: list[dict[str, Any]]) -> bytes:
    """The answer's body: prices are numbers, digit by digit."""
    texts = []
    for item in items:
        price = item.get("price_per_1k_tokens")
        text = json.dumps({key: value for key, value in item.items() if key != "price_per_1k_tokens"})
        texts.append(text if price is None else f'{text[:-1]}, "price_per_1k_tokens": {price}}}')
    return f'{{"{name}": [{", ".join(texts)}]}}'.encode()
