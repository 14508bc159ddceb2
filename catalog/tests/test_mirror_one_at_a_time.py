"""One refresh at a time, in threads and in processes; who died lets go; who was overtaken writes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts.exchanges import current_exchange
from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.mirror import LEASE, BusyError, mirror_of, note_published, refresh
from catalog.models import Mirror, PriceChange, Service
from catalog.tests.listing import Market, offering, seller
from catalog.tests.wire import Wire, northwind, offer
from exchange.tests.raw_server import RawServer, http, raw_server

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT = 60


def in_a_thread(work: Callable[[], object], outcomes: list[str]) -> Thread:
    """Start the work on a connection of its own; its error's name, or "done", comes into the list."""

    def run() -> None:
        try:
            work()
            outcomes.append("done")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test compares it
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    return thread


def test_of_several_at_once_one_refreshes_and_the_others_are_told(market: Market) -> None:
    mirror_of(current_exchange())
    together, all_asked, outcomes = Barrier(5), Event(), []

    def attempt() -> None:
        together.wait(LIMIT)
        refresh()

    # the answer is on its way until the other four have been turned away
    market.before = lambda _what: all_asked.wait(LIMIT)
    threads = [in_a_thread(attempt, outcomes) for _ in range(5)]
    for _ in range(LIMIT * 20):
        if len(outcomes) == 4:
            break
        time.sleep(0.05)
    all_asked.set()
    for thread in threads:
        thread.join(LIMIT)
    assert Counter(outcomes) == {"done": 1, "BusyError": 4}
    assert market.asked == [("services", False), ("providers", False)]
    assert PriceChange.objects.count() == 1
    assert Mirror.objects.get().failure == ""


def test_several_that_meet_the_exchange_for_the_first_time_make_one_mirror(market: Market) -> None:
    together, outcomes = Barrier(4), []

    def attempt() -> None:
        together.wait(LIMIT)
        refresh()

    for thread in [in_a_thread(attempt, outcomes) for _ in range(4)]:
        thread.join(LIMIT)
    assert set(outcomes) <= {"done", "BusyError"}
    assert "done" in outcomes
    assert (Mirror.objects.count(), Service.objects.count(), PriceChange.objects.count()) == (1, 1, 1)


def test_who_died_lets_go_after_two_minutes(market: Market) -> None:
    mirror = mirror_of(current_exchange())
    Mirror.objects.filter(pk=mirror.pk).update(leased_until=NOON + LEASE)
    with time_machine.travel(NOON + LEASE, tick=False), pytest.raises(BusyError):
        refresh()
    assert market.asked == []
    with time_machine.travel(NOON + LEASE + timedelta(seconds=1), tick=False):
        assert refresh().added == 1
    assert Mirror.objects.get().leased_until is None


def test_another_exchange_is_not_held_up(market: Market, configure: Callable[..., None]) -> None:
    mirror = mirror_of(current_exchange())
    Mirror.objects.filter(pk=mirror.pk).update(leased_until=timezone.now() + LEASE)
    configure(base_url="http://another.example")
    assert refresh().added == 1
    assert Mirror.objects.get(pk=mirror.pk).leased_until is not None


def test_who_took_too_long_writes_nothing_over_its_successor(market: Market) -> None:
    mirror = mirror_of(current_exchange())

    def be_overtaken(what: str) -> None:
        if what == "providers":
            market.before = lambda _what: None
            Mirror.objects.filter(pk=mirror.pk).update(leased_until=NOON)
            market.services = [offering(name="Newer")]
            refresh()
            # a third has it now
            Mirror.objects.filter(pk=mirror.pk).update(leased_until=NOON + LEASE)

    market.before = be_overtaken
    with pytest.raises(BusyError):
        refresh()
    assert Service.objects.get().name == "Newer"
    after = Mirror.objects.get()
    assert (after.leased_until, after.failure) == (NOON + LEASE, "")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), RuntimeError("a fault of ours")])
def test_who_is_interrupted_lets_go_at_once(market: Market, error: BaseException) -> None:
    def interrupt(_what: str) -> None:
        raise error

    market.before = interrupt
    with pytest.raises(type(error)):
        refresh()
    assert Mirror.objects.get().leased_until is None


def test_the_network_is_asked_outside_any_transaction(wire: Wire) -> None:
    wire.offers(offer())
    refresh()
    wire.reset()
    wire.offers(offer(price_per_1k_tokens=1), offer(id=12), providers=[northwind(display_name="New")])
    refresh()
    assert wire.transactions == [False] * 4
    assert Service.objects.count() == 2


@pytest.fixture
def publisher() -> ExchangeAccount:
    return make_account(provider=True)


