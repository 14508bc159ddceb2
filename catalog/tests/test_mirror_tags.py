"""ETags: what did not change is not sent again, and never hides what did."""

from __future__ import annotations

import pytest

from catalog.mirror import refresh
from catalog.models import Mirror, Service
from catalog.tests.listing import Market, offering, seller

pytestmark = pytest.mark.django_db
ALL_ANEW = [("services", False), ("providers", False)]
BY_TAG = [("services", True), ("providers", True)]


@pytest.fixture
def tagged(market: Market) -> Market:
    market.tags = True
    return market


def test_what_is_known_is_asked_for_by_its_tag(tagged: Market) -> None:
    refresh()
    done = refresh()
    assert tagged.asked == ALL_ANEW + BY_TAG
    assert (done.unchanged, done.listed) == (True, 1)


def test_an_unchanged_catalogue_is_as_of_now(tagged: Market) -> None:
    refresh()
    before = Mirror.objects.get()
    Mirror.objects.update(failure="It was down.")
    done = refresh()
    after = Mirror.objects.get()
    assert after.refreshed_at == done.as_of > before.refreshed_at  # type: ignore[operator]
    assert (after.failure, after.services_etag) == ("", before.services_etag)


def test_an_exchange_without_tags_is_compared_each_time(tagged: Market) -> None:
    tagged.tags = False
    refresh()
    refresh()
    assert tagged.asked == ALL_ANEW * 2


def test_changed_services_are_compared_with_unchanged_providers(tagged: Market) -> None:
    refresh()
    tagged.services = [offering(), offering(12)]
    tagged.asked.clear()
    assert refresh().added == 1
    assert tagged.asked == [*BY_TAG, ("providers", False)]
    assert Service.objects.filter(delisted_at=None).count() == 2


def test_changed_providers_are_compared_with_services_fetched_before_them(tagged: Market) -> None:
    refresh()
    tagged.providers = [seller(), seller(4)]
    tagged.asked.clear()
    refresh()
    assert tagged.asked == [*BY_TAG, *ALL_ANEW]
    assert Service.objects.get().delisted_at is None
    tagged.asked.clear()
    assert refresh().unchanged
    assert tagged.asked == BY_TAG


def test_tags_are_not_trusted_while_services_are_set_aside(tagged: Market) -> None:
    tagged.services = [offering(), offering(12, provider_id=99)]
    refresh()
    refresh()
    assert tagged.asked == ALL_ANEW * 2
    tagged.services = [offering()]
    refresh()
    tagged.asked.clear()
    refresh()
    assert tagged.asked == BY_TAG


def test_tags_of_a_list_that_was_not_taken_over_are_not_kept(tagged: Market) -> None:
    refresh()
    kept = Mirror.objects.get().services_etag
    tagged.services = [offering(), offering()]
    with pytest.raises(Exception, match="lists service 11 twice"):
        refresh()
    assert Mirror.objects.get().services_etag == kept
    tagged.services = [offering(), offering(12)]
    assert refresh().added == 1


def test_the_tags_are_those_that_the_last_refresher_left(
    tagged: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh()
    old = Mirror.objects.get()
    tagged.services = [offering(name="New")]
    refresh()
    # a process that looked at the row before the other one was done
    monkeypatch.setattr("catalog.mirror.mirror_of", lambda _exchange: old)
    tagged.services = [offering()]
    refresh()
    assert Service.objects.get().name == "Offering 11"
