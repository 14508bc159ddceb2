"""The Dockerfile and both compose files: what stands in them is right, and every command in them exists."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import load_command_class
from gunicorn.config import Config

from deploy.make_secrets import make_secrets
from gateway_site.config import READERS, load_config
from gateway_site.environment import DEPLOYMENT_VARIABLES
from tests.containers import LIVE, REPOSITORY, TRIAL, NotTold, command_of, compose, dockerfile, said

TOLD = {
    "GATEWAY_HOST": "gateway.example.com",
    "EXCHANGE_URL": "https://exchange.example.com",
    "OPERATOR": "operator@example.com",
}
FILES = {"trial": compose(TRIAL), "live": compose(LIVE, TOLD)}
SERVICES = [
    pytest.param(file, name, id=f"{file}-{name}")
    for file, document in FILES.items()
    for name in document["services"]
]
OURS = [param for param in SERVICES if FILES[param.values[0]]["services"][param.values[1]].get("build")]
"""Services of images that are built here."""
READ_BY_GUNICORN = {"WEB_ADDRESS", "WEB_CONCURRENCY", "WEB_THREADS", "PROMETHEUS_MULTIPROC_DIR"}
KNOWN = {
    *DEPLOYMENT_VARIABLES,
    *(f"{name}_FILE" for name in DEPLOYMENT_VARIABLES),
    *(f"TOKLIGENCE_{key.upper()}" for key in READERS),
    *READ_BY_GUNICORN,
}
OTHERS_VARIABLES = {
    "postgres": {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE", "POSTGRES_INITDB_ARGS"},
    "axllent/mailpit": {"MP_MAX_MESSAGES", "MP_DISABLE_VERSION_CHECK"},
    "redis": set(),
}
WRITES_BESIDE_ITS_CODE = {"dev", "test"}
ROLES = {"web", "worker", "exchange", "db", "cache", "mail", "dev", "cli", "test", "build-web"}
APP_OF = {
    "migrate": "gateway_site",
    "bootstrap": "gateway_site",
    "sync_usage": "usage",
    "sync_catalog": "catalog",
    "collectstatic": "django.contrib.staticfiles",
}


def service(file: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = FILES[file]["services"][name]
    return found


def mounts(of: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is mounted, and where."""
    for text in of.get("volumes", []):
        source, target, *_rest = text.split(":")
        yield source, target


def test_every_role_is_there() -> None:
    assert set(FILES["trial"]["services"]) >= ROLES
    assert {"exchange", "mail"}.isdisjoint(FILES["live"]["services"])


def test_what_is_started_by_name_has_a_profile_and_the_rest_has_none() -> None:
    profiles = {name: one.get("profiles") for name, one in FILES["trial"]["services"].items()}
    by_name = {name: profile for name, profile in profiles.items() if profile}
    assert by_name == {
        "cli": ["runtime"],
        "test": ["test"],
        "build-web": ["build", "test"],
        "dev": ["dev"],
    }


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_it_waits_for_what_is_there_and_can_say_that_it_is_ready(file: str, name: str) -> None:
    for other, how in service(file, name).get("depends_on", {}).items():
        awaited = service(file, other)
        if how["condition"] == "service_healthy":
            assert awaited["healthcheck"]["test"], other
        else:
            assert how["condition"] == "service_completed_successfully"
            # which would never be, of what is started again when it ends
            assert awaited.get("restart", "no") == "no", other
        assert set(awaited.get("profiles", [])) >= set(service(file, name).get("profiles", [])) or not (
            awaited.get("profiles")
        ), f"{other} is not started with {name}"


@pytest.mark.parametrize("file", FILES)
def test_nothing_waits_in_a_circle(file: str) -> None:
    waits = {name: set(one.get("depends_on", {})) for name, one in FILES[file]["services"].items()}
    while waits:
        ready = {name for name, others in waits.items() if not others & set(waits)}
        assert ready, waits
        waits = {name: others for name, others in waits.items() if name not in ready}


