from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from catalog import mirror_watch
from catalog.management.commands import sync_catalog
from catalog.mirror import LEASE, BusyError, mirror_of, refresh
from catalog.models import Mirror, Service
from catalog.tests.commands import document_of, text_of
from catalog.tests.listing import Market, offering
from catalog.watching import Stop
from exchange import ExchangeUnavailable, ExchangeUnreachable
from exchange.tests.raw_server import http, raw_server

pytestmark = [pytest.mark.django_db, pytest.mark.alone]
REPOSITORY = Path(__file__).resolve().parents[2]
DOWN = ExchangeUnreachable("The Exchange is not there.")


def busy() -> None:
    refresh()
    Mirror.objects.update(leased_until=timezone.now() + LEASE)


def test_it_says_what_it_did(market: Market) -> None:
    market.services = [offering(1), offering(2), offering(3, provider_id=99)]
    set_aside = "1 set aside, for the Exchange does not list their provider"
    assert text_of("sync_catalog") == f"2 services are listed. 2 new; {set_aside}.\n"
    market.services = [offering(1, price_per_1k_tokens=1), offering(4)]
    assert text_of("sync_catalog") == (
        "2 services are listed. 1 new; 1 changed; 1 at a new price; 1 delisted.\n"
    )
    assert text_of("sync_catalog") == "2 services are listed. Nothing is new.\n"


def test_it_says_that_nothing_changed_there(market: Market) -> None:
    market.tags = True
    text_of("sync_catalog")
    assert text_of("sync_catalog") == "1 services are listed. Nothing changed at the Exchange.\n"


def test_it_prints_one_document(market: Market) -> None:
    market.services = [offering(1), offering(2, provider_id=99)]
    document = document_of("sync_catalog")
    assert document.pop("as_of") == Mirror.objects.get().refreshed_at.isoformat()  # type: ignore[union-attr]
    assert document == {
        "unchanged": False,
        "listed": 1,
        "added": 1,
        "changed": 0,
        "repriced": 0,
        "delisted": 0,
        "relisted": 0,
        "set_aside": 1,
    }


def test_it_fails_with_the_sentence_of_the_exchange(market: Market) -> None:
    market.failure = DOWN
    with pytest.raises(CommandError, match=r"The Exchange is not there\.") as caught:
        call_command("sync_catalog")
    assert caught.value.returncode == 1


def test_it_fails_while_another_process_is_at_it(market: Market) -> None:
    busy()
    with pytest.raises(CommandError, match="is being refreshed at this moment") as caught:
        call_command("sync_catalog")
    assert caught.value.returncode == 1


def test_a_loss_waits_until_it_is_accepted(market: Market) -> None:
    market.services = [offering(number) for number in range(4)]
    call_command("sync_catalog", stdout=StringIO())
    market.services = []
    with pytest.raises(CommandError, match="--accept-shrink"):
        call_command("sync_catalog")
    assert Service.objects.filter(delisted_at=None).count() == 4
    assert text_of("sync_catalog", "--accept-shrink") == "0 services are listed. 4 delisted.\n"


def test_a_loss_is_not_accepted_for_ever(market: Market) -> None:
    with pytest.raises(CommandError, match="leave --watch out") as caught:
        call_command("sync_catalog", "--watch", "--accept-shrink")
    assert caught.value.returncode == 2


@pytest.mark.parametrize("interval", ["0", "-1", "1.5", "x", "", "1e3", "9999999999", "9" * 5000, "٣"])
def test_an_interval_is_a_whole_number_of_seconds(interval: str) -> None:
    with pytest.raises(CommandError, match="--interval"):
        call_command("sync_catalog", "--watch", f"--interval={interval}")


