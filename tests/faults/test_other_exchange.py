from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange_process import ExchangeProcess, running_exchange
from tests.faults.conftest import Join
from tests.faults.market import statement_of
from tests.faults.rounds import check_books, check_counted_once, record


@pytest.fixture
def other(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """Another Exchange, with books of its own."""
    folder = tmp_path / "other-market"
    folder.mkdir()
    with running_exchange(folder) as process:
        yield process


def test_what_was_recorded_for_one_exchange_never_reaches_another(
    join: Join, exchange: ExchangeProcess, other: ExchangeProcess
) -> None:
    # one database; the configuration's base_url is the one, then the other, then the one again
    here = join(exchange)
    for_here = record(here, 20)
    there = join(other)
    for_there = record(there, 10)

    assert there.site.document("deliver_all")["pending"] == 0
    check_counted_once(other, there, check_books(there, for_there))
    assert statement_of(exchange, here.user_id) == []
    assert {entry["state"] for entry in check_books(here, for_here)} == {"pending"}

    assert here.site.document("deliver_all")["pending"] == 0
    check_counted_once(exchange, here, check_books(here, for_here))
    check_counted_once(other, there, check_books(there, for_there))
