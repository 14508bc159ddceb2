from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import ExchangeAccount
from usage.factories import make_entries, make_entry
from usage.models import DeliveryQueue

NOTHING_WAITS = {
    "pending": 0,
    "sending": 0,
    "uncertain": 0,
    "rejected": 0,
    "oldest_pending_at": None,
    "lag_seconds": 0,
    "worker_alive": False,
    "worker_seen_at": None,
    "paused_until": None,
}


def test_healthz_asks_nothing(client: Client) -> None:
    """Without the database mark: any query would fail this test."""
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_is_ready(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client.get("/readyz")
    # 1. whether the table of migrations is there; 2. which were applied; 3. the Exchange, not used yet
    with django_assert_num_queries(3):
        response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "delivery": NOTHING_WAITS}


@pytest.mark.django_db
def test_readyz_tells_how_delivery_stands_and_is_ready_all_the_same(
    client: Client, account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_entries(account, 5)
    make_entry(account=account, state="rejected")
    DeliveryQueue.objects.filter(exchange=account.exchange).update(
        failure=f"{account.user.email} is unknown",
        failures=3,
        paused_until=timezone.now() + timedelta(minutes=4),
    )
    # 1., 2. migrations; 3. the Exchange; 4. tallies; 5.-7. what waits longest; 8. refused accounts;
    # 9. the queue
    with django_assert_num_queries(9):
        response = client.get("/readyz")
    assert response.status_code == 200
    delivery = response.json()["delivery"]
    assert (delivery["pending"], delivery["rejected"], delivery["worker_alive"]) == (5, 1, False)
    assert delivery["oldest_pending_at"] is not None
    assert delivery["paused_until"] is not None
    assert "@" not in response.content.decode()


@pytest.mark.django_db
def test_readyz_misses_a_migration(client: Client) -> None:
    MigrationRecorder.Migration.objects.filter(app="usage").latest("id").delete()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "database": "migrations are missing"}


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, DatabaseError])
@pytest.mark.django_db
def test_readyz_has_no_database(
    error: type[Exception], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error("could not connect to db.example as ada: password hunter2 is wrong")

    monkeypatch.setattr(connection, "cursor", fail)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "database": "unreachable"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.django_db
def test_no_session_is_asked_for_or_begun(path: str, client: Client) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(path)
    assert not [query for query in queries if "session" in query["sql"]]
    assert not response.cookies
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_nothing_can_be_posted(path: str, client: Client) -> None:
    assert client.post(path).status_code == 405


def test_a_balancer_that_speaks_plain_http_is_answered_in_live(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/healthz").status_code == 200
    assert Client().get("/accounts/login/").status_code == 301
