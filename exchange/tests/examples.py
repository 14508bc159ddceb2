"""The contract's objects as they stand on the wire, and clients that never really wait."""

from collections.abc import Callable
from typing import Any

from exchange import CircuitBreaker, ExchangeClient, RetryPolicy, Role, ServiceDraft, UsageReport
from exchange.statement import GENESIS_HASH, statement_hash

BASE = "http://exchange.test"


def user(**changes: Any) -> dict[str, Any]:
    return {"id": 7, "email": "ada@example.com", "roles": ["consumer", "provider"], **changes}


def provider(**changes: Any) -> dict[str, Any]:
    return {"id": 3, "user_id": 7, "display_name": "Ada", "description": "Llamas", **changes}


def service(**changes: Any) -> dict[str, Any]:
    return {
        "id": 11,
        "provider_id": 3,
        "name": "ada-llama",
        "model_family": "llama-3.1-70b",
        "price_per_1k_tokens": 0.5,
        "trial_tokens": 1000,
        **changes,
    }


def entry(**changes: Any) -> dict[str, Any]:
    raw = {
        "id": 1,
        "user_id": 7,
        "service_id": 11,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "direction": "consume",
        "memo": "Grüße",
        "idempotency_key": "key-1",
        "created_at": "2025-01-31T12:00:00.123456Z",
        "prev_hash": GENESIS_HASH,
        "hash": "",
        **changes,
    }
    return {**raw, "hash": changes.get("hash") or statement_hash(raw["prev_hash"], raw)}


def summary(**changes: Any) -> dict[str, Any]:
    return {"user_id": 7, "consumed_tokens": 15, "supplied_tokens": 20, "net_tokens": 5, **changes}


def report(**changes: Any) -> UsageReport:
    values = {
        "user_id": 7,
        "service_id": 11,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "direction": "consume",
        **changes,
    }
    return UsageReport.model_validate(values)


class FakeTime:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def client(base_url: str = BASE, *, time: FakeTime | None = None, **options: Any) -> ExchangeClient:
    """A client whose pauses take no time, and whose breaker stays out of the way unless given."""
    time = time or FakeTime()
    defaults: dict[str, Any] = {
        "retry": RetryPolicy(max_attempts=3),
        "breaker": CircuitBreaker(failure_threshold=1000),
        "clock": time.clock,
        "sleep": time.sleep,
    }
    return ExchangeClient(base_url, **{**defaults, **options})


def every_call(target: ExchangeClient) -> dict[str, Callable[[], Any]]:
    """One call of each method, by the method's name."""
    draft = ServiceDraft(provider_id=3, name="n", model_family="m", price_per_1k_tokens=1)
    return {
        "register_user": lambda: target.register_user("ada@example.com", [Role.CONSUMER]),
        "fetch_providers": lambda: target.fetch_providers(),
        "list_providers": lambda: target.list_providers(),
        "fetch_services": lambda: target.fetch_services(),
        "list_services": lambda: target.list_services(),
        "publish_service": lambda: target.publish_service(draft),
        "report_usage": lambda: target.report_usage(report()),
        "get_usage_summary": lambda: target.get_usage_summary(7),
        "iter_statement": lambda: list(target.iter_statement(7)),
    }
