"""The files in deploy/ for systemd, nginx and Caddy: accepted by those programs, and true to the site."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import load_command_class
from gunicorn.config import Config

from gateway_site.config import load_config
from gateway_site.environment import DEPLOYMENT_VARIABLES
from tests.containers import REPOSITORY
from tests.proxy_process import make_certificate, whole_file

DEPLOY = REPOSITORY / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [path for path in UNITS if path.suffix == ".service"]
NGINX, CADDY = DEPLOY / "nginx.conf", DEPLOY / "Caddyfile"
CURRENT = "/srv/gateway/current/"

nginx_here = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
caddy_here = pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not installed")
systemd_here = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def lines(unit: Path) -> Iterator[tuple[str, str]]:
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            yield name, value


def values(unit: Path, name: str) -> list[str]:
    return [value for key, value in lines(unit) if key == name]


def command(unit: Path) -> list[str]:
    (words,) = values(unit, "ExecStart")
    return shlex.split(words)


# --- systemd


@systemd_here
def test_systemd_takes_the_units_as_they_are(tmp_path: Path) -> None:
    """With programs that are there: nothing is installed in /srv here."""
    for unit in UNITS:
        text = re.sub(
            rf"^(ExecStart=){re.escape(CURRENT)}\S+", r"\1/bin/true", unit.read_text(), flags=re.MULTILINE
        )
        (tmp_path / unit.name).write_text(text)
    units = [str(tmp_path / unit.name) for unit in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, timeout=60
    )
    # what it has to say about units of the machine itself is not ours
    said = [line for line in done.stderr.splitlines() if "gateway" in line]
    assert not said
    broken = tmp_path / "gateway-broken.service"
    broken.write_text("[Service]\nExecStart=/bin/true\nNoSuchSetting=1\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(broken)], capture_output=True, text=True, timeout=60
    )
    assert "NoSuchSetting" in done.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_that_there_is(unit: Path) -> None:
    program, *words = command(unit)
    assert program.startswith(CURRENT)
    if program.endswith("/gunicorn"):
        parsed = Config().parser().parse_args(words)
        assert (parsed.args, parsed.config) == (
            ["gateway_site.wsgi"],
            "python:gateway_site.gunicorn_conf",
        )
    elif words[0] == "manage.py":
        app = {"sync_usage": "usage", "sync_catalog": "catalog"}[words[1]]
        load_command_class(app, words[1]).create_parser("manage.py", words[1]).parse_args(words[2:])
    else:
        assert (REPOSITORY / words[0]).is_file()


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_secret_comes_by_a_file_that_only_the_unit_has(unit: Path) -> None:
    given = dict(value.split(":", 1) for value in values(unit, "LoadCredential"))
    read = {}
    for value in values(unit, "Environment"):
        for word in shlex.split(value):
            name, _, text = word.partition("=")
            read[name] = text
    files = {name: text for name, text in read.items() if name.endswith("_FILE")}
    assert files
    for name, text in files.items():
        base = name.removesuffix("_FILE")
        assert base in DEPLOYMENT_VARIABLES
        assert text == f"%d/{base.lower()}"
        assert given.pop(base.lower()) == f"/etc/gateway/secrets/{base.lower()}"
    assert not given


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("User", "gateway"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("StateDirectory", "gateway gateway-heads"),
        ("EnvironmentFile", "/etc/gateway/environment"),
    ],
)
def test_a_unit_can_do_no_more_than_it_must(unit: Path, name: str, value: str) -> None:
    assert values(unit, name) == [value]


def test_systemd_waits_longer_than_the_site_needs_to_stop() -> None:
    configured: dict[str, object] = {}
    exec((REPOSITORY / "gateway_site" / "gunicorn_conf.py").read_text(), configured)  # noqa: S102 - ours
    web, delivery = (DEPLOY / "systemd" / f"gateway-{name}.service" for name in ("web", "delivery"))
    assert int(values(web, "TimeoutStopSec")[0]) > int(str(configured["graceful_timeout"]))
    assert int(values(delivery, "TimeoutStopSec")[0]) > 8
    assert values(web, "KillSignal") == values(delivery, "KillSignal") == ["SIGTERM"]
    # the master alone is told: a worker that got the signal twice would end at once
    assert values(web, "KillMode") == ["mixed"]
    assert values(web, "ExecReload") == ["/bin/kill -HUP $MAINPID"]


def test_the_socket_is_where_the_proxies_look_and_only_theirs() -> None:
    unit = DEPLOY / "systemd" / "gateway-web.socket"
    (path,) = values(unit, "ListenStream")
    assert f"server unix:{path}" in NGINX.read_text()
    assert f"unix/{path}" in CADDY.read_text()
    assert values(unit, "SocketMode") == ["0660"]


def test_the_example_of_the_settings_is_accepted() -> None:
    text = (DEPLOY / "environment.example").read_text()
    told = dict(line.split("=", 1) for line in text.splitlines() if line and line[0] != "#")
    assert load_config(REPOSITORY, told).environment == "live"
    assert {name for name in told if not name.startswith("TOKLIGENCE_")} <= {
        *DEPLOYMENT_VARIABLES,
        "PROMETHEUS_MULTIPROC_DIR",
        "WEB_CONCURRENCY",
        "WEB_THREADS",
    }
    # both systemd and a shell read it
    assert not [value for value in told.values() if re.search(r"[\s$\"'\\`]", value)]


@pytest.mark.parametrize("name", ["gateway-manage", "make-release"])
def test_a_script_is_one(name: str) -> None:
    script = DEPLOY / name
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", script], timeout=10).returncode == 0


def test_the_command_for_the_operator_hands_over_what_the_units_have() -> None:
    script = (DEPLOY / "gateway-manage").read_text()
    for value in values(DEPLOY / "systemd" / "gateway-web.service", "LoadCredential"):
        name = value.partition(":")[0]
        assert f"{name.upper()}_FILE=$keys/{name}" in script


# --- proxies


@nginx_here
def test_nginx_takes_its_file(tmp_path: Path) -> None:
    # ports that anybody may open: -t opens them
    whole = whole_file(make_certificate(tmp_path), tmp_path, ports=(58080, 58443))
    done = subprocess.run(
        ["nginx", "-t", "-e", "stderr", "-p", tmp_path, "-c", whole],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr.replace('the "user" directive', "")


@caddy_here
@pytest.mark.parametrize("upstream", ["", "10.0.0.11:8000 10.0.0.12:8000", "web:8000"])
def test_caddy_takes_its_file(upstream: str, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/local/bin"}
    environ |= {"GATEWAY_UPSTREAM": upstream} if upstream else {}
    done = subprocess.run(
        ["caddy", "validate", "--config", CADDY, "--adapter", "caddyfile"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def bytes_of(text: str) -> int:
    """``8m`` as nginx means it, ``9MB`` and ``1100KB`` as Caddy does."""
    number, unit = re.fullmatch(r"(\d+)(m|MB|KB)", text).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 1024 * 1024, "MB": 1000 * 1000, "KB": 1000}[unit]


def test_a_proxy_lets_through_what_the_site_takes_and_not_much_more() -> None:
    nginx = NGINX.read_text()
    pages = re.search(r"^    client_max_body_size (\w+);", nginx, re.MULTILINE)
    assert pages
    told = {"": bytes_of(pages[1])} | {
        path: bytes_of(size)
        for path, size in re.findall(r"location (/api/\S+) \{\s+client_max_body_size (\w+);", nginx)
    }
    caddy = CADDY.read_text()
    named = {"": "pages", "/api/v1/usage": "usage", "/api/v1/usage/litellm": "litellm"}
    limits = {"": settings.DATA_UPLOAD_MAX_MEMORY_SIZE, **settings.LARGER_BODIES}
    assert set(told) == set(named) == set(limits)
    for path, limit in limits.items():
        assert limit <= told[path] <= limit * 1.15
        size = re.search(rf"request_body @{named[path]} \{{\s+max_size (\w+)", caddy)
        assert size
        assert limit < bytes_of(size[1]) <= limit * 1.15


def test_a_proxy_believes_nobody_about_who_asks() -> None:
    nginx, caddy = NGINX.read_text(), CADDY.read_text()
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in nginx
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in nginx
    assert "proxy_add_x_forwarded_for" not in nginx
    # Caddy sets them itself, unless it is told to believe somebody
    assert not re.search(r"^\s*trusted_proxies", caddy, re.MULTILINE)
    # an inner proxy_set_header would take the place of all of the outer ones
    inside = re.findall(r"location [^{]*\{([^}]*)\}", nginx)
    assert inside
    assert not any("proxy_set_header" in block for block in inside)


def test_how_the_site_stands_is_not_for_the_world() -> None:
    nginx, caddy = NGINX.read_text(), CADDY.read_text()
    for path in ("/metrics", "/readyz"):
        block = re.search(rf"location = {path} \{{([^}}]*)\}}", nginx)
        assert block
        assert "deny all;" in block[1]
        assert re.search(rf"^\t@inside path .*{path}\b", caddy, re.MULTILINE)
    assert re.search(r"^\trespond @inside 404$", caddy, re.MULTILINE)
