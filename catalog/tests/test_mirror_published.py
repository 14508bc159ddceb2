"""What was just published here is in the catalogue at once."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine

from accounts.factories import make_account, make_exchange
from accounts.models import ExchangeAccount
from catalog.mirror import note_published, refresh
from catalog.models import Mirror, PriceChange, Provider, Service
from catalog.tests.listing import Market, offering, seller

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def publisher() -> ExchangeAccount:
    return make_account(provider=True, provider_name="Acme")


def published(account: ExchangeAccount, **changes: object):  # type: ignore[no-untyped-def]
    return offering(50, provider_id=account.provider_id, **changes)


def test_a_new_service_is_there_with_its_first_price_and_nobody_is_asked(
    market: Market, publisher: ExchangeAccount
) -> None:
    with time_machine.travel(NOON, tick=False):
        row = note_published(publisher, published(publisher))
    assert market.asked == []
    assert (row.remote_id, row.name, row.listed_at, row.delisted_at) == (50, "Offering 50", NOON, None)
    assert row.exchange == publisher.exchange
    provider = row.provider
    assert (provider.remote_id, provider.display_name) == (publisher.provider_id, "Acme")
    assert provider.user_remote_id == publisher.exchange_user_id
    change = PriceChange.objects.get()
    assert (change.service, change.price_per_1k_tokens, change.observed_at) == (row, Decimal("0.0052"), NOON)


def test_an_update_changes_the_row_and_keeps_the_price_before(publisher: ExchangeAccount) -> None:
    note_published(publisher, published(publisher))
    row = note_published(
        publisher, published(publisher, name="New", trial_tokens=0, price_per_1k_tokens=Decimal("0.01"))
    )
    assert (row.name, row.trial_tokens, row.price_per_1k_tokens) == ("New", 0, Decimal("0.01"))
    assert row.price_rank == 10**10
    assert Service.objects.count() == 1
    prices = PriceChange.objects.order_by("pk").values_list("price_per_1k_tokens", flat=True)
    assert list(prices) == [Decimal("0.0052"), Decimal("0.01")]


def test_the_same_again_changes_nothing(publisher: ExchangeAccount) -> None:
    first = note_published(publisher, published(publisher))
    assert note_published(publisher, published(publisher)) == first
    assert (Service.objects.count(), PriceChange.objects.count()) == (1, 1)


def test_what_was_delisted_is_listed_again_its_provider_too(publisher: ExchangeAccount) -> None:
    note_published(publisher, published(publisher))
    Service.objects.update(delisted_at=NOON)
    Provider.objects.update(delisted_at=NOON)
    row = note_published(publisher, published(publisher))
    assert (row.delisted_at, row.provider.delisted_at) == (None, None)


def test_a_provider_that_is_known_stays_as_the_exchange_told_it(
    market: Market, publisher: ExchangeAccount
) -> None:
    assert publisher.provider_id is not None
    market.services = []
    market.providers = [seller(publisher.provider_id, display_name="Acme Inc.", description="Since 1999")]
    refresh()
    note_published(publisher, published(publisher))
    provider = Provider.objects.get()
    assert (provider.display_name, provider.description) == ("Acme Inc.", "Since 1999")


def test_it_belongs_to_the_exchange_of_the_account() -> None:
    elsewhere = make_account(provider=True, exchange=make_exchange(base_url="http://another.example"))
    here = make_account(provider=True)
    note_published(elsewhere, published(elsewhere))
    note_published(here, published(here))
    assert set(Service.objects.values_list("exchange__base_url", "provider__remote_id")) == {
        ("http://another.example", elsewhere.provider_id),
        (here.exchange.base_url, here.provider_id),
    }


def test_the_next_refresh_agrees_and_looks_at_everything(market: Market, publisher: ExchangeAccount) -> None:
    assert publisher.provider_id is not None
    market.tags = True
    refresh()
    note_published(publisher, published(publisher, price_per_1k_tokens=Decimal(1)))
    note_published(publisher, published(publisher))
    market.asked.clear()
    market.services, market.providers = (
        [offering(), published(publisher)],
        [seller(), seller(publisher.provider_id)],
    )
    done = refresh()
    assert market.asked[0] == ("services", False)
    assert (done.added, done.repriced, done.delisted) == (0, 0, 0)


def test_what_the_exchange_took_back_is_noticed_though_its_tag_is_as_before(
    market: Market, publisher: ExchangeAccount
) -> None:
    market.tags = True
    market.services = [offering(11), offering(12)]
    refresh()
    note_published(publisher, published(publisher))
    # somebody withdrew it before the next look: the list is the very same as before
    assert refresh().delisted == 1


def test_a_first_fetch_that_does_not_list_it_yet_is_no_loss(
    market: Market, publisher: ExchangeAccount
) -> None:
    note_published(publisher, published(publisher))
    assert refresh().delisted == 1
    assert Mirror.objects.get().failure == ""


def test_it_does_not_make_the_catalogue_fresh(publisher: ExchangeAccount) -> None:
    note_published(publisher, published(publisher))
    assert Mirror.objects.get().refreshed_at is None
