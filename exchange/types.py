"""The contract's objects, as the Exchange sends them and as we send them.

Unknown fields are ignored. Known fields of the core are strict: an integer is a JSON integer of 64 bits,
never true, "12" or 1.5; text is text without NUL. A field of an extension that is null or malformed counts as
absent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, Field

from exchange.fields import (
    Extension,
    Instant,
    Int64,
    OptionalText,
    OptionalTokens,
    Price,
    Text,
    Texts,
    Tokens,
    WireModel,
)

T = TypeVar("T")


class Role(StrEnum):
    """What an account may be registered as; one account may be both."""

    CONSUMER = "consumer"
    PROVIDER = "provider"


class Direction(StrEnum):
    """Whether the account used the tokens or delivered them."""

    CONSUME = "consume"
    SUPPLY = "supply"


def _direction(value: object) -> object:
    return Direction(value) if isinstance(value, str) else value


AnyDirection = Annotated[Direction, BeforeValidator(_direction)]


class FreeTokens(WireModel):
    """An account's free quota, in tokens (extension)."""

    granted: Tokens
    used: Tokens

    @property
    def left(self) -> int:
        """Free tokens not used yet; never below zero, even where the Exchange let more be used."""
        return max(self.granted - self.used, 0)


class User(WireModel):
    """An account's identity. `roles` keeps roles that this version does not know."""

    id: Int64
    email: Text
    roles: Texts
    free_tokens: Extension[FreeTokens] = None


class Provider(WireModel):
    """Somebody who offers services."""

    id: Int64
    user_id: Int64
    display_name: Text
    description: OptionalText = ""


class Account(WireModel):
    """What registration answers; `provider` is there exactly when the account has the provider role."""

    user: User
    provider: Provider | None = None


class ServiceDraft(WireModel):
    """A service to publish; `price_per_1k_tokens` in USD per 1,000 tokens, `trial_tokens` in tokens."""

    provider_id: Int64
    name: Text
    model_family: Text
    price_per_1k_tokens: Price
    trial_tokens: OptionalTokens = 0


class Service(ServiceDraft):
    """A published service offering."""

    id: Int64

    def cost(self, tokens: int) -> Decimal:
        """What that many tokens cost in USD, exactly and not rounded."""
        return self.price_per_1k_tokens * tokens / 1000


class UsageReport(WireModel):
    """Tokens that one account consumed from, or supplied by, one service."""

    user_id: Int64
    service_id: Int64
    prompt_tokens: Tokens
    completion_tokens: Tokens
    direction: AnyDirection
    memo: OptionalText = ""


class StatementEntry(UsageReport):
    """One line of an Exchange's own books (extension).

    `raw` is the object as it was sent, unknown fields included: the Exchange's chain is computed over it.
    """

    id: Int64
    created_at: Instant
    prev_hash: Text
    hash: Text
    idempotency_key: Extension[Text] = None
    raw: dict[str, Any] = Field(repr=False)


def _keep_raw(value: object) -> object:
    return {**value, "raw": value} if isinstance(value, dict) else value


WireEntry = Annotated[StatementEntry, BeforeValidator(_keep_raw)]


class UsageSummary(WireModel):
    """One account's totals at the Exchange, in tokens; `net_tokens` is supplied minus consumed."""

    user_id: Int64
    consumed_tokens: Int64
    supplied_tokens: Int64
    net_tokens: Int64
    ledger_hash: Extension[Text] = None
    entry_count: Extension[Tokens] = None


@dataclass(frozen=True)
class UsageReceipt:
    """A usage report was counted.

    `entry` is the Exchange's own line, where it sent a readable one. `idempotency_proved` is true only where
    that line carries the very key that we sent: from then on this Exchange may be sent a report again under
    its key. `created` is true for a 201, false where a 200 answers a proved key (counted already), else None:
    not known.
    """

    entry: StatementEntry | None = None
    idempotency_proved: bool = False
    created: bool | None = None


@dataclass(frozen=True)
class Listing(Generic[T]):
    """A catalogue's list, and the tag with which to ask whether it changed.

    With `not_modified` the items are empty, because they are those that came with `etag`.
    """

    items: tuple[T, ...]
    etag: str | None = None
    not_modified: bool = False

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
