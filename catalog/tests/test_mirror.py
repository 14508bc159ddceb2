from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from accounts.exchanges import current_exchange
from catalog.mirror import ImplausibleError, is_older_than, mirror_of, refresh
from catalog.models import Mirror, PriceChange, Provider, Service
from catalog.tests.listing import Market, offering, seller

pytestmark = pytest.mark.django_db
DAWN, NOON = datetime(2026, 3, 1, 6, 0, tzinfo=UTC), datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def refresh_at(moment: datetime, *, accept_shrink: bool = False) -> None:
    with time_machine.travel(moment, tick=False):
        refresh(accept_shrink=accept_shrink)


def listed() -> list[int]:
    return sorted(Service.objects.filter(delisted_at=None).values_list("remote_id", flat=True))


def prices_of(number: int) -> list[tuple[Decimal, datetime]]:
    changes = PriceChange.objects.filter(service__remote_id=number).order_by("observed_at")
    return [(change.price_per_1k_tokens, change.observed_at) for change in changes]


def test_it_takes_over_all_that_is_listed(market: Market) -> None:
    market.services = [offering(11), offering(12, provider_id=4, trial_tokens=0)]
    market.providers = [seller(3), seller(4, description="In two regions")]
    done = refresh()
    assert (done.listed, done.added, done.changed, done.set_aside) == (2, 2, 0, 0)
    service = Service.objects.get(remote_id=12)
    assert (service.provider.remote_id, service.name, service.model_family) == (4, "Offering 12", "gpt-4o")
    assert (service.price_per_1k_tokens, service.price_rank) == (Decimal("0.0052"), 5_200_000_000)
    assert (service.trial_tokens, service.delisted_at, service.exchange) == (0, None, current_exchange())
    provider = Provider.objects.get(remote_id=4)
    assert (provider.display_name, provider.description) == ("Seller 4", "In two regions")
    assert (provider.user_remote_id, provider.delisted_at) == (40, None)


def test_it_knows_as_of_when(market: Market) -> None:
    refresh_at(NOON)
    mirror = Mirror.objects.get()
    assert (mirror.refreshed_at, mirror.failure, mirror.leased_until) == (NOON, "", None)
    assert set(Service.objects.values_list("listed_at", flat=True)) == {NOON}


def test_a_catalogue_never_fetched_is_older_than_any_age() -> None:
    assert is_older_than(mirror_of(current_exchange()), timedelta(days=9999))


def test_age_is_counted_from_the_last_answer(market: Market) -> None:
    refresh_at(NOON)
    with time_machine.travel(NOON + timedelta(seconds=300), tick=False):
        assert not is_older_than(mirror_of(current_exchange()), timedelta(seconds=300))
    with time_machine.travel(NOON + timedelta(seconds=301), tick=False):
        assert is_older_than(mirror_of(current_exchange()), timedelta(seconds=300))


def test_services_are_asked_for_before_providers(market: Market) -> None:
    refresh()
    assert [what for what, _tag in market.asked] == ["services", "providers"]


def test_what_is_renamed_is_renamed_here(market: Market) -> None:
    refresh()
    market.services = [offering(name="New", model_family="o3", trial_tokens=7)]
    market.providers = [seller(display_name="Newer", description="Newest", user_id=99)]
    done = refresh()
    assert (done.changed, done.repriced, done.added) == (1, 0, 0)
    service = Service.objects.select_related("provider").get()
    assert (service.name, service.model_family, service.trial_tokens) == ("New", "o3", 7)
    provider = service.provider
    assert (provider.display_name, provider.description, provider.user_remote_id) == ("Newer", "Newest", 99)
    assert len(prices_of(11)) == 1


def test_a_service_that_moves_to_a_new_provider_moves_here(market: Market) -> None:
    refresh()
    market.services, market.providers = [offering(provider_id=4)], [seller(3), seller(4)]
    assert refresh().changed == 1
    assert Service.objects.get().provider.remote_id == 4
    market.services = [offering(provider_id=3)]
    refresh()
    assert Service.objects.get().provider.remote_id == 3