def test_a_service_published_while_the_list_was_on_its_way_stays(
    market: Market, publisher: ExchangeAccount
) -> None:
    number = publisher.provider_id
    assert number is not None
    market.providers = [seller(3), seller(number)]
    refresh()
    published = offering(50, provider_id=number)

    def publish(what: str) -> None:
        if what == "services":
            market.before = lambda _what: None
            market.services = [offering(), published]
            note_published(publisher, published)

    market.before = publish
    market.asked.clear()
    done = refresh()
    assert (done.added, done.changed, done.delisted) == (0, 0, 0)
    assert len(market.asked) == 4
    assert Service.objects.filter(delisted_at=None).count() == 2


def test_an_old_price_on_its_way_makes_no_false_history(market: Market, publisher: ExchangeAccount) -> None:
    number = publisher.provider_id
    assert number is not None
    market.providers = [seller(number)]
    market.services = [offering(50, provider_id=number, price_per_1k_tokens=Decimal(1))]
    refresh()
    dearer = offering(50, provider_id=number, price_per_1k_tokens=Decimal(2))

    def publish(what: str) -> None:
        if what == "providers":
            market.before = lambda _what: None
            market.services = [dearer]
            note_published(publisher, dearer)

    market.before = publish
    refresh()
    changes = PriceChange.objects.order_by("pk")
    assert [change.price_per_1k_tokens for change in changes] == [Decimal(1), Decimal(2)]


def test_who_publishes_without_pause_does_not_keep_a_refresh_going_for_ever(
    market: Market, publisher: ExchangeAccount
) -> None:
    published = offering(50, provider_id=publisher.provider_id)
    market.before = lambda _what: note_published(publisher, published)
    with pytest.raises(BusyError, match="Services are being published"):
        refresh()
    assert len(market.asked) == 6
    assert Mirror.objects.get().leased_until is None


def test_publishing_and_refreshing_at_once_leave_one_row_each(
    market: Market, publisher: ExchangeAccount
) -> None:
    number = publisher.provider_id
    assert number is not None
    market.providers = [seller(number)]
    published = [offering(50 + step, provider_id=number) for step in range(8)]
    market.services = published
    outcomes: list[str] = []

    def publish() -> None:
        for service in published:
            note_published(publisher, service)

    def keep_refreshing() -> None:
        for _ in range(5):
            try:
                refresh()
            except BusyError:
                continue

    for thread in [in_a_thread(work, outcomes) for work in (publish, keep_refreshing, publish)]:
        thread.join(LIMIT)
    assert outcomes == ["done"] * 3
    assert Service.objects.filter(delisted_at=None).count() == 8
    assert PriceChange.objects.count() == 8


REFRESH = """
import sys
import django
django.setup()
from django.conf import settings
from django.db import connections
import dataclasses
settings.TOKLIGENCE = dataclasses.replace(settings.TOKLIGENCE, base_url=sys.argv[1])
connections.databases["default"]["NAME"] = sys.argv[2]
from catalog.mirror import BusyError, refresh
try:
    print("done", refresh().added)
except BusyError:
    print("busy")
"""


def start_process(url: str) -> subprocess.Popen[str]:
    """A refresh in a process of its own, on this test's database."""
    return subprocess.Popen(
        [sys.executable, "-c", REFRESH, url, str(connection.settings_dict["NAME"])],
        cwd=REPOSITORY,
        env=process_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def process_environment() -> dict[str, str]:
    return dict(os.environ) | {"DJANGO_SETTINGS_MODULE": "gateway_site.test_settings"}


def hold_the_first(asked: Event, go: Event) -> Callable[..., None]:
    body = b'{"services": [], "providers": [{"id": 3, "user_id": 30, "display_name": "Northwind"}]}'

    def answer(peer: object, _server: RawServer) -> None:
        asked.set()
        go.wait(LIMIT)
        peer.sendall(http(200, body))  # type: ignore[attr-defined]

    return answer


def test_of_two_processes_one_refreshes(configure: Callable[..., None]) -> None:
    asked, go = Event(), Event()
    with raw_server(hold_the_first(asked, go)) as server:
        configure(base_url=server.url)
        first = start_process(server.url)
        assert asked.wait(LIMIT), first.communicate(timeout=LIMIT)
        second = start_process(server.url)
        assert second.communicate(timeout=LIMIT)[0] == "busy\n"
        with pytest.raises(BusyError):
            refresh()
        go.set()
        assert first.communicate(timeout=LIMIT)[0] == "done 0\n"
    mirror = Mirror.objects.get()
    assert mirror.leased_until is None
    assert mirror.refreshed_at is not None


def test_a_process_that_was_killed_holds_nobody_up_for_long(configure: Callable[..., None]) -> None:
    asked, go = Event(), Event()
    with raw_server(hold_the_first(asked, go)) as server:
        configure(base_url=server.url)
        first = start_process(server.url)
        assert asked.wait(LIMIT), first.communicate(timeout=LIMIT)
        first.kill()
        first.communicate(timeout=LIMIT)
        go.set()
        with pytest.raises(BusyError):
            refresh()
        Mirror.objects.update(leased_until=timezone.now() - timedelta(seconds=1))  # two minutes on
        refresh()
    assert Mirror.objects.get().leased_until is None