@pytest.mark.parametrize("file", FILES)
def test_volumes_secrets_and_networks_are_declared_and_each_is_used(file: str) -> None:
    document = FILES[file]
    used: dict[str, set[str]] = {"volumes": set(), "secrets": set(), "networks": set()}
    for one in document["services"].values():
        used["volumes"] |= {source for source, _target in mounts(one) if not source.startswith(".")}
        used["secrets"] |= set(one.get("secrets", []))
        used["networks"] |= set(one.get("networks", []))
        assert bool(one.get("networks")) != (one.get("network_mode") == "none")
    for kind, names in used.items():
        assert names == set(document.get(kind, {})), kind


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_it_can_do_no_more_than_it_must(file: str, name: str) -> None:
    one = service(file, name)
    user = str(one["user"])
    assert user in ("postgres", "redis") or re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert one["cap_drop"] == ["ALL"]
    assert "cap_add" not in one
    assert "no-new-privileges:true" in one["security_opt"]
    assert not one.get("privileged")
    assert one.get("read_only", False) is (name not in WRITES_BESIDE_ITS_CODE)
    if not one.get("profiles"):
        limits = one["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= set(limits)
        assert one["logging"]["options"]["max-size"]


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_its_environment_is_known_to_who_reads_it(file: str, name: str) -> None:
    one = service(file, name)
    names = set(one.get("environment", {}))
    image = one["image"].split(":")[0]
    if image == "tokligence-gateway-proxy":
        read = set(re.findall(r"\{\$(\w+)", (REPOSITORY / "deploy" / "Caddyfile").read_text()))
        assert names <= read | {"XDG_DATA_HOME", "XDG_CONFIG_HOME"}
        assert names >= read
    elif "build" in one:
        assert names <= KNOWN
    else:
        assert names <= OTHERS_VARIABLES[image]


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_no_password_stands_in_it(file: str, name: str) -> None:
    for variable, value in service(file, name).get("environment", {}).items():
        secret = re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL|CACHE_URL", variable)
        if secret and not str(value).startswith("sqlite:"):
            assert variable.endswith("_FILE"), variable
        assert not re.search(r"://[^/]*:[^/]*@", str(value)), variable


@pytest.mark.parametrize("missing", TOLD)
def test_live_starts_only_when_it_is_told_whose_it_is(missing: str) -> None:
    with pytest.raises(NotTold, match=missing):
        compose(LIVE, {name: value for name, value in TOLD.items() if name != missing})


def test_the_trial_can_never_be_live_nor_reached_from_elsewhere() -> None:
    document = compose(TRIAL, {"TOKLIGENCE_ENVIRONMENT": "live"})
    for name, one in document["services"].items():
        assert one.get("environment", {}).get("TOKLIGENCE_ENVIRONMENT", "dev") in ("dev", "test"), name
        assert all(str(port).startswith("127.0.0.1:") for port in one.get("ports", [])), name


def test_in_live_only_the_proxy_is_reached_and_it_is_believed_by_its_network() -> None:
    published = {name for name, one in FILES["live"]["services"].items() if one.get("ports")}
    assert published == {"proxy"}
    subnet = FILES["live"]["networks"]["outside"]["ipam"]["config"][0]["subnet"]
    assert service("live", "web")["environment"]["TRUSTED_PROXIES"] == subnet


@pytest.mark.parametrize(("file", "name"), OURS)
def test_its_command_is_a_real_one(file: str, name: str) -> None:
    one = service(file, name)
    if one["build"]["target"] == "proxy":
        assert json.loads(said("proxy", "CMD"))[:2] == ["caddy", "run"]
        return
    program, *words = command_of(one)
    if words[:2] == ["manage.py", "runexchange"]:
        # a project of its own
        with pytest.raises(SystemExit) as ended:
            _parser_of(REPOSITORY / "manage.py", [*words[1:], "--help"])
        assert ended.value.code == 0
    elif program == "python" and words[0] == "manage.py":
        app = APP_OF[words[1]]
        parser = load_command_class(app, words[1]).create_parser("manage.py", words[1])
        parser.parse_args(words[2:])
    elif program == "python":
        script = REPOSITORY / words[0]
        assert script.is_file()
        with pytest.raises(SystemExit) as ended:
            _parser_of(script, [*words[1:], "--help"])
        assert ended.value.code == 0
    elif program == "gunicorn":
        parsed = Config().parser().parse_args(words)
        assert parsed.args == ["gateway_site.wsgi"]
        assert parsed.config == "python:gateway_site.gunicorn_conf"
    elif program == "make":
        assert re.search(rf"^{words[0]}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    else:
        assert [program, *words] == ["sleep", "infinity"]


def _parser_of(script: Path, words: list[str]) -> None:
    done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, timeout=30)
    assert not done.stderr, done.stderr
    raise SystemExit(done.returncode)


@pytest.mark.parametrize(("file", "name"), OURS)
def test_its_image_has_what_its_target_says(file: str, name: str) -> None:
    build = service(file, name)["build"]
    folder = (TRIAL if file == "trial" else LIVE).parent
    assert (folder / build["context"]).resolve() == REPOSITORY
    assert build["target"] in dockerfile()


@pytest.mark.parametrize("file", FILES)
def test_the_site_can_be_set_so(file: str) -> None:
    environ = {name: str(value) for name, value in service(file, "web")["environment"].items()}
    config = load_config(REPOSITORY, environ)
    assert config.environment == ("dev" if file == "trial" else "live")
    assert config.base_url == ("http://exchange:8080" if file == "trial" else TOLD["EXCHANGE_URL"])


@pytest.mark.parametrize(("file", "folder"), [("trial", "/secrets"), ("live", "/run/secrets")])
def test_the_site_accepts_what_it_is_given(file: str, folder: str, tmp_path: Path) -> None:
    """Its own checks, with the secrets as they are made for these services."""
    make_secrets(tmp_path / "s", database="db:5432", cache="cache:6379")
    (tmp_path / "s" / "email_url").chmod(0o640)
    (tmp_path / "s" / "email_url").write_text("smtp+tls://u:p@mail.example.com:587/?from=g@example.com")
    given = service(file, "web")["environment"]
    environ = {name: str(value).replace(folder, str(tmp_path / "s")) for name, value in given.items()}
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    environ |= {
        "PATH": os.environ["PATH"],
        "TOKLIGENCE_HEAD_LOG": str(tmp_path / "heads"),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
    }
    words = [sys.executable, "manage.py", "check", *(["--deploy"] if file == "live" else [])]
    done = subprocess.run(words, cwd=REPOSITORY, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    # W015: the way to the database is not encrypted; it is a network of this machine that has no way out
    assert set(re.findall(r"\((\w+\.\w\d+)\)", done.stderr)) <= {"gateway_site.W015"}


def test_the_site_stops_before_docker_kills_it() -> None:
    configured: dict[str, Any] = {}
    exec((REPOSITORY / "gateway_site" / "gunicorn_conf.py").read_text(), configured)  # noqa: S102 - ours
    for file in FILES:
        assert seconds(service(file, "web")["stop_grace_period"]) > configured["graceful_timeout"]
        # a call to the Exchange lasts eight seconds at the most
        assert seconds(service(file, "worker")["stop_grace_period"]) > 8


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_what_runs_in_the_image_is_nobody_who_could_change_it() -> None:
    user = said("runtime", "USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    instructions = dockerfile()["runtime"]
    copied = [rest for name, rest in instructions if name == "COPY"]
    assert copied
    assert not any("--chown" in rest for rest in copied)
    assert [name for name, _rest in instructions].index("USER") > max(
        index for index, (name, _rest) in enumerate(instructions) if name in ("COPY", "RUN")
    )
    assert list(dockerfile())[-1] == "runtime"
    for file in FILES:
        for name in ("web", "worker", "catalogue"):
            assert service(file, name)["user"] == user


def test_the_image_says_how_it_is_and_takes_the_signal_itself() -> None:
    assert said("runtime", "STOPSIGNAL") == "SIGTERM"
    health = said("runtime", "HEALTHCHECK").partition(" CMD ")[2]
    assert json.loads(health) == ["python", "deploy/healthcheck.py"]
    # a shell before it would keep the signal to itself
    assert json.loads(said("runtime", "CMD"))[0] == "gunicorn"


def test_what_is_copied_into_an_image_is_there() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    for stage, instructions in dockerfile().items():
        for name, rest in instructions:
            words = [word for word in rest.split() if not word.startswith("--")]
            if name != "COPY" or "--from=" in rest:
                continue
            for source in words[:-1]:
                assert (REPOSITORY / source).exists(), (stage, source)
                assert source.removeprefix("./") not in ignored


@pytest.mark.parametrize("kept_out", [".git", ".env", ".venv", "var", "deploy/secrets", "staticfiles"])
def test_no_secret_and_no_database_gets_into_an_image(kept_out: str) -> None:
    assert kept_out in (REPOSITORY / ".dockerignore").read_text().splitlines()


def test_the_site_writes_where_something_is_mounted() -> None:
    """And what is mounted belongs to its user, because the image has the folder so."""
    made = " ".join(rest for name, rest in dockerfile()["runtime"] if name == "RUN")
    for name in ("web", "worker", "catalogue", "migrate", "cli"):
        targets = {target for _source, target in mounts(service("trial", name))}
        assert "/app/var" in targets
    for folder in ("/app/var", "/secrets"):
        assert re.search(rf"install --directory --owner gateway --group gateway --mode \d+ {folder}\b", made)


def test_help_of_every_script_needs_nothing_but_python(tmp_path: Path) -> None:
    for name in ("backup", "make_secrets"):
        words = [sys.executable, "-I", "-S", REPOSITORY / "deploy" / f"{name}.py", "--help"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
