from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client

from accounts.factories import make_account
from catalog.counting import counted
from catalog.mirror import note_published
from catalog.tests.mirrored import make_mirror, make_provider, make_service
from exchange import Service


@pytest.fixture
def count() -> Callable[[], dict[str, int]]:
    calls = iter(range(1, 100))
    return lambda: {"o3": next(calls)}


def test_a_version_is_counted_once(count: Callable[[], dict[str, int]]) -> None:
    assert [counted("1 0 today", "families", count) for _ in range(3)] == [{"o3": 1}] * 3


def test_another_version_or_another_question_is_counted_anew(count: Callable[[], dict[str, int]]) -> None:
    first = counted("1 0 today", "families", count)
    assert counted("1 1 today", "families", count) != first
    assert counted("1 0 today", "families of mini", count) != first


def test_what_has_no_version_is_counted_each_time(count: Callable[[], dict[str, int]]) -> None:
    assert counted("", "families", count) != counted("", "families", count)


def test_nothing_is_a_count_too() -> None:
    assert counted("1 0 today", "none", dict) == {}
    assert counted("1 0 today", "none", lambda: {"o3": 1}) == {}


@pytest.mark.django_db
def test_what_one_publishes_is_counted_at_once(client: Client) -> None:
    seller = make_account(provider=True)
    client.force_login(seller.user)
    make_mirror()
    make_service(provider=make_provider(), name="Other")
    assert "<b>1 service</b>" in client.get("/catalog/services/").content.decode()
    published = Service(
        id=77,
        provider_id=seller.provider_id,
        name="Mine",
        model_family="o3",
        price_per_1k_tokens=Decimal("0.1"),
        trial_tokens=0,
    )
    note_published(seller, published)
    assert "<b>2 services</b>" in client.get("/catalog/services/").content.decode()
