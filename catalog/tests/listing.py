"""An Exchange's catalogue for tests of the mirror: what it lists now, asked without a wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from catalog import mirror
from exchange import ExchangeError, Listing, Provider, Service


def seller(number: int = 3, **changes: object) -> Provider:
    return Provider.model_validate(
        {"id": number, "user_id": number * 10, "display_name": f"Seller {number}", **changes}
    )


def offering(number: int = 11, **changes: object) -> Service:
    return Service.model_validate(
        {
            "id": number,
            "provider_id": 3,
            "name": f"Offering {number}",
            "model_family": "gpt-4o",
            "price_per_1k_tokens": Decimal("0.0052"),
            "trial_tokens": 1000,
            **changes,
        }
    )


class Market:
    """Stands in for the client. Its tags are those of the content; ``asked`` is what was asked, in turn."""

    def __init__(self) -> None:
        self.services: Sequence[Service] = [offering()]
        self.providers: Sequence[Provider] = [seller()]
        self.failure: ExchangeError | None = None
        self.tags = False
        self.before: Callable[[str], object] = lambda _what: None
        self.asked: list[tuple[str, bool]] = []
        self.deadlines: list[float | None] = []

    def fetch_services(self, etag: str | None = None, *, deadline: float | None = None) -> Listing[Service]:
        return self._answer("services", self.services, etag, deadline)

    def fetch_providers(self, etag: str | None = None, *, deadline: float | None = None) -> Listing[Provider]:
        return self._answer("providers", self.providers, etag, deadline)

    def _answer(self, what, items, etag, deadline):  # type: ignore[no-untyped-def]
        self.asked.append((what, etag is not None))
        self.deadlines.append(deadline)
        tag = f'"{hash(tuple(items))}"' if self.tags else None
        answer = Listing((), tag, not_modified=True) if tag and tag == etag else Listing(tuple(items), tag)
        # what happens while the answer is on its way
        self.before(what)
        if self.failure is not None:
            raise self.failure
        return answer


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Market:
    market = Market()
    monkeypatch.setattr(mirror, "client", lambda: market)
    return market
