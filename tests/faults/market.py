"""The Exchange's side: what it has counted, asked of the Exchange itself, behaving."""

from __future__ import annotations

import re
import time
from collections import Counter

from exchange import ExchangeClient, StatementEntry
from tests.exchange_process import ExchangeProcess


def statement_of(exchange: ExchangeProcess, user_id: int) -> list[StatementEntry]:
    """Everything that it counted for the account, in order.

    Its books are complete even while it shows the core alone: it is told to behave, so that it shows them.
    """
    exchange.behave()
    with ExchangeClient(exchange.base_url) as client:
        return list(client.iter_statement(user_id, limit=1000))


def times_counted(exchange: ExchangeProcess, user_id: int) -> Counter[str]:
    """How often each memo was counted."""
    return Counter(line.memo for line in statement_of(exchange, user_id))


def wait_for_its_log(exchange: ExchangeProcess) -> None:
    """Until nothing is being added to its access log: a line is written after its answer was sent."""
    before = -1
    while (now := exchange.output.stat().st_size) != before:
        before = now
        time.sleep(0.3)


def reports_received(exchange: ExchangeProcess) -> Counter[str]:
    """How many reports of usage it has answered since it was started, by status and by its access log
    (``-v 2``).

    Those that it turned away by a rate limit are not among them: such a one may be sent again.
    """
    answers = Counter(_answers(exchange, "POST", "/usage"))
    del answers["429"]
    return answers


def catalogues_fetched(exchange: ExchangeProcess) -> int:
    """How often somebody asked for its list of services, by its access log."""
    return len(_answers(exchange, "GET", "/services"))


def _answers(exchange: ExchangeProcess, method: str, path: str) -> list[str]:
    """The status of each answer to such a request, as its access log has it."""
    line = rf'"method": "{method}", "path": "{path}", "status": (\d+)'
    return re.findall(line, exchange.output.read_text())
