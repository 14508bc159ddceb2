"""What ``check --deploy`` and ``doctor`` look for in a deployment as a whole; each check names one thing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import checks as django_checks
from django.core.checks import CheckMessage, run_checks
from django.test import override_settings

from gateway_site import checks
from gateway_site.checks.words import is_this_machine
from gateway_site.tests import test_checks

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "checks.md"
ROOM = Path(settings.BASE_DIR) / "gateway_site" / "checks"
CONFIG = replace(test_checks.LIVE["TOKLIGENCE"], admin_email="ada@example.com", log_level="INFO")  # type: ignore[type-var]
POSTGRESQL = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": "db.example.com",
    "NAME": "gateway",
    "OPTIONS": {"sslmode": "verify-full"},
}
LIVE: dict[str, Any] = test_checks.LIVE | {
    "TOKLIGENCE": CONFIG,
    "HEAD_LOG": "/elsewhere/heads.jsonl",
    "CACHES": {"default": {"BACKEND": "gateway_site.cache.RedisCache"}},
    "EMAIL_HOST": "mail.example.com",
    "EMAIL_USE_TLS": True,
    "DEFAULT_FROM_EMAIL": "Gateway <gateway@example.com>",
    "SECRET_FILES": {},
}


def found(database: dict[str, Any] | None = None, **changed: Any) -> list[str]:
    """The identifiers of what is found in a live deployment that differs in this from a good one."""
    databases = {"default": POSTGRESQL if database is None else database}
    with override_settings(**LIVE | changed):
        # gone with the others; named above, Django would have to be told of it
        settings.DATABASES = databases
        messages = run_checks(include_deployment_checks=True)
    assert all(message.hint for message in messages if (message.id or "").startswith("gateway_site."))
    return [message.id or "" for message in messages if (message.id or "").startswith("gateway_site.")]


def with_config(**changed: Any) -> list[str]:
    return found(TOKLIGENCE=replace(CONFIG, **changed))


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEB_CONCURRENCY", "PROMETHEUS_MULTIPROC_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_a_good_deployment_has_nothing_wrong() -> None:
    assert found() == []


@pytest.mark.parametrize("hosts", [["gateway.example.com"], ["localhost", ".localhost"], ["10.0.0.7"]])
def test_w004_warns_of_debug_pages_for_others(hosts: list[str]) -> None:
    wanted = [] if "localhost" in hosts else ["gateway_site.W004"]
    assert found(LIVE=False, DEBUG=True, ALLOWED_HOSTS=hosts) == wanted
    assert found(LIVE=False, DEBUG=False, ALLOWED_HOSTS=hosts) == []


@pytest.mark.parametrize("host", [".example.com", "*.example.com"])
def test_w005_warns_of_every_host_below(host: str) -> None:
    assert found(ALLOWED_HOSTS=["gateway.example.com", host]) == ["gateway_site.W005"]


def test_w007_warns_of_the_sandboxs_address() -> None:
    assert with_config(base_url="http://localhost:8080") == ["gateway_site.W001", "gateway_site.W007"]


def test_w008_warns_of_codes_in_clear() -> None:
    assert found(EMAIL_USE_TLS=False) == ["gateway_site.W008"]
    assert found(EMAIL_USE_TLS=False, EMAIL_USE_SSL=True) == []
    # a relay on this machine
    assert found(EMAIL_USE_TLS=False, EMAIL_HOST="127.0.0.1") == []


@pytest.mark.parametrize("sender", ["gateway@localhost", "Gateway <root@localhost>", "gateway", "<>"])
def test_w009_warns_of_a_sender_that_is_none(sender: str) -> None:
    assert found(DEFAULT_FROM_EMAIL=sender) == ["gateway_site.W009"]


def test_w010_warns_of_files_that_were_not_collected(tmp_path: Path) -> None:
    manifest = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    storages = settings.STORAGES | {"staticfiles": manifest}
    assert found(STORAGES=storages, STATIC_ROOT=tmp_path) == ["gateway_site.W010"]
    developing = {"LIVE": False, "DEBUG": True, "ALLOWED_HOSTS": ["localhost"]}
    assert found(STORAGES=storages, STATIC_ROOT=tmp_path, **developing) == []
    (tmp_path / "staticfiles.json").write_text(
        '{"version": "1.1", "paths": {"a.css": "a.1.css"}, "hash": "1"}'
    )
    assert found(STORAGES=storages, STATIC_ROOT=tmp_path) == []


@pytest.mark.parametrize(("mode", "wrong"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)])
def test_w011_warns_of_a_database_for_everybody(mode: int, wrong: bool, tmp_path: Path) -> None:
    file = tmp_path / "gateway.sqlite3"
    file.touch()
    file.chmod(mode)
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file)}
    assert found(database) == (["gateway_site.W011"] if wrong else [])


def test_w012_warns_of_secrets_for_everybody(tmp_path: Path) -> None:
    for mode, wrong in ((0o400, False), (0o440, False), (0o444, True)):
        file = tmp_path / str(mode)
        file.touch()
        file.chmod(mode)
        files = {"SECRET_KEY_FILE": str(file), "DATABASE_URL_FILE": "/no/such/file"}
        assert found(SECRET_FILES=files) == (["gateway_site.W012"] if wrong else [])


def test_w012_leaves_a_containers_secrets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_site.checks.files._is_for_everybody", lambda path: True)
    assert found(SECRET_FILES={"SECRET_KEY_FILE": "/run/secrets/key"}) == []
    assert found(SECRET_FILES={"SECRET_KEY_FILE": "/etc/key"}) == ["gateway_site.W012"]


def test_w013_warns_of_a_head_log_beside_the_database(tmp_path: Path) -> None:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "gateway.sqlite3")}
    assert found(database, HEAD_LOG=str(tmp_path / "heads.jsonl")) == ["gateway_site.W013"]
    assert found(database, HEAD_LOG=str(tmp_path / "else" / ".." / "heads.jsonl")) == ["gateway_site.W013"]
    assert found(database, HEAD_LOG=str(tmp_path / "else" / "heads.jsonl")) == []
    assert found(HEAD_LOG=str(tmp_path / "heads.jsonl")) == []
    assert found(HEAD_LOG="") == ["gateway_site.W013"]


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_w014_warns_of_limits_that_are_not_shared(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    caches = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    assert found(CACHES=caches) == ["gateway_site.W014"]
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    assert found(CACHES=caches) == []


@pytest.mark.parametrize(
    ("host", "options", "wrong"),
    [
        ("db.example.com", {}, True),
        ("db.example.com", {"sslmode": "prefer"}, True),
        ("db.example.com", {"sslmode": "require"}, False),
        ("10.0.0.7", {}, True),
        ("127.0.0.1", {}, False),
        ("localhost", {}, False),
        ("", {}, False),
        ("/run/postgresql", {}, False),
        ("", {"host": "db.example.com"}, True),
        ("", {"host": "/run/postgresql"}, False),
    ],
)
def test_w015_warns_of_a_ledger_that_crosses_the_network(
    host: str, options: dict[str, str], wrong: bool
) -> None:
    wanted = ["gateway_site.W015"] if wrong else []
    assert found(POSTGRESQL | {"HOST": host, "OPTIONS": options}) == wanted


def test_w016_warns_of_debug_lines() -> None:
    assert with_config(log_level="DEBUG") == ["gateway_site.W016"]


def test_w017_warns_of_an_open_door() -> None:
    assert with_config(sign_up="open") == ["gateway_site.W017"]
    assert with_config(sign_up="@example.com") == []


def test_w018_warns_of_a_site_without_an_operator() -> None:
    assert with_config(admin_email="") == ["gateway_site.W018"]


def test_w019_warns_of_figures_of_one_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = "abcdefghijklmnopqrstuvwxyz"
    for folder, wrong in (
        ("", True),
        (" ", True),
        (str(tmp_path), False),
        (str(tmp_path / "not" / "there"), False),
        ("/proc/1/no/such", True),
        (__file__, True),
    ):
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", folder)
        assert found(METRICS_TOKEN=token) == (["gateway_site.W019"] if wrong else []), folder
        assert found(METRICS_TOKEN="") == []
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    assert found(METRICS_TOKEN=token) == []


OF_LIVE = [
    {"ALLOWED_HOSTS": [".example.com"]},
    {"EMAIL_USE_TLS": False},
    {"DEFAULT_FROM_EMAIL": "gateway@localhost"},
    {"HEAD_LOG": ""},
    {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}},
    {"TOKLIGENCE": replace(CONFIG, log_level="DEBUG", sign_up="open", admin_email="")},
]


@pytest.mark.parametrize("unsafe", OF_LIVE)
def test_outside_live_all_of_this_is_fine(unsafe: dict[str, Any]) -> None:
    assert found(LIVE=False, **unsafe) == []


@pytest.mark.parametrize("unsafe", OF_LIVE)
def test_no_other_command_is_told_of_it(unsafe: dict[str, Any]) -> None:
    with override_settings(**LIVE | unsafe):
        assert [message for message in run_checks() if (message.id or "").startswith("gateway_site.")] == []


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("a.localhost", True),
        ("127.1.2.3", True),
        ("[::1]", True),
        ("", True),
        ("/run/x", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("example.com", False),
    ],
)
def test_what_is_this_machine(host: str, here: bool) -> None:
    assert is_this_machine(host) is here


IDENTIFIER = re.compile(r"gateway_site\.[EW][0-9]{3}")
REGISTERED = [
    one
    for one in django_checks.registry.registry.get_checks(include_deployment_checks=True)
    if one.__module__.startswith("gateway_site.checks")
]


def test_the_document_names_just_the_identifiers_that_there_are() -> None:
    in_code = {
        one for path in ROOM.glob("*.py") for one in re.findall(r'id="(gateway_site\.\w+)"', path.read_text())
    }
    rows = re.findall(r"^\| `(gateway_site\.\w+)` \| .+ \| .+ \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert rows == sorted(rows)
    assert set(rows) == in_code
    assert len(rows) == len(set(rows))
    for kind in "EW":
        numbers = [int(one[-3:]) for one in rows if f".{kind}" in one]
        assert numbers == list(range(1, len(numbers) + 1)), "a number is missing: identifiers stay for ever"


@pytest.mark.parametrize("check", REGISTERED, ids=lambda check: check.__name__)
def test_every_check_says_which_it_is_and_can_be_imported(check: Callable[..., list[CheckMessage]]) -> None:
    assert IDENTIFIER.search(check.__doc__ or "")
    assert check.__name__ in checks.__all__


def test_every_identifier_is_tested() -> None:
    tests = (
        "".join(Path(module.__file__ or "").read_text() for module in (test_checks,))
        + Path(__file__).read_text()
    )
    for identifier in IDENTIFIER.findall(DOCUMENT.read_text()):
        assert f'"{identifier}"' in tests, identifier