def test_an_unchanged_catalogue_writes_nothing(market: Market) -> None:
    refresh_at(DAWN)
    before = (
        list(Service.objects.values()),
        list(Provider.objects.values()),
        list(PriceChange.objects.values()),
    )
    market.services = [offering(price_per_1k_tokens=Decimal("0.00520"))]  # the same amount
    with time_machine.travel(NOON, tick=False):
        done = refresh()
    assert (done.added, done.changed, done.repriced, done.delisted, done.unchanged) == (0, 0, 0, 0, False)
    assert before == (
        list(Service.objects.values()),
        list(Provider.objects.values()),
        list(PriceChange.objects.values()),
    )
    assert Mirror.objects.get().refreshed_at == NOON


def test_every_price_is_kept_with_its_time_the_first_too(market: Market) -> None:
    moments = [DAWN + timedelta(hours=hour) for hour in range(4)]
    for moment, price in zip(moments, ("0.005", "0.006", "0.006", "0.005"), strict=True):
        market.services = [offering(price_per_1k_tokens=Decimal(price))]
        refresh_at(moment)
    assert prices_of(11) == [
        (Decimal("0.005"), moments[0]),
        (Decimal("0.006"), moments[1]),
        (Decimal("0.005"), moments[3]),
    ]


@pytest.mark.parametrize(
    "price",
    [
        "0",
        "0.1",
        "0.3",
        "1E-30",
        "999999999999999.999999999999999999999999999999",
        "0.123456789012345678901",
        "1E+14",
    ],
)
def test_a_price_is_kept_to_the_last_digit(market: Market, price: str) -> None:
    market.services = [offering(price_per_1k_tokens=Decimal(price))]
    refresh()
    assert Service.objects.get().price_per_1k_tokens == Decimal(price)
    assert PriceChange.objects.get().price_per_1k_tokens == Decimal(price)
    assert refresh().repriced == 0


def test_prices_are_in_order_on_any_database(market: Market) -> None:
    prices = ["0.1", "9", "10", "0", "0.000000000001", "0.000000000002", "0.300000000001", "0.3", "9000000"]
    market.services = [
        offering(number, price_per_1k_tokens=Decimal(price)) for number, price in enumerate(prices, start=1)
    ]
    refresh()
    in_order = Service.objects.order_by("price_rank").values_list("price_per_1k_tokens", flat=True)
    assert list(in_order) == sorted(map(Decimal, prices))


def test_the_largest_prices_share_the_highest_rank(market: Market) -> None:
    market.services = [
        offering(1, price_per_1k_tokens=Decimal("9223372.036854775807")),
        offering(2, price_per_1k_tokens=Decimal(10) ** 15 - 1),
        offering(3, price_per_1k_tokens=Decimal(9223372)),
    ]
    refresh()
    ranks = dict(Service.objects.values_list("remote_id", "price_rank"))
    assert ranks == {1: 2**63 - 1, 2: 2**63 - 1, 3: 9223372 * 10**12}


def test_what_vanished_is_marked_and_never_deleted(market: Market) -> None:
    market.services = [offering(11), offering(12)]
    refresh_at(DAWN)
    market.services = [offering(11)]
    refresh_at(NOON)
    refresh_at(NOON + timedelta(hours=1))
    assert Service.objects.get(remote_id=12).delisted_at == NOON
    assert listed() == [11]
    assert len(prices_of(12)) == 1


def test_what_returns_is_listed_again_with_its_history(market: Market) -> None:
    market.services = [offering(11), offering(12)]
    refresh_at(DAWN)
    market.services = [offering(11)]
    refresh_at(DAWN + timedelta(hours=1))
    market.services = [offering(11), offering(12, price_per_1k_tokens=Decimal(1))]
    with time_machine.travel(NOON, tick=False):
        done = refresh()
    assert (done.added, done.changed, done.relisted, done.repriced) == (0, 1, 1, 1)
    service = Service.objects.get(remote_id=12)
    assert (service.delisted_at, service.listed_at) == (None, DAWN)
    assert prices_of(12) == [(Decimal("0.0052"), DAWN), (Decimal(1), NOON)]


def test_a_provider_that_vanished_is_marked_and_comes_back(market: Market) -> None:
    market.providers = [seller(3), seller(4)]
    refresh_at(DAWN)
    market.providers = [seller(3)]
    refresh_at(NOON)
    assert Provider.objects.get(remote_id=4).delisted_at == NOON
    market.providers = [seller(3), seller(4)]
    refresh()
    assert Provider.objects.get(remote_id=4).delisted_at is None
    assert Provider.objects.count() == 2


