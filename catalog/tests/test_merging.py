"""The difference between what is listed and what is kept; nothing is written before ``write``."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.factories import make_exchange
from accounts.models import Exchange
from catalog.merging import Merged, merge
from catalog.models import PriceChange, Provider, Service
from catalog.tests.listing import offering, seller
from exchange import Provider as ListedProvider
from exchange import Service as ListedService

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 1, 13, 0, tzinfo=UTC)


@pytest.fixture
def exchange() -> Exchange:
    return make_exchange()


def keep(exchange: Exchange, services: list[ListedService], providers: list[ListedProvider]) -> Merged:
    merged = merge(exchange, providers, services, NOON)
    merged.write()
    return merged


def test_finding_the_difference_reads_twice_and_writes_nothing(exchange: Exchange) -> None:
    with CaptureQueriesContext(connection) as captured:
        merged = merge(exchange, [seller()], [offering()], NOON)
    assert [query["sql"].split()[0] for query in captured] == ["SELECT", "SELECT"]
    assert (merged.added, Service.objects.count(), Provider.objects.count()) == (1, 0, 0)


def test_an_empty_difference_writes_nothing(exchange: Exchange) -> None:
    keep(exchange, [offering()], [seller()])
    with CaptureQueriesContext(connection) as captured:
        merge(exchange, [seller()], [offering()], LATER).write()
    statements = {query["sql"].split()[0] for query in captured}
    assert not statements & {"INSERT", "UPDATE", "DELETE"}


def test_many_changes_are_written_in_bulk(exchange: Exchange) -> None:
    numbers = range(1, 401)
    keep(exchange, [offering(number) for number in numbers], [seller()])
    changed = [offering(number, price_per_1k_tokens=Decimal(number)) for number in numbers]
    merged = merge(exchange, [seller()], changed, LATER)
    with CaptureQueriesContext(connection) as captured:
        merged.write()
    # SQLite takes some ninety rows a statement; one by one it would be eight hundred
    assert len(captured) < 25
    assert merged.repriced == 400
    assert PriceChange.objects.count() == 800
    assert Service.objects.get(remote_id=400).price_per_1k_tokens == 400


def test_a_changed_row_stays_the_same_row(exchange: Exchange) -> None:
    keep(exchange, [offering(1), offering(2)], [seller()])
    before = dict(Service.objects.values_list("remote_id", "pk"))
    merge(exchange, [seller()], [offering(1, name="New"), offering(2, trial_tokens=9)], LATER).write()
    assert dict(Service.objects.values_list("remote_id", "pk")) == before
    assert set(Service.objects.values_list("listed_at", flat=True)) == {NOON}


def test_many_that_vanish_are_marked_in_parts(exchange: Exchange) -> None:
    keep(exchange, [offering(number) for number in range(1100)], [seller()])
    merged = merge(exchange, [seller()], [offering(5)], LATER)
    assert (merged.delisted, merged.kept, merged.listed_before) == (1099, 1, 1100)
    merged.write()
    assert Service.objects.filter(delisted_at=LATER).count() == 1099
    # gone already: neither lost again, nor counted as listed
    again = merge(exchange, [seller()], [offering(5)], LATER)
    assert (again.delisted, again.kept, again.listed_before) == (0, 1, 1)


def test_services_that_move_to_a_provider_that_is_new_too(exchange: Exchange) -> None:
    keep(exchange, [offering(1), offering(2)], [seller(3)])
    merge(exchange, [seller(3), seller(9)], [offering(1, provider_id=9), offering(2)], LATER).write()
    providers = dict(Service.objects.values_list("remote_id", "provider__remote_id"))
    assert providers == {1: 9, 2: 3}


def test_a_provider_that_is_not_listed_is_counted_as_lost(exchange: Exchange) -> None:
    keep(exchange, [], [seller(3), seller(4), seller(5)])
    merged = merge(exchange, [seller(4), seller(6)], [], LATER)
    assert (merged.providers_before, merged.kept_providers, merged.delisted_providers) == (3, 1, 2)


def test_a_known_service_whose_provider_is_unknown_is_lost_too(exchange: Exchange) -> None:
    keep(exchange, [offering(1), offering(2)], [seller(3)])
    merged = merge(exchange, [seller(3)], [offering(1), offering(2, provider_id=99)], LATER)
    assert [orphan["service"] for orphan in merged.orphans] == [2]
    assert (merged.delisted, merged.kept, merged.changed) == (1, 1, 0)


def test_two_exchanges_may_give_the_same_numbers(exchange: Exchange) -> None:
    other = make_exchange(base_url="http://another.example")
    keep(exchange, [offering(1, name="Here")], [seller(3)])
    keep(other, [offering(1, name="There")], [seller(3)])
    merge(other, [seller(3)], [offering(1, name="Changed")], LATER).write()
    names = dict(Service.objects.values_list("exchange__base_url", "name"))
    assert names == {exchange.base_url: "Here", "http://another.example": "Changed"}
