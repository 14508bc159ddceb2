from __future__ import annotations

import pytest
from django.core.management import CommandError

from accounts.models import ExchangeAccount
from catalog.tests.commands import document_of, text_of
from catalog.tests.wire import Wire
from usage.tests.factories import make_snapshot, totals

pytestmark = pytest.mark.django_db


def test_it_prints_the_figures_one_under_the_other(wire: Wire, acting: ExchangeAccount) -> None:
    wire.totals(totals(1_234_567, 1500))
    assert text_of("usage_summary") == (
        "Consumed   1,234,567 tokens\n"
        "Supplied       1,500 tokens\n"
        "Net       −1,233,067 tokens\n"
    )  # fmt: skip


def test_its_document_has_our_figures_and_the_exchanges(wire: Wire, acting: ExchangeAccount) -> None:
    wire.totals(totals(1500, 200, entry_count=9, ledger_hash="ab"))
    figures = {"consumed_tokens": 1500, "supplied_tokens": 200, "net_tokens": -1300, "entry_count": 9}
    assert document_of("usage_summary") == {
        **figures,
        "head_hash": None,
        "exchange": {**figures, "ledger_hash": "ab"},
    }


def test_a_core_exchange_tells_neither_count_nor_hash(wire: Wire, acting: ExchangeAccount) -> None:
    wire.totals(totals())
    document = document_of("usage_summary")
    assert document["entry_count"] is None
    assert (document["exchange"]["entry_count"], document["exchange"]["ledger_hash"]) == (None, None)


def test_without_the_exchange_it_fails_instead_of_showing_old_figures(
    wire: Wire, acting: ExchangeAccount
) -> None:
    make_snapshot(account=acting, consumed=42)
    wire.is_down()
    with pytest.raises(CommandError, match="runexchange") as failed:
        text_of("usage_summary")
    assert failed.value.returncode == 1