def test_a_service_of_an_unknown_provider_is_set_aside_alone(market: Market) -> None:
    market.services = [offering(11), offering(12, provider_id=99)]
    done = refresh()
    assert (done.added, done.listed, done.set_aside) == (1, 1, 1)
    assert listed() == [11]
    mirror = Mirror.objects.get()
    assert mirror.orphans == [{"service": 12, "provider": 99, "name": "Offering 12"}]
    assert mirror.orphan_count == 1


def test_it_is_taken_in_when_its_provider_appears(market: Market) -> None:
    market.tags = True
    market.services = [offering(11), offering(12, provider_id=99)]
    refresh()
    market.providers = [seller(3), seller(99)]
    assert refresh().added == 1
    assert listed() == [11, 12]
    mirror = Mirror.objects.get()
    assert (mirror.orphans, mirror.orphan_count) == ([], 0)


def test_a_service_whose_provider_vanished_is_set_aside_and_comes_back(market: Market) -> None:
    market.services, market.providers = [offering(11), offering(12, provider_id=4)], [seller(3), seller(4)]
    refresh()
    market.providers = [seller(3)]
    done = refresh()
    assert (done.delisted, done.set_aside) == (1, 1)
    assert listed() == [11]
    assert refresh().delisted == 0
    market.providers = [seller(3), seller(4)]
    assert refresh().relisted == 1
    assert listed() == [11, 12]


def test_of_many_set_aside_only_some_are_named_and_all_are_counted(market: Market) -> None:
    market.services = [offering(number, provider_id=99, name="x" * 1000) for number in range(250)]
    assert refresh().set_aside == 250
    mirror = Mirror.objects.get()
    assert (len(mirror.orphans), mirror.orphan_count) == (100, 250)
    assert {len(orphan["name"]) for orphan in mirror.orphans} == {400}


@pytest.mark.parametrize(
    ("kept", "accepted"), [(5, True), (4, False), (1, False), (0, False)], ids=["half", "less", "one", "none"]
)
def test_a_catalogue_that_lost_more_than_half_waits(market: Market, kept: int, accepted: bool) -> None:
    market.services = [offering(number) for number in range(10)]
    refresh()
    # new ones do not make up for it, and nothing else of the list is believed either
    market.services = [offering(number, name="New") for number in (*range(kept), *range(100, 120))]
    if accepted:
        assert refresh().delisted == 5
        return
    with pytest.raises(ImplausibleError) as caught:
        refresh()
    assert f"Of the 10 services that were listed here, the Exchange now offers {kept}." in str(caught.value)
    assert "python manage.py sync_catalog --accept-shrink" in str(caught.value)
    assert Mirror.objects.get().failure == str(caught.value)
    assert listed() == list(range(10))
    assert not Service.objects.filter(name="New").exists()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_empty_catalogue_waits_however_small_it_was(market: Market, count: int) -> None:
    market.services = [offering(number) for number in range(count)]
    refresh()
    market.services = []
    with pytest.raises(ImplausibleError):
        refresh()
    assert len(listed()) == count


def test_an_empty_catalogue_that_was_empty_before_is_fine(market: Market) -> None:
    market.services, market.providers = [], []
    refresh()
    assert refresh().listed == 0
    market.services, market.providers = [offering()], [seller()]
    assert refresh().added == 1


def test_one_of_two_may_go(market: Market) -> None:
    market.services = [offering(1), offering(2)]
    refresh()
    market.services = [offering(2)]
    assert refresh().delisted == 1


def test_providers_that_are_nearly_all_gone_wait_too(market: Market) -> None:
    market.providers = [seller(number) for number in (3, 4, 5)]
    refresh()
    market.providers = [seller(3)]
    with pytest.raises(ImplausibleError, match="Of the 3 providers that were listed here"):
        refresh()
    assert not Provider.objects.exclude(delisted_at=None).exists()
    refresh(accept_shrink=True)
    assert Provider.objects.exclude(delisted_at=None).count() == 2


