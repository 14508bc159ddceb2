from __future__ import annotations

import pytest

from catalog.choosing import choose_provider
from catalog.tests.wire import Wire, northwind, offer
from exchange import NoMatch

pytestmark = pytest.mark.django_db

MARKET = [
    northwind(id=8, display_name="Harbour Compute"),
    northwind(id=3, display_name="Northwind"),
    northwind(id=5, display_name="Northwind Labs"),
]


@pytest.fixture(autouse=True)
def _market(wire: Wire) -> None:
    wire.offers(offer(provider_id=5, model_family="gpt-4o"), offer(provider_id=8), providers=MARKET)


def test_without_a_wish_it_is_the_longest_standing() -> None:
    assert choose_provider().id == 3


@pytest.mark.parametrize(
    ("wish", "chosen"),
    [
        ({"name": "LABS"}, 5),
        ({"name": "northwind"}, 3),
        ({"exclude": ["northwind"]}, 5),
        ({"exclude": ["Northwind", "northwind labs"]}, 8),
        ({"model_family": "GPT-4O"}, 5),
        ({"model_family": "gpt-4o", "exclude": ["Northwind Labs"]}, 8),
    ],
)
def test_it_meets_every_wish(wish: dict[str, object], chosen: int) -> None:
    assert choose_provider(**wish).id == chosen


def test_only_a_family_needs_the_services(wire: Wire) -> None:
    choose_provider(name="north")
    assert [call.request.url.rpartition("/")[2] for call in wire.calls] == ["providers"]


@pytest.mark.parametrize("wish", [{"name": "nobody"}, {"model_family": "gpt-4"}])
def test_none_is_an_error(wish: dict[str, str]) -> None:
    with pytest.raises(NoMatch):
        choose_provider(**wish)
