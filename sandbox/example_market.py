"""The example market: twelve invented providers with five offerings each, over real model families.

Prices are decimal text in USD per 1,000 tokens, prompt and completion blended, of late 2025's order.
"""

from typing import NamedTuple


class ExampleOffering(NamedTuple):
    name: str
    model_family: str
    price_per_1k: str
    trial_tokens: int


class ExampleProvider(NamedTuple):
    email: str
    display_name: str
    description: str
    offerings: tuple[ExampleOffering, ...]


MARKET = (
    ExampleProvider(
        "desk@northwind-inference.example",
        "Northwind Inference",
        "General-purpose reseller with committed capacity in two European regions.",
        (
            ExampleOffering("GPT-4o, EU", "gpt-4o", "0.0052", 20_000),
            ExampleOffering("GPT-4o mini, EU", "gpt-4o-mini", "0.00032", 50_000),
            ExampleOffering("GPT-4.1, EU", "gpt-4.1", "0.0042", 0),
            ExampleOffering("Claude Sonnet 4, EU", "claude-sonnet-4", "0.0078", 0),
            ExampleOffering("Gemini 2.5 Flash, EU", "gemini-2.5-flash", "0.00115", 50_000),
        ),
    ),
    ExampleProvider(
        "trading@harbour-compute.example",
        "Harbour Compute",
        "Unused enterprise quota, sold on by the hour; prices move with the tide.",
        (
            ExampleOffering("GPT-5 surplus", "gpt-5", "0.00418", 10_000),
            ExampleOffering("GPT-5 mini surplus", "gpt-5-mini", "0.00084", 25_000),
            ExampleOffering("o3 surplus", "o3", "0.0039", 0),
            ExampleOffering("o4-mini surplus", "o4-mini", "0.00205", 10_000),
            ExampleOffering("GPT-4.1 mini surplus", "gpt-4.1-mini", "0.00076", 25_000),
        ),
    ),
    ExampleProvider(
        "hello@quillmark-ai.example",
        "Quillmark AI",
        "Long-context writing and review, with humans on call.",
        (
            ExampleOffering("Claude Opus 4, long documents", "claude-opus-4", "0.0381", 0),
            ExampleOffering("Claude Sonnet 4, long documents", "claude-sonnet-4", "0.0075", 10_000),
            ExampleOffering("Claude Haiku 3.5, drafts", "claude-3.5-haiku", "0.00198", 40_000),
            ExampleOffering("Gemini 2.5 Pro, long documents", "gemini-2.5-pro", "0.00465", 0),
            ExampleOffering("GPT-4.1, long documents", "gpt-4.1", "0.0041", 0),
        ),
    ),
    ExampleProvider(
        "sales@fjordgrid.example",
        "Fjordgrid",
        "Open-weight models on hydropower, in Norway.",
        (
            ExampleOffering("Llama 3.3 70B, hydropower", "llama-3.3-70b", "0.00062", 100_000),
            ExampleOffering("Llama 4 Maverick, hydropower", "llama-4-maverick", "0.00054", 100_000),
            ExampleOffering("Llama 4 Scout, hydropower", "llama-4-scout", "0.00029", 100_000),
            ExampleOffering("Mistral Small 3, hydropower", "mistral-small-3", "0.00019", 100_000),
            ExampleOffering("Qwen3 32B, hydropower", "qwen3-32b", "0.00024", 100_000),
        ),
    ),
    ExampleProvider(
        "contact@jadebridge.example",
        "Jadebridge",
        "DeepSeek and Qwen at the source, with invoices in three currencies.",
        (
            ExampleOffering("DeepSeek V3", "deepseek-v3", "0.00058", 50_000),
            ExampleOffering("DeepSeek R1", "deepseek-r1", "0.00118", 20_000),
            ExampleOffering("Qwen3 235B", "qwen3-235b", "0.00047", 50_000),
            ExampleOffering("Qwen3 Coder 480B", "qwen3-coder-480b", "0.00092", 20_000),
            ExampleOffering("Kimi K2", "kimi-k2", "0.00121", 0),
        ),
    ),
    ExampleProvider(
        "bonjour@atelier-du-vent.example",
        "Atelier du Vent",
        "French hosting, French models, no data outside the Union.",
        (
            ExampleOffering("Mistral Large, souverain", "mistral-large", "0.0034", 10_000),
            ExampleOffering("Mistral Medium 3, souverain", "mistral-medium-3", "0.00118", 20_000),
            ExampleOffering("Mistral Small 3, souverain", "mistral-small-3", "0.00021", 50_000),
            ExampleOffering("Codestral, souverain", "codestral", "0.00055", 50_000),
            ExampleOffering("Llama 3.3 70B, souverain", "llama-3.3-70b", "0.00071", 20_000),
        ),
    ),
    ExampleProvider(
        "ops@redwood-relay.example",
        "Redwood Relay",
        "One endpoint in front of four vendors, with failover between them.",
        (
            ExampleOffering("GPT-4o with failover", "gpt-4o", "0.0056", 5_000),
            ExampleOffering("Claude Sonnet 4 with failover", "claude-sonnet-4", "0.0082", 5_000),
            ExampleOffering("Gemini 2.5 Pro with failover", "gemini-2.5-pro", "0.0049", 5_000),
            ExampleOffering("GPT-5 with failover", "gpt-5", "0.0047", 5_000),
            ExampleOffering("DeepSeek V3 with failover", "deepseek-v3", "0.00069", 5_000),
        ),
    ),
    ExampleProvider(
        "team@kestrel-batch.example",
        "Kestrel Batch",
        "Overnight batches at half price; answers by breakfast.",
        (
            ExampleOffering("GPT-4o overnight", "gpt-4o", "0.0026", 0),
            ExampleOffering("GPT-4o mini overnight", "gpt-4o-mini", "0.00016", 0),
            ExampleOffering("Claude Haiku 3.5 overnight", "claude-3.5-haiku", "0.00102", 0),
            ExampleOffering("Gemini 2.5 Flash overnight", "gemini-2.5-flash", "0.00058", 0),
            ExampleOffering("o3 overnight", "o3", "0.00202", 0),
        ),
    ),
    ExampleProvider(
        "desk@lumen-foundry.example",
        "Lumen Foundry",
        "Reasoning models with reserved throughput for laboratories.",
        (
            ExampleOffering("o3, reserved", "o3", "0.0046", 0),
            ExampleOffering("DeepSeek R1, reserved", "deepseek-r1", "0.00142", 10_000),
            ExampleOffering("Claude Opus 4, reserved", "claude-opus-4", "0.0395", 0),
            ExampleOffering("Grok 4, reserved", "grok-4", "0.0077", 0),
            ExampleOffering("Gemini 2.5 Pro, reserved", "gemini-2.5-pro", "0.0051", 0),
        ),
    ),
    ExampleProvider(
        "hola@pampas-tokens.example",
        "Pampas Tokens",
        "Small models for large volumes, for the southern hemisphere.",
        (
            ExampleOffering("GPT-4o mini, São Paulo", "gpt-4o-mini", "0.00035", 30_000),
            ExampleOffering("Gemma 3 27B, São Paulo", "gemma-3-27b", "0.00015", 80_000),
            ExampleOffering("Phi-4, São Paulo", "phi-4", "0.00011", 80_000),
            ExampleOffering("Llama 4 Scout, São Paulo", "llama-4-scout", "0.00033", 80_000),
            ExampleOffering("GPT-5 nano, São Paulo", "gpt-5-nano", "0.00017", 80_000),
        ),
    ),
    ExampleProvider(
        "support@cobalt-cloudworks.example",
        "Cobalt Cloudworks",
        "Enterprise contracts with an availability promise of 99.9 per cent.",
        (
            ExampleOffering("GPT-4.1, 99.9 per cent", "gpt-4.1", "0.0048", 0),
            ExampleOffering("GPT-5, 99.9 per cent", "gpt-5", "0.0051", 0),
            ExampleOffering("Command R+, 99.9 per cent", "command-r-plus", "0.0049", 10_000),
            ExampleOffering("Mistral Large, 99.9 per cent", "mistral-large", "0.0039", 10_000),
            ExampleOffering("Llama 4 Maverick, 99.9 per cent", "llama-4-maverick", "0.00066", 10_000),
        ),
    ),
    ExampleProvider(
        "shop@corner-gpu.example",
        "Corner GPU",
        "Two racks in a basement in Leeds. Cheap, honest, sometimes asleep.",
        (
            ExampleOffering("Qwen3 32B from the basement", "qwen3-32b", "0.00018", 200_000),
            ExampleOffering("Llama 3.3 70B from the basement", "llama-3.3-70b", "0.00049", 200_000),
            ExampleOffering("Mistral Small 3 from the basement", "mistral-small-3", "0.00014", 200_000),
            ExampleOffering("Gemma 3 27B from the basement", "gemma-3-27b", "0.00012", 200_000),
            ExampleOffering(
                "R1 Distill 70B from the basement", "deepseek-r1-distill-70b", "0.00057", 100_000
            ),
        ),
    ),
)
