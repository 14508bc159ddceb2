"""The scripts in deploy/: secrets, the health check of a container, and backups that can be put back."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy import backup, healthcheck
from deploy.make_secrets import keep, make_secrets
from tests.exchange_process import ExchangeProcess, running_exchange
from tests.ports import free_port
from tests.site_process import REPOSITORY, site_environment

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


# --- secrets


def test_secrets_are_made_once_and_fit_together(tmp_path: Path) -> None:
    make_secrets(tmp_path / "s", database="db:5432", cache="cache:6379")
    before = {path.name: path.read_text() for path in (tmp_path / "s").iterdir()}
    make_secrets(tmp_path / "s", database="db:5432", cache="cache:6379")
    assert {path.name: path.read_text() for path in (tmp_path / "s").iterdir()} == before
    assert f":{before['postgres_password']}@db:5432/gateway" in before["database_url"]
    assert f">{before['redis_password']} " in before["redis.acl"]
    assert f":{before['redis_password']}@cache:6379/" in before["cache_url"]
    assert len(before["secret_key"]) >= 50
    assert before["email_url"] == ""


def test_no_two_deployments_share_a_secret(tmp_path: Path) -> None:
    for name in "ab":
        make_secrets(tmp_path / name, database="db:5432", cache="cache:6379")
    for file in ("secret_key", "metrics_token", "postgres_password", "redis_password"):
        assert (tmp_path / "a" / file).read_text() != (tmp_path / "b" / file).read_text()


def test_secrets_are_for_one_group_and_their_folder_for_one_user(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_secrets(tmp_path / "s", database="db:5432", cache="cache:6379", group=os.getgid())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "s").iterdir()}
    assert {name for name, mode in modes.items() if mode & 0o007} == {"postgres_password", "redis.acl"}


def test_without_database_and_cache_nothing_is_invented(tmp_path: Path) -> None:
    make_secrets(tmp_path, database="", cache="")
    assert (tmp_path / "database_url").read_text() == (tmp_path / "cache_url").read_text() == ""
    assert not (tmp_path / "postgres_password").exists()


def test_what_another_has_written_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("theirs")
    assert keep(tmp_path / "x", "ours") == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_redis_lets_in_who_has_the_password_and_others_may_only_ping(tmp_path: Path) -> None:
    port = free_port()
    make_secrets(tmp_path, database="", cache=f"127.0.0.1:{port}")
    words = ["redis-server", "--port", str(port), "--aclfile", str(tmp_path / "redis.acl"), "--save", ""]
    with subprocess.Popen([*words, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL) as server:
        try:
            redis = pytest.importorskip("redis")
            from redis.backoff import ConstantBackoff
            from redis.retry import Retry

            patient = Retry(ConstantBackoff(0.1), 50)
            stranger = redis.Redis(port=port, retry=patient)
            assert stranger.ping()
            with pytest.raises(redis.exceptions.NoPermissionError):
                stranger.set("x", "1")
            site = redis.Redis.from_url((tmp_path / "cache_url").read_text())
            assert site.set("x", "1", ex=10)
            assert site.incr("x") == 2
            with pytest.raises(redis.exceptions.NoPermissionError):
                site.config_get("*")
            stranger.close()
            site.close()
        finally:
            server.terminate()


# --- is it there


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.headers["Host"] == "gateway.example.com" and self.path == "/healthz"
        self.send_response(200 if known else 400)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("hosts", ["gateway.example.com", ".gateway.example.com, other.example.com"])
def test_it_asks_in_the_name_of_a_host_that_the_site_knows(answering: int, hosts: str) -> None:
    assert healthcheck.answers({"WEB_ADDRESS": f"0.0.0.0:{answering}", "ALLOWED_HOSTS": hosts})


def test_a_refusal_and_a_silence_are_no_health(answering: int) -> None:
    assert not healthcheck.answers({"WEB_ADDRESS": f"127.0.0.1:{answering}"})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert not healthcheck.answers({"WEB_ADDRESS": f"127.0.0.1:{probe.getsockname()[1]}"})
    assert not healthcheck.answers({"WEB_ADDRESS": "nonsense"})


def test_the_name_may_stand_in_a_file(answering: int, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("gateway.example.com\n")
    told = {"WEB_ADDRESS": f"127.0.0.1:{answering}", "ALLOWED_HOSTS_FILE": str(tmp_path / "hosts")}
    assert healthcheck.answers(told)


def test_a_unix_socket_can_be_asked(tmp_path: Path) -> None:
    class UnixServer(HTTPServer):
        address_family = socket.AF_UNIX

        def server_bind(self) -> None:
            self.socket.bind(self.server_address)  # type: ignore[arg-type]  # a path, not a pair

        def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
            return self.socket.accept()[0], ("", 0)

    with UnixServer(str(tmp_path / "s"), _Answers) as server:  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        told = {"WEB_ADDRESS": f"unix:{tmp_path / 's'}", "ALLOWED_HOSTS": "gateway.example.com"}
        assert healthcheck.answers(told)
        server.shutdown()


def test_another_address_can_be_asked(sandbox: ExchangeProcess) -> None:
    """As the compose file does for the sandbox."""
    assert healthcheck.answers({}, f"{sandbox.base_url}/_control/health")
    assert not healthcheck.answers({}, f"{sandbox.base_url}/nothing-here")


# --- backups


def filled(path: Path, rows: int = 3) -> Path:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE t (x)")
        database.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(rows)])
        database.commit()
    return path


def test_a_copy_is_whole_and_of_one_instant_while_somebody_writes(tmp_path: Path) -> None:
    source = filled(tmp_path / "a.sqlite3")
    with closing(sqlite3.connect(source)) as writer:
        writer.execute("INSERT INTO t VALUES (99)")  # not committed
        file = backup.back_up(f"sqlite:///{source}", tmp_path / "b", NOW)
        writer.commit()
    with closing(sqlite3.connect(file)) as copy:
        assert copy.execute("SELECT count(*) FROM t").fetchone() == (3,)
    assert file.name == "gateway-20260301T023000Z.sqlite3"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "b").iterdir()] == [file.name]


def test_what_cannot_be_copied_leaves_nothing_that_looks_like_a_backup(tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    for url in (f"sqlite:///{tmp_path / 'broken'}", f"sqlite:///{tmp_path / 'none'}", "mysql://u:secret@h/d"):
        with pytest.raises(backup.CannotBackUp) as refused:
            backup.back_up(url, tmp_path / "b", NOW)
        assert "secret" not in str(refused.value)
    assert not list((tmp_path / "b").iterdir())


def test_only_the_newest_stay(tmp_path: Path) -> None:
    for hour in range(4):
        (tmp_path / f"gateway-20260301T0{hour}0000Z.dump").touch()
    (tmp_path / "heads.jsonl").touch()
    backup.prune(tmp_path, 2)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["gateway-20260301T020000Z.dump", "gateway-20260301T030000Z.dump", "heads.jsonl"]
    backup.prune(tmp_path, 0)
    assert len(list(tmp_path.iterdir())) == 3


def test_the_password_is_not_on_a_command_line() -> None:
    given = backup.postgres_environment("postgres://gate%40way:p%3Aw@db:5433/books?sslmode=require")
    assert given == {
        "PGHOST": "db",
        "PGPORT": "5433",
        "PGUSER": "gate@way",
        "PGPASSWORD": "p:w",
        "PGDATABASE": "books",
        "PGSSLMODE": "require",
    }
    assert backup.postgres_environment("postgres:///gateway?host=/run/postgresql") == {
        "PGHOST": "/run/postgresql",
        "PGDATABASE": "gateway",
    }


@pytest.mark.skipif(
    not os.environ.get("TEST_DATABASE_URL", "").startswith("postgres") or shutil.which("pg_dump") is None,
    reason="needs pg_dump, and PostgreSQL in TEST_DATABASE_URL",
)
def test_a_dump_of_postgresql_can_be_read(tmp_path: Path) -> None:
    file = backup.back_up(os.environ["TEST_DATABASE_URL"], tmp_path, NOW)
    listed = subprocess.run(["pg_restore", "--list", file], capture_output=True, text=True, check=True)
    assert "Format: CUSTOM" in listed.stdout


@pytest.fixture
def counts_twice(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """An Exchange that has a market and never proves that it counts a repeated report once."""
    with running_exchange(tmp_path, "--core-only", "--seed") as process:
        yield process


@pytest.mark.own_database
def test_a_restored_book_holds_and_what_waited_is_not_sent_twice(
    counts_twice: ExchangeProcess, tmp_path: Path
) -> None:
    """docs/deploy.md, "Restore", at an Exchange where a second report would count."""
    environ = site_environment(tmp_path, counts_twice.base_url) | {
        "TOKLIGENCE_HEAD_LOG": str(tmp_path / "heads.jsonl"),
        "TOKLIGENCE_LOG_LEVEL": "ERROR",
    }

    def run(*words: str | Path) -> str:
        command = [sys.executable, *words]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def manage(*words: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(run("manage.py", *words, "--json"))
        return document

    run("manage.py", "migrate", "--verbosity", "0")
    manage("bootstrap")
    counts_twice.control(rate_limit_share=1)  # certainly not counted, so it waits
    entry = ("--service-id", "1", "--prompt-tokens", "100", "--completion-tokens", "10")
    assert manage("record_usage", *entry)["delivery"] == "pending"
    counts_twice.behave()
    run("deploy/backup.py", tmp_path / "saved")

    time.sleep(1.2)  # its Retry-After
    assert manage("sync_usage", "--once")["delivered"] == 1

    # the backup in the place of the database, as the document says
    (copy,) = (tmp_path / "saved").glob("gateway-*.sqlite3")
    for end in ("-wal", "-shm"):
        (tmp_path / f"gateway.sqlite3{end}").unlink(missing_ok=True)
    shutil.copyfile(copy, tmp_path / "gateway.sqlite3")
    assert manage("sync_usage", "--after-restore") == {"uncertain": 1}
    assert manage("verify_ledger", "--offline")["ok"] is True