@pytest.mark.parametrize(("max_age", "interval"), [(300, 300), (7, 7), (0, 60)])
def test_the_interval_is_the_age_that_is_configured(
    max_age: int, interval: int, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(catalog_max_age=max_age)
    seen: list[float] = []
    monkeypatch.setattr(
        sync_catalog.Command, "watch", lambda _self, interval, *, as_json: seen.append(interval)
    )
    call_command("sync_catalog", "--watch")
    assert seen == [interval]


class Day:
    """Lets a watch run without waiting: its looks, and how long it would have waited after each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
        self.waits: list[float] = []
        self.out = StringIO()

        def wait(stop: Stop, seconds: float) -> None:
            self.waits.append(seconds)
            self.after()
            if len(self.waits) == looks:
                stop.ask()

        self.after: Callable[[], object] = lambda: None
        monkeypatch.setattr("catalog.watching.Stop.wait", wait)
        # the test's transaction lives in the connection
        monkeypatch.setattr(sync_catalog, "close_old_connections", lambda: None)

    def watch(self, *words: str) -> str:
        call_command("sync_catalog", "--watch", *words, stdout=self.out)
        return self.out.getvalue()


def test_it_looks_again_after_each_interval(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(monkeypatch, looks=3)
    printed = day.watch("--interval", "20")
    assert day.waits == [20, 20, 20]
    assert len(market.asked) == 6
    # only what is new
    assert printed == "1 services are listed. 1 new.\n"


def test_a_program_that_watches_gets_a_document_a_look(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [json.loads(line) for line in Day(monkeypatch, looks=3).watch("--json").splitlines()]
    assert [document["added"] for document in documents] == [1, 0, 0]


def test_it_goes_on_while_the_exchange_fails_and_asks_again_soon(
    market: Market, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    day = Day(monkeypatch, looks=4)
    market.failure = DOWN

    def come_back() -> None:
        market.failure = None if len(day.waits) == 3 else DOWN

    day.after = come_back
    assert day.watch("--interval", "300") == "1 services are listed. 1 new.\n"
    assert day.waits == [5, 10, 20, 300]


@pytest.mark.parametrize("error", [OperationalError("database is locked"), RuntimeError("a fault of ours")])
def test_it_goes_on_after_any_error_and_logs_it(
    error: Exception, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Day(monkeypatch, looks=2)
    logged: list[str] = []
    monkeypatch.setattr(mirror_watch.log, "exception", logged.append)
    outcomes = iter([error])

    def fail_once(**options: float) -> object:
        for failure in outcomes:
            raise failure
        return refresh(**options)  # type: ignore[arg-type]

    monkeypatch.setattr(sync_catalog, "refresh", fail_once)
    assert day.watch("--interval", "300") == "1 services are listed. 1 new.\n"
    assert day.waits == [5, 300]
    assert logged == ["catalogue_watch_failed"]


def test_another_process_at_work_is_no_failure_and_its_place_is_taken_if_it_died(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy()
    Mirror.objects.update(refreshed_at=None)
    day = Day(monkeypatch, looks=2)
    assert day.watch("--interval", "300") == ""
    # and not after the interval
    assert day.waits == [pytest.approx(LEASE.total_seconds() + 1, abs=10)] * 2
    assert Mirror.objects.get().failure == ""


def test_of_several_that_watch_one_asks(market: Market) -> None:
    watches = [mirror_watch.Watch(300) for _ in range(3)]
    done = [watch.look(refresh) for watch in watches]
    assert [refreshed is not None for _wait, refreshed in done] == [True, False, False]
    assert [wait for wait, _refreshed in done] == [pytest.approx(300, abs=10)] * 3
    asked = len(market.asked)
    with time_machine.travel(timezone.now() + timedelta(seconds=301)):
        done = [watch.look(refresh) for watch in reversed(watches)]
    assert [refreshed is not None for _wait, refreshed in done] == [True, False, False]
    assert len(market.asked) == 2 * asked


def test_what_another_could_not_fetch_is_left_in_peace_by_all(market: Market) -> None:
    refresh()
    watches = [mirror_watch.Watch(300) for _ in range(2)]
    for watch in watches:
        watch.look(refresh)
    market.failure = DOWN
    failed = []
    for seconds in (301, 310, 330):
        with time_machine.travel(timezone.now() + timedelta(seconds=seconds)):
            before = len(market.asked)
            waits = [watch.look(refresh)[0] for watch in watches]
            failed.append((len(market.asked) - before, *waits))
    first, then, at_last = failed
    assert first == (1, 5, pytest.approx(5, abs=2))
    assert then == (1, 10, pytest.approx(10, abs=2))
    assert at_last == (1, 20, pytest.approx(20, abs=2))


def test_who_comes_too_late_fetches_nothing(market: Market) -> None:
    refresh()
    seen = Mirror.objects.get()
    refresh()
    with pytest.raises(BusyError):
        refresh(since=seen)
    refresh(since=Mirror.objects.get())


def test_a_catalogue_that_shrank_is_kept_while_it_is_watched(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.services = [offering(number) for number in range(4)]
    refresh()
    market.services = []
    assert Day(monkeypatch, looks=2).watch() == ""
    assert Service.objects.filter(delisted_at=None).count() == 4


def test_a_503_is_a_failure_that_is_kept(market: Market) -> None:
    market.failure = ExchangeUnavailable("The Exchange is in trouble.")
    with pytest.raises(CommandError):
        call_command("sync_catalog")
    assert mirror_of(Mirror.objects.get().exchange).failure == "The Exchange is in trouble."


def environment(folder: Path, base_url: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "TOKLIGENCE_ENVIRONMENT": "test",
        "TOKLIGENCE_BASE_URL": base_url,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": f"sqlite:///{folder / 'gateway.sqlite3'}",
        "PYTHONUNBUFFERED": "1",
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_watches_stops_at_once_and_says_goodbye_with_0(
    number: signal.Signals, tmp_path: Path
) -> None:
    body = b'{"services": [], "providers": []}'
    with raw_server(lambda connection, _server: connection.sendall(http(200, body))) as server:
        env = environment(tmp_path, server.url)
        words = [sys.executable, "manage.py"]
        subprocess.run(
            [*words, "migrate", "--verbosity", "0"], cwd=REPOSITORY, env=env, check=True, timeout=120
        )
        with subprocess.Popen(
            [*words, "sync_catalog", "--watch", "--json", "--interval", "3600"],
            cwd=REPOSITORY,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                assert json.loads(process.stdout.readline())["listed"] == 0
                began = time.monotonic()
                process.send_signal(number)
                rest, errors = process.communicate(timeout=60)
                assert time.monotonic() - began < 30  # and not an hour
                assert (process.returncode, rest) == (0, "")
                assert "Traceback" not in errors
            finally:
                process.kill()


def test_without_an_exchange_it_ends_with_one_sentence(tmp_path: Path) -> None:
    env = environment(tmp_path, "http://127.0.0.1:1")
    words = [sys.executable, "manage.py"]
    subprocess.run([*words, "migrate", "--verbosity", "0"], cwd=REPOSITORY, env=env, check=True, timeout=120)
    began = time.monotonic()
    ended = subprocess.run(
        [*words, "sync_catalog"],
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    took = time.monotonic() - began
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "could not be reached" in ended.stderr or "runexchange" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert took < 20
