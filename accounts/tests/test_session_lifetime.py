"""A session ends when it rests for a fortnight, and thirty days after its sign-in however much it is used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from accounts.models import Session, User
from accounts.sessions import LONGEST
from accounts.tests.helpers import is_signed_in, sign_in
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def used_until(client: Client, end: datetime, clock: time_machine.Coordinates) -> bool:
    """Whether a browser that is used every day is still signed in then."""
    now = BEGAN
    while now < end:
        now = min(now + timedelta(days=1), end)
        clock.move_to(now)
        alive = is_signed_in(client)
    return alive


@pytest.mark.parametrize(("after", "alive"), [(timedelta(seconds=-2), True), (timedelta(seconds=1), False)])
def test_one_in_daily_use_ends_thirty_days_after_its_sign_in(
    after: timedelta, alive: bool, client: Client, desk: Desk
) -> None:
    with time_machine.travel(BEGAN, tick=False) as clock:
        sign_in(client)
        assert used_until(client, BEGAN + LONGEST + after, clock) is alive


def test_signing_in_again_begins_another_thirty_days(client: Client, desk: Desk) -> None:
    with time_machine.travel(BEGAN, tick=False) as clock:
        sign_in(client)
        assert not used_until(client, BEGAN + LONGEST + timedelta(seconds=1), clock)
        sign_in(client)
        clock.shift(timedelta(days=10))
        assert is_signed_in(client)
        assert Session.objects.get(user=User.objects.get()).expire_date > BEGAN + LONGEST + timedelta(days=10)
