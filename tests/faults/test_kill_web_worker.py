from __future__ import annotations

import time
from random import Random

import pytest

from tests.faults.rounds import check_books, check_verified
from tests.faults.site import Trader
from tests.faults.web import Clients, running_web

CLIENTS = 8
BETWEEN = 12
"""Entries that are answered for between two kills: those who died have work again."""
ROUNDS = pytest.mark.parametrize("rounds", [10, pytest.param(50, marks=pytest.mark.long)])


@ROUNDS
def test_what_was_answered_with_201_is_there_once_whenever_web_workers_die(
    trader: Trader, dice: Random, rounds: int
) -> None:
    secret = trader.site.document("make_key")["secret"]
    with running_web(trader) as web:
        clients = Clients(web.address, secret, trader.service_id)
        with clients.at_work(CLIENTS):
            for _ in range(rounds):
                clients.wait_for_answers(BETWEEN)
                time.sleep(dice.uniform(0, 0.2))
                web.kill(dice.choice(web.workers()))
            clients.wait_for_answers(BETWEEN)
    told = dict(clients.statuses)
    assert clients.wrong == [], told
    assert clients.lost >= rounds / 2, "the kills hit nobody at work"
    assert len(clients.promises.answered) >= rounds * BETWEEN

    # every id was sent until it was answered: what is there is just that, each once
    check_books(trader, clients.promises)
    check_verified(trader)
