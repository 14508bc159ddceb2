"""A start that is refused: one line on stderr, exit 1, no traceback, no secret."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from gateway_site.tests.project import KEY, TIME_LIMIT, Project, stderr_line

BAD = [
    (
        {"TOKLIGENCE_PRICE_PER_1K": "-1"},
        "environment: TOKLIGENCE_PRICE_PER_1K: price_per_1k = '-1': must be US dollars",
    ),
    ({"TOKLIGENCE_ENVIRONMENT": "production"}, "must be one of dev, test, live"),
    ({"TOKLIGENCE_EMIAL": "a@b.co"}, "unknown key; did you mean email?"),
    ({"DEBUG": "ture"}, "environment: DEBUG = 'ture': must be true or false"),
    (
        {"DATABASE_URL": "postgress://ada:hunter2@db.example/x"},
        "environment: DATABASE_URL: must be a URL such as postgres://",
    ),
    (
        {"EMAIL_URL": "imap://ada:hunter2@mail.example"},
        "environment: EMAIL_URL: must be a URL such as smtp+tls://",
    ),
    (
        {"CACHE_URL": "http://ada:hunter2@cache.example"},
        "environment: CACHE_URL: must be a URL such as redis://",
    ),
    ({"TRUSTED_PROXIES": "the proxy"}, "environment: TRUSTED_PROXIES = 'the proxy': must be addresses"),
    ({"SECRET_KEY": KEY, "SECRET_KEY_FILE": "/x"}, "SECRET_KEY and SECRET_KEY_FILE are both set"),
    ({"TOKLIGENCE_LOG_FILE": "/proc/no/such/place.log"}, "log_file"),
    ({"TOKLIGENCE_LOG_FILE": "/proc"}, "log_file = '/proc': cannot be written (Is a directory)"),
    ({"DATABASE_URL": "sqlite:////proc/no/such/place.sqlite3"}, "environment: DATABASE_URL: the folder of"),
]


@pytest.mark.parametrize(("variables", "reason"), BAD)
def test_manage_refuses_in_one_line(variables: dict[str, str], reason: str, project: Project) -> None:
    ended = project.manage("check", **variables)
    assert ended.returncode == 1
    assert ended.stdout == ""
    line = stderr_line(ended)
    assert line.startswith("Configuration: ")
    assert reason in line
    assert "hunter2" not in line


def test_a_bad_file_is_refused_in_one_line(project: Project) -> None:
    project.write("config/dev/gateway.ini", "enable_provider = perhaps\n")
    ended = project.manage("bootstrap", SECRET_KEY=KEY)
    assert ended.returncode == 1
    assert stderr_line(ended) == (
        "Configuration: config/dev/gateway.ini: enable_provider = 'perhaps': "
        "must be true or false (also yes, no, on, off, 1, 0)"
    )


def test_without_a_secret_key_nothing_starts(project: Project) -> None:
    ended = project.manage("check")
    assert ended.returncode == 1
    assert "gateway_site.E001" in ended.stderr
    assert "SECRET_KEY is not set." in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("environment", ["dev", "test"])
def test_with_one_the_checks_pass(environment: str, project: Project) -> None:
    ended = project.manage("check", SECRET_KEY=KEY, TOKLIGENCE_ENVIRONMENT=environment)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.fixture
def deployed(project: Project) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``check --deploy`` of a live deployment that has all it needs but what is changed; None: not set."""
    project.write("staticfiles/staticfiles.json", '{"version": "1.1", "paths": {"a": "a.1"}, "hash": "1"}')
    project.write("heads/heads.jsonl", "")
    secrets = {
        "SECRET_KEY_FILE": f"{KEY}-of-a-deployment",
        "SECRET_KEY_FALLBACKS_FILE": f"{KEY}-of-the-year-before",
        "DATABASE_URL_FILE": "postgres://gateway:secret@db.example.com/gateway?sslmode=verify-full",
        "EMAIL_URL_FILE": "smtp+tls://user:secret@mail.example.com:587/?from=gateway@example.com",
        "CACHE_URL_FILE": "rediss://:secret@cache.example.com:6379/0",
        "METRICS_TOKEN_FILE": f"{KEY}-for-prometheus",
    }
    variables: dict[str, str | None] = {
        "TOKLIGENCE_ENVIRONMENT": "live",
        "TOKLIGENCE_BASE_URL": "https://exchange.example.com",
        "TOKLIGENCE_ADMIN_EMAIL": "ada@example.com",
        "TOKLIGENCE_HEAD_LOG": str(project.root / "heads" / "heads.jsonl"),
        "ALLOWED_HOSTS": "gateway.example.com",
        "TRUSTED_PROXIES": "10.0.0.0/8",
        "WEB_CONCURRENCY": "4",
    }
    for name, text in secrets.items():
        path = project.write(f"secrets/{name.lower()}", f"{text}\n")
        path.chmod(0o400)
        variables[name] = str(path)

    def check(**changed: str | None) -> subprocess.CompletedProcess[str]:
        given = {name: value for name, value in (variables | changed).items() if value is not None}
        return project.manage("check", "--deploy", "--fail-level", "WARNING", **given)

    return check


