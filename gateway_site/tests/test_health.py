from __future__ import annotations

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings


def test_healthz_asks_nothing(client: Client) -> None:
    """Without the database mark: any query would fail this test."""
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_is_ready(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client.get("/readyz")
    # 1. whether the table of migrations is there; 2. which were applied
    with django_assert_num_queries(2):
        response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "database": "ok"})


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