def test_a_loss_that_is_accepted_is_taken_over(market: Market) -> None:
    market.tags = True
    market.services = [offering(number) for number in range(4)]
    refresh()
    market.services = []
    with pytest.raises(ImplausibleError):
        refresh()
    done = refresh(accept_shrink=True)
    assert (done.delisted, done.listed) == (4, 0)
    assert listed() == []
    assert Mirror.objects.get().failure == ""
    refresh()


def test_a_catalogue_comes_back_after_an_accepted_loss(market: Market) -> None:
    market.services = [offering(number) for number in range(4)]
    refresh()
    market.services = []
    refresh(accept_shrink=True)
    market.services = [offering(number) for number in range(4)]
    assert refresh().relisted == 4


def test_another_exchanges_mirror_is_left_alone(market: Market, configure: object) -> None:
    market.services = [offering(11, price_per_1k_tokens=Decimal(1))]
    refresh_at(DAWN)
    configure(base_url="http://another.example")  # type: ignore[operator]
    market.services, market.providers = [offering(11, price_per_1k_tokens=Decimal(2))], [seller(3)]
    refresh_at(NOON)
    prices = dict(Service.objects.values_list("exchange__base_url", "price_per_1k_tokens"))
    assert len(prices) == 2
    assert prices["http://another.example"] == Decimal(2)
    assert sorted(prices.values()) == [1, 2]
    assert sorted(Mirror.objects.values_list("refreshed_at", flat=True)) == [DAWN, NOON]  # type: ignore[type-var]
    assert PriceChange.objects.count() == 2
    market.services, market.providers = [], []
    refresh(accept_shrink=True)
    assert Service.objects.filter(delisted_at=None).count() == 1


@pytest.mark.parametrize(
    "text",
    [
        "模型 · ünïcödé · 🤖",
        "'; DROP TABLE catalog_service; --",
        "<b>&amp;",
        "a\nb\tc",
        "",
        "\u202e\u0001",
        "İ" * 400,
    ],
    ids=["scripts", "quotes", "markup", "lines", "empty", "odd", "long"],
)
def test_any_text_is_kept_as_it_is(market: Market, text: str) -> None:
    market.services = [offering(name=text, model_family=text[:200])]
    market.providers = [seller(display_name=text, description=text)]
    refresh()
    service, provider = Service.objects.get(), Provider.objects.get()
    assert (service.name, service.model_family) == (text, text[:200])
    assert (provider.display_name, provider.description) == (text, text)
    assert refresh().changed == 0


def test_text_longer_than_any_page_shows_is_cut(market: Market) -> None:
    # four bytes each and nothing repeated: what compresses well would hide that an index cannot hold it
    long = "".join(chr(0x20000 + (number * 7919) % 40_000) for number in range(100_000))
    market.services = [offering(name=long, model_family=long)]
    market.providers = [seller(display_name=long, description=long)]
    refresh()
    service, provider = Service.objects.get(), Provider.objects.get()
    assert (service.name, service.model_family) == (long[:400], long[:200])
    assert (provider.display_name, provider.description) == (long[:400], long[:10_000])
    assert refresh().changed == 0


def test_numbers_as_large_as_64_bits_are_kept(market: Market) -> None:
    largest = 2**63 - 1
    market.services = [offering(largest, provider_id=largest, trial_tokens=largest)]
    market.providers = [seller(1, id=largest, user_id=-largest - 1)]
    refresh()
    service = Service.objects.get()
    assert (service.remote_id, service.trial_tokens, service.provider.remote_id) == (
        largest,
        largest,
        largest,
    )


def test_the_refresh_says_what_it_did(market: Market) -> None:
    market.services = [offering(number) for number in (1, 2, 3, 4)]
    with time_machine.travel(NOON, tick=False):
        done = refresh()
        assert done.as_of == timezone.now()
    market.services = [
        offering(1),
        offering(2, price_per_1k_tokens=Decimal(2)),
        offering(3, name="New"),
        offering(5),
        offering(6, provider_id=99),
    ]
    done = refresh()
    assert (done.listed, done.added, done.changed, done.repriced) == (4, 1, 2, 1)
    assert (done.delisted, done.relisted, done.set_aside, done.unchanged) == (1, 0, 1, False)
