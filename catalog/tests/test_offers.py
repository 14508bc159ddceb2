from __future__ import annotations

import pytest

from accounts.factories import make_exchange
from catalog import choices, offers, sellers
from catalog.filters import ServiceFilter
from catalog.models import Provider
from catalog.tests.mirrored import make_provider, make_service

pytestmark = pytest.mark.django_db


def find(asked: dict[str, str], number: int = 1) -> offers.Offers:
    return offers.find(ServiceFilter(asked, exchange=make_exchange()), "price", number)


def test_of_many_families_the_largest_are_offered_and_the_chosen_one() -> None:
    seller = make_provider()
    for number in range(offers.MOST_CHOICES + 20):
        make_service(provider=seller, family=f"f{number:03}")
    for number in (30, 50):
        make_service(provider=seller, family=f"f{number:03}")
    families = {family.name: family.count for family in find({"family": "f059"}).families}
    assert len(families) == offers.MOST_CHOICES + 1
    assert (families["f030"], families["f050"], families["f059"]) == (2, 2, 1)


def test_a_family_that_is_not_there_stays_chosen_with_none() -> None:
    make_service(provider=make_provider(), family="o3")
    found = find({"family": "o4"})
    assert (found.page.total, found.services) == (0, [])
    assert [(family.name, family.count) for family in found.families] == [("o3", 1), ("o4", 0)]


def test_beyond_the_end_there_is_nothing() -> None:
    make_service(provider=make_provider())
    assert find({}, number=2).services == []
    assert find({}, number=2).page.is_beyond


def test_providers_are_offered_by_name_and_none_that_left() -> None:
    for name in ("beta", "Alpha"):
        make_provider(name=name)
    left = make_provider(name="Gone", delisted=True)
    exchange = make_exchange()
    assert [p.label for p in offers.provider_choices(exchange, None)] == ["Alpha", "beta"]
    # but for one that was asked for
    chosen = offers.provider_choices(exchange, str(left.remote_id))
    assert [p.label for p in chosen] == ["Alpha", "beta", "Gone"]


def test_of_many_providers_those_with_most_are_offered() -> None:
    for number in range(offers.MOST_CHOICES + 5):
        make_provider(number=number + 1)
    for seller in Provider.objects.order_by("-remote_id")[: offers.MOST_CHOICES]:
        make_service(provider=seller)
    numbers = {int(provider.number) for provider in offers.provider_choices(make_exchange(), None)}
    assert numbers == set(range(6, offers.MOST_CHOICES + 6))


def test_what_was_consumed_at_a_provider_is_of_its_own_services() -> None:
    seller = make_provider()
    make_service(provider=seller, number=1)
    make_service(provider=make_provider(), number=2)
    assert sellers.consumed_at(seller, {1: 10, 2: 100, 3: 1000}) == 10
    assert sellers.consumed_at(seller, {}) == 0


def test_a_list_to_choose_from_is_whole_or_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "LONGEST_LIST", 2)
    seller = make_provider(number=3)
    make_service(provider=seller, number=11, name="A")
    make_service(provider=seller, number=12, name="B", delisted=True)
    elsewhere = make_exchange(base_url="http://elsewhere.example")
    make_service(provider=make_provider(exchange=elsewhere), number=13)
    assert choices.service_choices(make_exchange()) == [
        choices.ServiceChoice(number=11, name="A", provider_number=3, provider_name="Northwind")
    ]
    make_service(provider=seller)
    assert len(choices.service_choices(make_exchange())) == 2
    make_service(provider=seller)
    assert choices.service_choices(make_exchange()) == []


@pytest.mark.parametrize("sort", ["price", "-name", "provider", "newest"])
def test_by_whichever_way_the_rows_are_looked_up_they_are_the_same(
    monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    for number in range(120):
        seller = make_provider(name=f"Seller {number % 7}")
        make_service(provider=seller, name=f"S{number * 7 % 50}", price=str(number % 9), trial=number % 2)
    filters = ServiceFilter({"q": "s", "trial": "1"}, exchange=make_exchange())
    found = []
    for frequent in (0, 10**9):  # each page is met early; none is
        monkeypatch.setattr(offers, "FREQUENT", frequent)
        found.append([row.pk for number in (1, 2, 3) for row in offers.find(filters, sort, number).services])
    assert len(found[0]) == 60
    assert found[0] == found[1]
