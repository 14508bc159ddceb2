"""A client for a Tokligence Token Exchange. Plain Python: it can be used by any program.

    from decimal import Decimal
    from exchange import ExchangeClient, Gateway, Role

    with ExchangeClient("http://localhost:8080") as client:
        gateway = Gateway(client)
        gateway.ensure_account("ada@example.com", roles=(Role.CONSUMER, Role.PROVIDER), display_name="Ada")
        gateway.publish_service("ada-llama", "llama-3.1-70b", Decimal("0.0006"), trial_tokens=10_000)
        service = gateway.choose_service(lambda offer: offer.model_family.startswith("llama"))
        gateway.record_consumption(service.id, prompt_tokens=1200, completion_tokens=300)
        print(gateway.usage_snapshot().net_tokens)

Prices are Decimal, in USD per 1,000 tokens. What can go wrong is the error tree in `exchange.errors`; what is
repeated, and what never, is the table in `exchange.retry`.
"""

from exchange.breaker import BreakerOpen, BreakerState, CircuitBreaker
from exchange.choosing import cheapest
from exchange.client import ExchangeClient
from exchange.errors import (
    AmbiguousOutcome,
    CircuitOpen,
    ComplianceRefusal,
    ExchangeError,
    ExchangeProtocolError,
    ExchangeRejected,
    ExchangeUnavailable,
    ExchangeUnreachable,
    GatewayError,
    NoMatch,
    NotAProvider,
    NotRegistered,
    RateLimited,
    Rule,
    StatementNotOffered,
    TooManyCalls,
)
from exchange.gateway import MAX_TOKENS, Gateway
from exchange.outcome import Outcome
from exchange.retry import RetryPolicy
from exchange.sentences import Sentence
from exchange.statement import GENESIS_HASH, statement_hash
from exchange.types import (
    Account,
    Direction,
    FreeTokens,
    Listing,
    Provider,
    Role,
    Service,
    ServiceDraft,
    StatementEntry,
    UsageReceipt,
    UsageReport,
    UsageSummary,
    User,
)
from exchange.urls import normalise_base_url

__all__ = [
    "GENESIS_HASH",
    "MAX_TOKENS",
    "Account",
    "AmbiguousOutcome",
    "BreakerOpen",
    "BreakerState",
    "CircuitBreaker",
    "CircuitOpen",
    "ComplianceRefusal",
    "Direction",
    "ExchangeClient",
    "ExchangeError",
    "ExchangeProtocolError",
    "ExchangeRejected",
    "ExchangeUnavailable",
    "ExchangeUnreachable",
    "FreeTokens",
    "Gateway",
    "GatewayError",
    "Listing",
    "NoMatch",
    "NotAProvider",
    "NotRegistered",
    "Outcome",
    "Provider",
    "RateLimited",
    "RetryPolicy",
    "Role",
    "Rule",
    "Sentence",
    "Service",
    "ServiceDraft",
    "StatementEntry",
    "StatementNotOffered",
    "TooManyCalls",
    "UsageReceipt",
    "UsageReport",
    "UsageSummary",
    "User",
    "cheapest",
    "normalise_base_url",
    "statement_hash",
]
