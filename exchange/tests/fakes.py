"""An Exchange in memory, with the methods of ExchangeClient; a test holds the two to the same signatures."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Self

from exchange import (
    GENESIS_HASH,
    Account,
    Direction,
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
    statement_hash,
)


class FakeExchangeClient:
    """Keeps its books as the contract says, extensions included; never fails by itself."""

    def __init__(self) -> None:
        self.users: list[User] = []
        self.providers: list[Provider] = []
        self.services: list[Service] = []
        self.entries: list[StatementEntry] = []

    def register_user(
        self,
        email: str,
        roles: Iterable[Role],
        display_name: str = "",
        description: str = "",
        *,
        deadline: float | None = None,
    ) -> Account:
        known = next((user for user in self.users if user.email == email.lower()), None)
        held = known.roles if known else ()
        user = User(
            id=known.id if known else len(self.users) + 1,
            email=email.lower(),
            roles=tuple(dict.fromkeys([*held, *(role.value for role in roles)])),
        )
        self.users = [*(other for other in self.users if other.id != user.id), user]
        provider = next((one for one in self.providers if one.user_id == user.id), None)
        if provider is None and Role.PROVIDER in user.roles:
            provider = Provider(
                id=len(self.providers) + 1,
                user_id=user.id,
                display_name=display_name or email,
                description=description,
            )
            self.providers.append(provider)
        return Account(user=user, provider=provider)

    def list_providers(self, *, deadline: float | None = None) -> list[Provider]:
        return list(self.providers)

    def list_services(
        self, provider_id: int | None = None, *, deadline: float | None = None
    ) -> list[Service]:
        return [one for one in self.services if provider_id in {None, one.provider_id}]

    def fetch_providers(self, etag: str | None = None, *, deadline: float | None = None) -> Listing[Provider]:
        return self._listing(self.list_providers(), etag)

    def fetch_services(
        self, etag: str | None = None, provider_id: int | None = None, *, deadline: float | None = None
    ) -> Listing[Service]:
        return self._listing(self.list_services(provider_id), etag)

    def publish_service(self, draft: ServiceDraft, *, deadline: float | None = None) -> Service:
        same = (
            one for one in self.services if (one.provider_id, one.name) == (draft.provider_id, draft.name)
        )
        old = next(same, None)
        service = Service(id=old.id if old else len(self.services) + 1, **draft.model_dump())
        self.services = [*(other for other in self.services if other.id != service.id), service]
        return service

    def report_usage(
        self,
        report: UsageReport,
        *,
        idempotency_key: str | None = None,
        idempotency_proved: bool = False,
        deadline: float | None = None,
    ) -> UsageReceipt:
        mine = self._entries_of(report.user_id)
        for entry in mine:
            if idempotency_key is not None and entry.idempotency_key == idempotency_key:
                return UsageReceipt(entry, idempotency_proved=True, created=False)
        raw = {
            **report.model_dump(mode="json"),
            "id": len(self.entries) + 1,
            "created_at": datetime(2025, 1, 31, tzinfo=UTC).isoformat(),
            "idempotency_key": idempotency_key,
        }
        prev_hash = mine[-1].hash if mine else GENESIS_HASH
        raw |= {"prev_hash": prev_hash, "hash": statement_hash(prev_hash, raw)}
        entry = StatementEntry.model_validate({**raw, "raw": raw})
        self.entries.append(entry)
        return UsageReceipt(entry, idempotency_proved=idempotency_key is not None, created=True)

    def get_usage_summary(self, user_id: int, *, deadline: float | None = None) -> UsageSummary:
        mine = self._entries_of(user_id)
        totals = dict.fromkeys(Direction, 0)
        for entry in mine:
            totals[entry.direction] += entry.prompt_tokens + entry.completion_tokens
        return UsageSummary(
            user_id=user_id,
            consumed_tokens=totals[Direction.CONSUME],
            supplied_tokens=totals[Direction.SUPPLY],
            net_tokens=totals[Direction.SUPPLY] - totals[Direction.CONSUME],
            ledger_hash=mine[-1].hash if mine else GENESIS_HASH,
            entry_count=len(mine),
        )

    def iter_statement(
        self,
        user_id: int,
        after_id: int = 0,
        limit: int = 500,
        *,
        deadline: float | None = None,
        within: float | None = None,
    ) -> Iterator[StatementEntry]:
        return (entry for entry in self._entries_of(user_id) if entry.id > after_id)

    def side_by_side(self) -> Self:
        return self

    def close(self) -> None:
        """Nothing to close."""

    def _entries_of(self, user_id: int) -> list[StatementEntry]:
        return [entry for entry in self.entries if entry.user_id == user_id]

    @staticmethod
    def _listing(items: list[Any], etag: str | None) -> Listing[Any]:
        tag = f'"{hash(tuple(items))}"'
        return Listing((), tag, not_modified=True) if tag == etag else Listing(tuple(items), tag)
