"""After any sequence of lists the mirror is the last good one, and every price that was seen is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest import mock

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import mirror
from catalog.mirror import CatalogueError, refresh
from catalog.models import Mirror, PriceChange, Provider, Service
from catalog.tests.listing import Market, offering, seller
from exchange import Provider as ListedProvider
from exchange import Service as ListedService

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
# trailing zeros are another spelling of the same price
PRICES = st.sampled_from(
    [Decimal(text) for text in ("0", "0.1", "0.10", "0.3", "2.5E-9", "1E-30", "1234567.89")]
)
SERVICES = st.lists(
    st.builds(
        offering,
        st.integers(0, 9),
        provider_id=st.integers(0, 3),
        name=TEXT,
        model_family=st.sampled_from(["gpt-4o", "o3"]),
        price_per_1k_tokens=PRICES,
        trial_tokens=st.integers(0, 3),
    ),
    max_size=10,
)
PROVIDERS = st.lists(st.builds(seller, st.integers(0, 3), display_name=TEXT, description=TEXT), max_size=5)
LISTS = st.lists(st.tuples(SERVICES, PROVIDERS, st.booleans()), max_size=8)


class _UndoError(Exception):
    """Ends one example: the next finds the database as it was."""


@contextmanager
def undone() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
            raise _UndoError
    except _UndoError:
        pass


class Books:
    """What the mirror must be, kept the plainest way."""

    def __init__(self) -> None:
        self.fetched = False
        self.services: dict[int, ListedService] = {}
        self.providers: dict[int, ListedProvider] = {}
        self.prices: dict[int, list[tuple[Decimal, datetime]]] = defaultdict(list)

    def accepts(
        self, services: Sequence[ListedService], providers: Sequence[ListedProvider], accept_shrink: bool
    ) -> bool:
        for items in (services, providers):
            if len({item.id for item in items}) < len(items):
                return False
        if accept_shrink or not self.fetched:
            return True
        known = {provider.id for provider in providers}
        still = [item.id for item in services if item.id in self.services and item.provider_id in known]
        both = known & self.providers.keys()
        return len(still) * 2 >= len(self.services) and len(both) * 2 >= len(self.providers)

    def take(
        self, services: Sequence[ListedService], providers: Sequence[ListedProvider], now: datetime
    ) -> None:
        self.fetched = True
        self.providers = {provider.id: provider for provider in providers}
        self.services = {service.id: service for service in services if service.provider_id in self.providers}
        for service in self.services.values():
            history = self.prices[service.id]
            if not history or history[-1][0] != service.price_per_1k_tokens:
                history.append((service.price_per_1k_tokens, now))

    def assert_kept(self) -> None:
        kept = Service.objects.select_related("provider").filter(delisted_at=None)
        assert {
            row.remote_id: (
                row.provider.remote_id,
                row.name,
                row.model_family,
                row.price_per_1k_tokens,
                row.trial_tokens,
            )
            for row in kept
        } == {
            service.id: (
                service.provider_id,
                service.name,
                service.model_family,
                service.price_per_1k_tokens,
                service.trial_tokens,
            )
            for service in self.services.values()
        }
        assert {
            row.remote_id: (row.display_name, row.description, row.user_remote_id)
            for row in Provider.objects.filter(delisted_at=None)
        } == {
            item.id: (item.display_name, item.description, item.user_id) for item in self.providers.values()
        }
        history: dict[int, list[tuple[Decimal, datetime]]] = defaultdict(list)
        for change in PriceChange.objects.select_related("service").order_by("observed_at", "pk"):
            history[change.service.remote_id].append((change.price_per_1k_tokens, change.observed_at))
        assert history == self.prices
        # never deleted: whatever had a price once is still a row
        assert set(Service.objects.values_list("remote_id", flat=True)) == set(self.prices)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lists=LISTS, tags=st.booleans())
def test_the_mirror_is_the_last_good_list_and_the_history_is_complete(
    lists: list[tuple[list[ListedService], list[ListedProvider], bool]], tags: bool
) -> None:
    market, books = Market(), Books()
    market.tags = tags
    with undone(), mock.patch.object(mirror, "client", return_value=market):
        for hour, (services, providers, accept_shrink) in enumerate(lists):
            market.services, market.providers = services, providers
            now = START + timedelta(hours=hour)
            good = books.accepts(services, providers, accept_shrink)
            with time_machine.travel(now, tick=False):
                if good:
                    refresh(accept_shrink=accept_shrink)
                    books.take(services, providers, now)
                else:
                    with pytest.raises(CatalogueError):
                        refresh(accept_shrink=accept_shrink)
            books.assert_kept()
            kept = Mirror.objects.get()
            assert (kept.failure == "", kept.leased_until) == (good, None)