Deployed = Callable[..., subprocess.CompletedProcess[str]]


def test_live_passes_the_checks_of_a_deployment(deployed: Deployed) -> None:
    ended = deployed()
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (
            {
                "SECRET_KEY_FILE": None,
                "EMAIL_URL_FILE": None,
                "ALLOWED_HOSTS": None,
                "TRUSTED_PROXIES": None,
                "TOKLIGENCE_BASE_URL": None,
                "TOKLIGENCE_HEAD_LOG": None,
                "TOKLIGENCE_ADMIN_EMAIL": None,
                "DATABASE_URL_FILE": None,
                "CACHE_URL_FILE": None,
            },
            {"E001", "E003", "E004", "W001", "W002", "W007", "W009", "W013", "W014", "W018"},
        ),
        (
            {
                "DATABASE_URL_FILE": None,
                "DATABASE_URL": "postgres://gateway:secret@db.example.com/gateway",
                "EMAIL_URL_FILE": None,
                "EMAIL_URL": "smtp://mail.example.com/?from=gateway@example.com",
                "TOKLIGENCE_SIGN_UP": "open",
                "TOKLIGENCE_LOG_LEVEL": "debug",
                "TRUSTED_PROXIES": "0.0.0.0/0",
                "PROMETHEUS_MULTIPROC_DIR": "",
            },
            {"W015", "W008", "W017", "W016", "E008", "W019"},
        ),
    ],
    ids=["nothing", "carelessly"],
)
def test_what_is_left_out_is_named(
    changed: dict[str, str | None], named: set[str], deployed: Deployed
) -> None:
    ended = deployed(**changed)
    assert ended.returncode == 1
    assert set(re.findall(r"gateway_site\.([EW]\d+)", ended.stderr)) == named
    assert "secret@" not in ended.stderr


def test_live_without_anything_set_names_all_that_is_missing(project: Project) -> None:
    ended = project.manage("check", TOKLIGENCE_ENVIRONMENT="live", DEBUG="true")
    assert ended.returncode == 1
    for identifier in ("E001", "E002", "E003", "E004", "W001", "W002"):
        assert f"gateway_site.{identifier}" in ended.stderr


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        (
            {"TOKLIGENCE_TRIAL_TOKENS": "many", "SECRET_KEY": KEY},
            "Configuration: environment: TOKLIGENCE_TRIAL",
        ),
        ({}, "gateway_site.E001"),
    ],
)
def test_the_wsgi_application_is_refused(variables: dict[str, str], reason: str, project: Project) -> None:
    ended = project.python("import gateway_site.wsgi", **variables)
    assert ended.returncode == 3
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr
    if "Configuration" in reason:
        stderr_line(ended)


def test_the_wsgi_application_starts_in_silence(project: Project) -> None:
    (project.root / "staticfiles").mkdir()
    ended = project.python("import gateway_site.wsgi as w; assert w.application", SECRET_KEY=KEY)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_gunicorn_gives_up_instead_of_starting_worker_after_worker(project: Project) -> None:
    words = ["-m", "gunicorn", "gateway_site.wsgi", "--bind", "127.0.0.1:0", "--no-control-socket"]
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=project.root,
        env=project.environ(DEBUG="ture"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        pytest.fail(output)
    assert process.returncode != 0
    assert output.count("Configuration: environment: DEBUG = 'ture'") == 1
    assert "Traceback" not in output


def test_the_sandbox_is_refused_in_one_line_too(project: Project) -> None:
    ended = project.manage("runexchange", TOKLIGENCE_ENABLE_PROVIDER="perhaps")
    assert ended.returncode == 1
    assert "enable_provider = 'perhaps'" in stderr_line(ended)
