"""What a connection brings: limits for who answers requests, none for who works long."""

from __future__ import annotations

from typing import Any

import environ
import psycopg
import pytest
from django.conf import settings
from django.db import connection

from gateway_site import databases

URL = "postgres://ada:secret@db.example:6543/gateway"
LIMITS = "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"


def completed(url: str, **variables: str) -> dict[str, Any]:
    return databases.completed(environ.Env.db_url_config(url), variables)


def test_a_command_may_take_as_long_as_it_takes_but_notices_a_server_that_is_gone() -> None:
    assert completed(URL)["OPTIONS"] == {
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }


def test_a_web_process_has_limits() -> None:
    assert completed(URL, GATEWAY_WEB="1")["OPTIONS"]["options"] == LIMITS


def test_what_the_url_says_comes_first() -> None:
    found = completed(
        f"{URL}?connect_timeout=2&options=-c%20statement_timeout%3D0&conn_max_age=0", GATEWAY_WEB="1"
    )
    assert found["OPTIONS"]["connect_timeout"] == 2
    # the last that is said of one thing counts
    assert found["OPTIONS"]["options"] == f"{LIMITS} -c statement_timeout=0"
    assert (found["CONN_MAX_AGE"], found["CONN_HEALTH_CHECKS"]) == (0, True)
    assert "keepalives_idle" in found["OPTIONS"]


def test_a_file_has_the_same_options_everywhere() -> None:
    found = completed("sqlite:////srv/gateway.sqlite3", GATEWAY_WEB="1")
    assert found["OPTIONS"] == databases.SQLITE_OPTIONS


@pytest.mark.django_db
@pytest.mark.skipif(
    not settings.DATABASES["default"]["ENGINE"].endswith("postgresql"),
    reason="this run is on another database",
)
def test_the_server_takes_them_and_a_statement_is_ended_by_it() -> None:
    of = connection.settings_dict
    url = f"postgres://x/{of['NAME']}?options=-c%20statement_timeout%3D50"
    options = completed(url, GATEWAY_WEB="1")["OPTIONS"]
    with psycopg.connect(
        dbname=of["NAME"],
        user=of["USER"],
        password=of["PASSWORD"] or None,
        host=of["HOST"],
        port=of["PORT"],
        **options,
    ) as own:
        shown = {name: own.execute(f"SHOW {name}").fetchone() for name in databases.WEB_LIMITS}
        assert shown == {
            "statement_timeout": ("50ms",),
            "lock_timeout": ("10s",),
            "idle_in_transaction_session_timeout": ("1min",),
        }
        with pytest.raises(psycopg.errors.QueryCanceled) as caught:
            own.execute("SELECT pg_sleep(5)")
    # what Django makes of it is answered by 503
    assert issubclass(type(caught.value), psycopg.OperationalError)
