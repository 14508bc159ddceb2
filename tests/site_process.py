"""The site in processes of its own, as a deployment runs it: gunicorn, a database file, mail in a folder."""

from __future__ import annotations

import email
import email.policy
import fcntl
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.procfile import processes

REPOSITORY = Path(__file__).resolve().parent.parent
START_LIMIT = 60
OURS = (
    "TOKLIGENCE_",
    "DATABASE_URL",
    "DJANGO_SETTINGS_MODULE",
    "DEBUG",
    "ALLOWED_HOSTS",
    "EMAIL_URL",
    "CACHE_URL",
)


@dataclass(frozen=True)
class SiteProcess:
    """A running site; commands run with ``manage`` share its database and configuration."""

    base_url: str
    folder: Path
    environment: Mapping[str, str]

    def manage(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py`` with these words; the caller looks at the exit code."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=REPOSITORY,
            env={**self.environment, **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def newest_code(self, address: str) -> str:
        """The code in the newest mail to this address, as it stands there: ``482 159``."""
        mails = sorted(
            (self.folder / "mail").glob("*.log"), key=lambda path: path.stat().st_mtime_ns, reverse=True
        )
        for path in mails:
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if message["To"] == address:
                found = re.search(r"\b\d{3,4} \d{3,4}\b", message.get_body(("plain",)).get_content())  # type: ignore[union-attr]
                assert found, path.read_text()
                return found[0]
        raise AssertionError(f"no mail to {address}")


def site_environment(folder: Path, exchange_url: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a site that keeps all it has in ``folder``, free of what is configured here."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {
        **inherited,
        "TOKLIGENCE_ENVIRONMENT": "test",
        "TOKLIGENCE_BASE_URL": exchange_url,
        "SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
        "DATABASE_URL": f"sqlite:///{folder / 'gateway.sqlite3'}",
        "EMAIL_URL": f"filemail:///{folder / 'mail'}",
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
        **(env or {}),
    }


@contextmanager
def running_site(
    folder: Path, exchange_url: str, env: Mapping[str, str] | None = None
) -> Iterator[SiteProcess]:
    """Migrate, collect static files, and serve on a free port until the exit."""
    environment = site_environment(folder, exchange_url, env)
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=REPOSITORY, env=environment, check=True)
    collect_static_files(environment)
    port = free_port()
    server, *words = processes({"WEB_ADDRESS": f"127.0.0.1:{port}"})["web"]
    with (folder / "site.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", server, *words, "--workers", "1"],
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    base_url = f"http://127.0.0.1:{port}"
    try:
        _wait(base_url, process, folder / "site.log")
        yield SiteProcess(base_url, folder, environment)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def collect_static_files(environment: Mapping[str, str]) -> None:
    """Collect them, unless they are there: sites that run have them open, and one folder serves them all."""
    sources = [*(REPOSITORY / "static").rglob("*"), REPOSITORY / "requirements.txt"]
    facts = sorted((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in sources)
    wanted = hashlib.sha256(repr(facts).encode()).hexdigest()
    folder = REPOSITORY / "var"
    folder.mkdir(exist_ok=True)
    with (folder / "static-files-of-tests").open("a+") as stamp:
        fcntl.flock(stamp, fcntl.LOCK_EX)  # another process of this run may want the same
        stamp.seek(0)
        if stamp.read() == wanted and (REPOSITORY / "staticfiles" / "staticfiles.json").exists():
            return
        words = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
        subprocess.run(words, cwd=REPOSITORY, env=environment, check=True)
        stamp.truncate(0)
        stamp.write(wanted)


@contextmanager
def running_beside(site: SiteProcess, *names: str) -> Iterator[None]:
    """Run these of the Procfile's processes beside the site until the exit, as its deployment does."""
    commands = {name: [sys.executable, *processes()[name][1:]] for name in names}
    started = []
    try:
        for name, words in commands.items():
            with (site.folder / f"{name}.log").open("ab") as output:
                started.append(
                    subprocess.Popen(
                        words, cwd=REPOSITORY, env=site.environment, stdout=output, stderr=subprocess.STDOUT
                    )
                )
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(30)


def _wait(base_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_LIMIT
    while time.monotonic() < give_up and process.poll() is None:
        try:
            urllib.request.urlopen(f"{base_url}/healthz", timeout=5).close()  # noqa: S310 - our own URL
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the site did not start:\n{log.read_text()}")
