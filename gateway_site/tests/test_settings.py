"""The settings as a process of its own has them, by what is configured."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from gateway_site.tests.project import KEY, Project

LIVE = {
    "TOKLIGENCE_ENVIRONMENT": "live",
    "TOKLIGENCE_BASE_URL": "https://exchange.example.com",
    "SECRET_KEY": KEY,
    "ALLOWED_HOSTS": "gateway.example.com, www.example.com",
    "EMAIL_URL": "smtp+tls://ada:pass%2Fword@mail.example.com/?from=gateway@example.com",
    "TRUSTED_PROXIES": "10.0.0.0/8",
}


def settings_of(project: Project, *names: str, **variables: str) -> dict[str, Any]:
    """These settings of a process that has these variables."""
    code = (
        "import json, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'gateway_site.settings'; "
        f"from django.conf import settings; names = {names!r}; "
        "print(json.dumps({name: getattr(settings, name) for name in names}, default=str))"
    )
    ended = project.python(code, **variables)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_live_is_safe(project: Project) -> None:
    wanted = {
        "DEBUG": False,
        "LIVE": True,
        "ALLOWED_HOSTS": ["gateway.example.com", "www.example.com"],
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_SECURE": True,
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SAMESITE": "Lax",
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
        "SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"],
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "X_FRAME_OPTIONS": "DENY",
        "EMAIL_BACKEND": "gateway_site.metrics.mails.EmailBackend",
        "SESSION_COOKIE_NAME": "__Host-tgw_session",
        "CSRF_COOKIE_NAME": "__Host-tgw_csrf",
        "SESSION_COOKIE_PATH": "/",
        "SESSION_COOKIE_DOMAIN": None,
        "CSRF_COOKIE_PATH": "/",
        "CSRF_COOKIE_DOMAIN": None,
        "EMAIL_HOST": "mail.example.com",
        "EMAIL_PORT": 587,
        "EMAIL_USE_TLS": True,
        "EMAIL_USE_SSL": False,
        "EMAIL_HOST_USER": "ada",
        "EMAIL_HOST_PASSWORD": "pass/word",
        "EMAIL_ON_TERMINAL": False,
        "DEFAULT_FROM_EMAIL": "gateway@example.com",
    }
    assert settings_of(project, *wanted, **LIVE) == wanted


def test_development_works_without_https_and_shows_mail_on_the_terminal(project: Project) -> None:
    wanted = {
        "DEBUG": False,
        "LIVE": False,
        "ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"],
        "SESSION_COOKIE_NAME": "tgw_session",
        "CSRF_COOKIE_NAME": "tgw_csrf",
        "SESSION_COOKIE_SECURE": False,
        "CSRF_COOKIE_SECURE": False,
        "SECURE_SSL_REDIRECT": False,
        "SECURE_HSTS_SECONDS": 0,
        "SECURE_PROXY_SSL_HEADER": None,
        "EMAIL_BACKEND": "gateway_site.mail.EmailBackend",
        "EMAIL_ON_TERMINAL": True,
        "DEFAULT_FROM_EMAIL": "dev@example.com",
    }
    assert settings_of(project, *wanted) == wanted


def test_live_answers_for_no_host_by_default(project: Project) -> None:
    assert settings_of(project, "ALLOWED_HOSTS", TOKLIGENCE_ENVIRONMENT="live") == {"ALLOWED_HOSTS": []}


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp://mail.example.com", 25, False, False),
        ("smtp+tls://mail.example.com", 587, True, False),
        ("smtp+ssl://mail.example.com", 465, False, True),
        ("smtp+tls://mail.example.com:2525", 2525, True, False),
    ],
)
def test_the_port_of_the_mail_server_follows_from_how_it_is_spoken_to(
    url: str, port: int, tls: bool, ssl: bool, project: Project
) -> None:
    wanted = {"EMAIL_PORT": port, "EMAIL_USE_TLS": tls, "EMAIL_USE_SSL": ssl}
    assert settings_of(project, *wanted, EMAIL_URL=url) == wanted


def test_secrets_can_be_files(project: Project) -> None:
    key = project.write("secrets/key", f"{KEY}\n")
    url = project.write(
        "secrets/database", "postgres://ada:s%2Fecret@db.example:6543/gateway?sslmode=require\n"
    )
    found = settings_of(
        project,
        "SECRET_KEY",
        "DATABASES",
        "SECRET_FILES",
        SECRET_KEY_FILE=str(key),
        DATABASE_URL_FILE=str(url),
    )
    database = found["DATABASES"]["default"]
    assert found["SECRET_KEY"] == KEY
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["USER"], database["PASSWORD"]) == ("ada", "s/ecret")
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example", 6543, "gateway")
    assert database["OPTIONS"]["sslmode"] == "require"
    assert found["SECRET_FILES"] == {"SECRET_KEY_FILE": str(key), "DATABASE_URL_FILE": str(url)}
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (60, True)


def test_keys_before_this_one_are_a_list_and_a_token_is_stripped(project: Project) -> None:
    found = settings_of(
        project,
        "SECRET_KEY_FALLBACKS",
        "METRICS_TOKEN",
        SECRET_KEY_FALLBACKS="one, two,",
        METRICS_TOKEN=" t ",
    )
    assert found == {"SECRET_KEY_FALLBACKS": ["one", "two"], "METRICS_TOKEN": "t"}
    assert settings_of(project, "SECRET_KEY_FALLBACKS", "METRICS_TOKEN") == {
        "SECRET_KEY_FALLBACKS": [],
        "METRICS_TOKEN": "",
    }


def test_redis_is_asked_by_a_cache_that_may_fail(project: Project) -> None:
    found = settings_of(project, "CACHES", CACHE_URL="rediss://:pw@cache.example:6379/0?socket_timeout=3")
    assert found["CACHES"]["default"] == {
        "BACKEND": "gateway_site.cache.RedisCache",
        "LOCATION": "rediss://:pw@cache.example:6379/0",
        "OPTIONS": {"socket_timeout": 3},
    }


def test_how_long_a_connection_is_kept_can_be_chosen(project: Project) -> None:
    found = settings_of(project, "DATABASES", DATABASE_URL="postgres://db.example/gateway?conn_max_age=0")
    assert found["DATABASES"]["default"]["CONN_MAX_AGE"] == 0


def test_sqlite_is_the_default_and_its_folder_is_made(project: Project) -> None:
    found = settings_of(project, "DATABASES")["DATABASES"]["default"]
    assert found["NAME"] == str(project.root / "var" / "gateway.sqlite3")
    assert (project.root / "var").is_dir()


def test_the_log_file_of_a_relative_path_is_in_the_project(project: Project) -> None:
    found = settings_of(project, "LOG_FILE", TOKLIGENCE_LOG_FILE="logs/gateway.log")
    assert found["LOG_FILE"] == str(project.root / "logs" / "gateway.log")
    assert (project.root / "logs" / "gateway.log").exists()


def test_what_the_site_writes_is_for_its_owner_alone(project: Project) -> None:
    settings_of(project, "LOG_FILE", TOKLIGENCE_LOG_FILE="var/gateway.log")
    made = [project.root / "var", project.root / "var/gateway.sqlite3", project.root / "var/gateway.log"]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700, 0o600, 0o600]


def test_dotenv_counts_in_development_alone(project: Project) -> None:
    project.write(".env", f"SECRET_KEY={KEY}\nDEBUG=true\nTOKLIGENCE_DISPLAY_NAME=Of dotenv\n")
    in_dev = settings_of(project, "SECRET_KEY", "DEBUG", "TOKLIGENCE")
    assert (in_dev["SECRET_KEY"], in_dev["DEBUG"]) == (KEY, True)
    assert "display_name='Of dotenv'" in in_dev["TOKLIGENCE"]
    in_test = settings_of(project, "DEBUG", "TOKLIGENCE", TOKLIGENCE_ENVIRONMENT="test")
    assert in_test["DEBUG"] is False
    assert "Of dotenv" not in in_test["TOKLIGENCE"]


sqlite_only = pytest.mark.skipif(
    "sqlite" not in settings.DATABASES["default"]["ENGINE"], reason="this run is on another database"
)


@sqlite_only
@pytest.mark.django_db
def test_sqlite_writes_ahead_and_reaches_the_disk() -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert cursor.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert cursor.execute("PRAGMA foreign_keys").fetchone() == (1,)


@sqlite_only
@pytest.mark.django_db(transaction=True)
def test_a_transaction_is_the_only_writer_from_its_first_moment() -> None:
    other = sqlite3.connect(connection.settings_dict["NAME"], timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
        with transaction.atomic(), pytest.raises(sqlite3.OperationalError, match="database is locked"):
            other.execute("BEGIN IMMEDIATE")
    finally:
        other.close()


@sqlite_only
@pytest.mark.django_db(transaction=True)
def test_a_reader_does_not_wait_for_the_writer() -> None:
    other = sqlite3.connect(connection.settings_dict["NAME"], timeout=0, isolation_level=None)
    try:
        with transaction.atomic():
            assert other.execute("SELECT count(*) FROM django_migrations").fetchone()[0] > 0
    finally:
        other.close()


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_the_test_run_has_nothing_of_this_machine() -> None:
    assert settings.TOKLIGENCE.environment == "test"
    assert settings.DEBUG is False
    assert Path(settings.BASE_DIR).is_dir()
