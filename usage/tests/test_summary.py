from __future__ import annotations

from dataclasses import asdict

import pytest

from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from exchange import ExchangeUnreachable
from usage.summary import usage_summary
from usage.tests.factories import make_snapshot, totals

pytestmark = pytest.mark.django_db


def test_until_there_is_a_ledger_the_exchanges_figures_are_the_only_ones(
    wire: Wire, account: ExchangeAccount
) -> None:
    wire.totals(totals(1500, 200, entry_count=9, ledger_hash="ab"))
    figures = {"consumed_tokens": 1500, "supplied_tokens": 200, "net_tokens": -1300, "entry_count": 9}
    assert asdict(usage_summary(account)) == {
        **figures,
        "head_hash": None,
        "exchange": {**figures, "ledger_hash": "ab"},
    }


def test_old_figures_are_never_given_as_new(wire: Wire, account: ExchangeAccount) -> None:
    make_snapshot(account=account, consumed=42)
    wire.is_down()
    with pytest.raises(ExchangeUnreachable):
        usage_summary(account)
