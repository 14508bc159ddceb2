"""Several requests that try one code at once, on connections of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest
from django.db import connection

from accounts.login_codes import CodeError, keep, redeem
from accounts.models import SignInCode

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def outcomes_of(count: int, attempt: Callable[[], str]) -> Counter[str]:
    """How so many threads fared that began together: the answer, or the name of the error."""
    outcomes: list[str] = []
    together = Barrier(count)

    def run() -> None:
        try:
            together.wait(timeout=30)
            outcomes.append(attempt())
        except CodeError as error:
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(outcomes) == count, outcomes
    return Counter(outcomes)


def test_only_one_of_several_wins_with_the_right_code() -> None:
    keep("ada@example.com", "browser", "407182", NOW)
    outcomes = outcomes_of(5, lambda: redeem("browser", "407182", NOW))
    assert outcomes == {"ada@example.com": 1, "SpentCodeError": 4}


def test_no_more_than_five_wrong_guesses_are_compared() -> None:
    keep("ada@example.com", "browser", "407182", NOW)
    outcomes = outcomes_of(12, lambda: redeem("browser", "000000", NOW))
    assert outcomes == {"WrongCodeError": 5, "SpentCodeError": 7}
    assert SignInCode.objects.get().tries == 5
