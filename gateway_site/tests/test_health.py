from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Exchange, ExchangeAccount, SignInAttempt
from catalog.models import Mirror
from gateway_site import health
from gateway_site.metrics import listening
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


@pytest.fixture(autouse=True)
def _no_call_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of this process have asked an Exchange."""
    monkeypatch.setattr(listening.last_call, "kind", None)
    monkeypatch.setattr(listening.last_call, "breaker", None)


def test_healthz_asks_nothing(client: Client) -> None:
    """Without the database mark: any query would fail this test."""
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_is_ready(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client.get("/readyz")
    # 1. which migrations were applied; 2. the Exchange, not used yet; 3. the last mail
    with django_assert_num_queries(3):
        response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "database": "ok",
        "delivery": NOTHING_WAITS,
        "exchange": {
            "state": "unknown",
            "reached_at": None,
            "failed_at": None,
            "breaker": "closed",
            "last_outcome": None,
        },
        "catalogue": {"refreshed_at": None, "age_seconds": None},
        "mail": {"server": False, "last_outcome": None, "last_at": None},
    }


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
    # 1. migrations; 2. the Exchange; 3. tallies; 4.-6. what waits longest; 7. refused accounts; 8. the queue;
    # 9. the catalogue; 10. the last mail
    with django_assert_num_queries(10):
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


@pytest.mark.django_db
def test_what_code_of_before_does_not_know_is_no_obstacle(client: Client) -> None:
    """While one process after the other is exchanged, the old ones meet a database that is ahead."""
    MigrationRecorder.Migration.objects.create(app="usage", name="9999_of_tomorrow")
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_migrations_are_read_from_the_disk_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.get("/readyz")

    def load(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(health, "MigrationLoader", load)
    assert client.get("/readyz").status_code == 200


def test_what_a_squashed_migration_replaces_stands_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = (("usage", "0001_initial"), ("usage", "0002_ledger"))
    monkeypatch.setattr(health, "_on_disk", lambda: ((("usage", "0001_squashed"), parts),))
    monkeypatch.setattr(health, "_applied", lambda: list(parts))
    assert health.missing_migrations() == []
    monkeypatch.setattr(health, "_applied", lambda: list(parts[:1]))
    assert health.missing_migrations() == ["usage.0001_squashed"]


@pytest.mark.django_db(transaction=True)
def test_an_empty_database_misses_every_migration(client: Client) -> None:
    table = MigrationRecorder.Migration._meta.db_table
    with connection.schema_editor() as editor:
        editor.execute(f"ALTER TABLE {table} RENAME TO hidden")
    try:
        response = client.get("/readyz")
    finally:
        with connection.schema_editor() as editor:
            editor.execute(f"ALTER TABLE hidden RENAME TO {table}")
    assert (response.status_code, response.json()["database"]) == (503, "migrations are missing")


@pytest.mark.django_db
def test_how_exchange_catalogue_and_mail_do_is_told_and_no_obstacle(
    client: Client, account: ExchangeAccount, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "gateway_site.metrics.mails.EmailBackend"
    now = timezone.now()
    Exchange.objects.update(
        reached_at=now - timedelta(hours=1), failed_at=now, failure="secret.example said no"
    )
    Mirror.objects.create(exchange=account.exchange, refreshed_at=now - timedelta(minutes=5))
    for minutes, outcome in ((1, "wrong"), (2, "mail_failed"), (3, "sent")):
        SignInAttempt.objects.create(
            at=now - timedelta(minutes=minutes), email="eve@example.com", network="192.0.2.1", outcome=outcome
        )
    response = client.get("/readyz")
    assert response.status_code == 200
    told = response.json()
    assert told["exchange"]["state"] == "unreachable"
    assert 300 <= told["catalogue"]["age_seconds"] < 330
    assert (told["mail"]["server"], told["mail"]["last_outcome"]) == (True, "failed")
    assert not [
        secret for secret in ("eve@", "192.0.2.1", "secret.example") if secret in response.content.decode()
    ]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.django_db
def test_who_asks_by_address_is_answered(path: str, client: Client) -> None:
    """A balancer and a container's health check name no host of ALLOWED_HOSTS."""
    response = client.get(path, headers={"host": "10.1.2.3:8000"})
    assert response.status_code == 200
    assert response["X-Content-Type-Options"] == "nosniff"
    assert client.get("/accounts/login/", headers={"host": "10.1.2.3:8000"}).status_code == 400


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
