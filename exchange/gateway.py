"""One account's session at an Exchange: what to do, in the words of the trade, and with whose ids."""

import logging
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import structlog

from exchange.choosing import cheapest, choose, longest_standing
from exchange.client import ExchangeClient
from exchange.errors import NotAProvider, NotRegistered
from exchange.fields import INT64_MAX, checked_price, checked_text
from exchange.sentences import Sentence, gettext_noop
from exchange.types import (
    Account,
    Direction,
    Provider,
    Role,
    Service,
    ServiceDraft,
    UsageReceipt,
    UsageReport,
    UsageSummary,
    User,
)

# Larger ones are no longer exact in JavaScript, spreadsheets and many an Exchange.
MAX_TOKENS = 2**53 - 1

_log = structlog.wrap_logger(logging.getLogger("gateway.core"), component="gateway/core")


class Gateway:
    """Holds one account, registered by `ensure_account` or handed in from a cache.

    Every method that calls the Exchange raises ExchangeError (see `exchange.errors`); those that need an
    account raise NotRegistered without one. Arguments that make no sense raise ValueError, naming the field,
    before anything is sent. `deadline` is the total of seconds for each call; the client's own if None.
    """

    def __init__(
        self, client: ExchangeClient, account: Account | None = None, *, deadline: float | None = None
    ) -> None:
        self._client = client
        self._account = account
        self._deadline = deadline

    @property
    def account(self) -> Account:
        """The account; raises NotRegistered while there is none."""
        if self._account is None:
            raise NotRegistered(
                Sentence(gettext_noop("There is no account at the Exchange yet. Register one first."))
            )
        return self._account

    @property
    def user(self) -> User:
        """The account's identity; raises NotRegistered while there is none."""
        return self.account.user

    @property
    def provider(self) -> Provider | None:
        """The account's provider profile, or None; raises NotRegistered while there is no account."""
        return self.account.provider

    def ensure_account(
        self,
        email: str,
        roles: Iterable[Role] = (Role.CONSUMER,),
        display_name: str = "",
        description: str = "",
    ) -> Account:
        """Register the account, or get the one that this email has, with these roles added; the session is
        its own.
        """
        _require_text("email", email)
        _require_storable("display_name", display_name)
        _require_storable("description", description)
        account = self._client.register_user(email, roles, display_name, description, deadline=self._deadline)
        self._account = account
        _log.info("account_ensured", user_id=account.user.id, roles=",".join(account.user.roles)[:100])
        return account

    def list_providers(self) -> list[Provider]:
        """Every provider."""
        return self._client.list_providers(deadline=self._deadline)

    def choose_provider(
        self, *predicates: Callable[[Provider], bool], providers: Iterable[Provider] | None = None
    ) -> Provider:
        """The longest-standing provider that meets every predicate, of those given or else of all; NoMatch if
        none.
        """
        offers = self._client.list_providers(deadline=self._deadline) if providers is None else providers
        return choose(offers, predicates, longest_standing, "provider")

    def choose_service(
        self,
        *predicates: Callable[[Service], bool],
        services: Iterable[Service] | None = None,
        order: Callable[[Service], Any] = cheapest,
    ) -> Service:
        """The cheapest service that meets every predicate, of those given or else of all; NoMatch if none.

        `order` replaces "cheapest" by another sort key; the lowest is chosen.
        """
        offers = self._client.list_services(deadline=self._deadline) if services is None else services
        return choose(offers, predicates, order, "service")

    def publish_service(
        self, name: str, model_family: str, price_per_1k_tokens: Decimal, trial_tokens: int = 0
    ) -> Service:
        """Publish a service under this name, or update the one that has it; the price in USD per 1,000
        tokens.

        Raises NotAProvider where the account has no provider profile.
        """
        if self.provider is None:
            raise NotAProvider(
                Sentence(gettext_noop("This account is not a provider. Become one first, then publish."))
            )
        _require_text("name", name)
        _require_text("model_family", model_family)
        _require_count("trial_tokens", trial_tokens, INT64_MAX)
        draft = ServiceDraft(
            provider_id=self.provider.id,
            name=name,
            model_family=model_family,
            price_per_1k_tokens=_price(price_per_1k_tokens),
            trial_tokens=trial_tokens,
        )
        service = self._client.publish_service(draft, deadline=self._deadline)
        _log.info("service_published", service_id=service.id, provider_id=service.provider_id)
        return service

    def list_my_services(self) -> list[Service]:
        """The services of this account; none where it is no provider."""
        if self.provider is None:
            return []
        provider_id = self.provider.id
        # An Exchange that does not know the filter answers with everybody's.
        listed = self._client.list_services(provider_id, deadline=self._deadline)
        return [item for item in listed if item.provider_id == provider_id]

    def record_consumption(
        self,
        service_id: int,
        prompt_tokens: int,
        completion_tokens: int,
        memo: str = "",
        idempotency_key: str | None = None,
        idempotency_proved: bool = False,
    ) -> UsageReceipt:
        """Report tokens that this account used; see `ExchangeClient.report_usage` for the key and what it may
        raise.
        """
        report = self._report(Direction.CONSUME, service_id, prompt_tokens, completion_tokens, memo)
        return self._record(report, idempotency_key, idempotency_proved)

    def record_supply(
        self,
        service_id: int,
        prompt_tokens: int,
        completion_tokens: int,
        memo: str = "",
        idempotency_key: str | None = None,
        idempotency_proved: bool = False,
    ) -> UsageReceipt:
        """Report tokens that this account delivered; otherwise as `record_consumption`."""
        report = self._report(Direction.SUPPLY, service_id, prompt_tokens, completion_tokens, memo)
        return self._record(report, idempotency_key, idempotency_proved)

    def usage_snapshot(self) -> UsageSummary:
        """The account's totals at the Exchange, in tokens."""
        return self._client.get_usage_summary(self.user.id, deadline=self._deadline)

    def _report(
        self, direction: Direction, service_id: int, prompt_tokens: int, completion_tokens: int, memo: str
    ) -> UsageReport:
        user = self.user
        _require_count("service_id", service_id, INT64_MAX)
        _require_count("prompt_tokens", prompt_tokens, MAX_TOKENS)
        _require_count("completion_tokens", completion_tokens, MAX_TOKENS)
        _require_storable("memo", memo)
        return UsageReport(
            user_id=user.id,
            service_id=service_id,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            direction=direction,
            memo=memo,
        )

    def _record(self, report: UsageReport, key: str | None, proved: bool) -> UsageReceipt:
        receipt = self._client.report_usage(
            report, idempotency_key=key, idempotency_proved=proved, deadline=self._deadline
        )
        _log.info(
            "usage_recorded",
            user_id=report.user_id,
            service_id=report.service_id,
            direction=report.direction.value,
            prompt_tokens=report.prompt_tokens,
            completion_tokens=report.completion_tokens,
        )
        return receipt


def _require_text(name: str, value: str) -> None:
    _require_storable(name, value)
    if not value.strip():
        raise ValueError(f"{name} must not be empty.")


def _require_storable(name: str, value: str) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text.")
    try:
        checked_text(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}.") from None


def _require_count(name: str, value: int, limit: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
        raise ValueError(f"{name} must be a whole number from 0 to {limit}.")


def _price(value: Decimal) -> Decimal:
    try:
        return checked_price(value)
    except ValueError as error:
        raise ValueError(f"price_per_1k_tokens {error}.") from None
