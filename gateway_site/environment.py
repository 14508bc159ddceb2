"""Reading the deployment's environment: ``.env`` in development, and ``NAME_FILE`` for secrets."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import os
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from gateway_site.config import ConfigError, chosen_environment, read_variable
from gateway_site.config_values import boolean, shown

DEPLOYMENT_VARIABLES = (
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "DEBUG",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASE_URL",
    "SANDBOX_DATABASE_URL",
    "CACHE_URL",
    "EMAIL_URL",
    "TRUSTED_PROXIES",
    "METRICS_TOKEN",
)
DATABASE_ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")
URL_EXAMPLES = {
    "DATABASE_URL": "postgres://user:password@db.example.com/gateway or sqlite:////srv/gateway.sqlite3",
    "SANDBOX_DATABASE_URL": "sqlite:////srv/sandbox.sqlite3",
    "CACHE_URL": "redis://cache.example.com:6379/0",
    "EMAIL_URL": "smtp+tls://user:password@mail.example.com:587/?from=gateway@example.com",
}
DOTENV_LINE = re.compile(r"(export )?[A-Za-z_0-9]+=.*")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def read_dotenv(root: Path, variables: MutableMapping[str, str]) -> None:
    """Add what ``.env`` says to the variables, never over one that is set; only in development.

    Raises ConfigError for a file that cannot be read.
    """
    path = root / ".env"
    if chosen_environment(root, variables) != "dev" or not path.is_file():
        return
    for name, value in _parse_dotenv(path).items():
        base = name.removesuffix("_FILE")
        if not (variables.get(base) or variables.get(f"{base}_FILE") or variables.get(name)):
            variables[name] = value
    if chosen_environment(root, variables) != "dev":
        raise ConfigError(
            ".env: TOKLIGENCE_ENVIRONMENT: must not leave dev, because .env is read in development only; "
            "set environment in config/setting.ini or in the real environment"
        )


def resolve_files(variables: MutableMapping[str, str], names: Iterable[str] = DEPLOYMENT_VARIABLES) -> None:
    """Put the text of the file that ``NAME_FILE`` names into ``NAME``, for every deployment variable.

    Raises ConfigError when a file cannot be read or both are set.
    """
    for name in names:
        value = read_variable(variables, name)
        pointed = variables.pop(f"{name}_FILE", None)
        if value is not None and pointed:
            variables[name] = value


def secret_files(variables: Mapping[str, str], names: Iterable[str] = DEPLOYMENT_VARIABLES) -> dict[str, str]:
    """The files from which ``resolve_files`` will take what is secret, by the variable that names each."""
    pointers = [f"{name}_FILE" for name in names]
    return {pointer: variables[pointer] for pointer in pointers if variables.get(pointer)}


def read_boolean(variables: Mapping[str, str], name: str, *, default: bool) -> bool:
    """A variable that is true or false. Raises ConfigError for anything else: a typo never means off."""
    raw = variables.get(name, "").strip()
    try:
        return boolean(raw) if raw else default
    except ValueError as error:
        raise ConfigError(f"environment: {name} = {shown(raw)}: {error}") from None


def read_list(variables: Mapping[str, str], name: str, default: Iterable[str] = ()) -> list[str]:
    """A variable that holds a comma-separated list."""
    return [part.strip() for part in variables.get(name, "").split(",") if part.strip()] or list(default)


def read_networks(variables: Mapping[str, str], name: str) -> tuple[Network, ...]:
    """A comma-separated list of addresses or networks. Raises ConfigError for anything else."""
    networks = []
    for part in read_list(variables, name):
        try:
            networks.append(ipaddress.ip_network(part))
        except ValueError:
            raise ConfigError(
                f"environment: {name} = {shown(part)}: must be addresses or networks such as 10.0.0.0/8"
            ) from None
    return tuple(networks)


def read_url(
    variables: Mapping[str, str],
    name: str,
    default: str,
    parse: Callable[[str], Any],
    engines: Collection[str] = (),
) -> dict[str, Any]:
    """A database, cache or mail URL as Django's settings; ``engines`` are the databases that may be named.

    Raises ConfigError, in which the value is never quoted: it may hold a password.
    """
    try:
        with warnings.catch_warnings():
            # environ warns of what it does not understand, and quotes it
            warnings.simplefilter("error")
            parsed: dict[str, Any] = parse((variables.get(name) or default).strip())
        if engines and parsed.get("ENGINE") not in engines:
            raise ValueError
    except (ValueError, LookupError, TypeError, AttributeError, UserWarning, ImproperlyConfigured):
        raise ConfigError(f"environment: {name}: must be a URL such as {URL_EXAMPLES[name]}") from None
    return parsed


def make_private_file(file: str, place: str) -> None:
    """Make a file that will be written, and its folder, for their owner's eyes; what is there is left alone.

    Raises ConfigError, naming the place, when the folder cannot be made.
    """
    if file == ":memory:":
        return
    try:
        Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{place}: the folder of {shown(file)} cannot be made ({error.strerror})") from None
    # whoever opens it to write says better why it cannot be
    with contextlib.suppress(OSError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _parse_dotenv(path: Path) -> dict[str, str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").split("\n")]
    except UnicodeDecodeError:
        raise ConfigError(".env: cannot be read (it is not UTF-8 text)") from None
    except OSError as error:
        raise ConfigError(f".env: cannot be read ({error.strerror})") from None
    for number, line in enumerate(lines, start=1):
        # environ would only log such a line, whole, and a secret is likely to be in it
        if line and line[0] != "#" and not DOTENV_LINE.fullmatch(line):
            raise ConfigError(
                f".env: line {number}: must be NAME=value, without spaces around the equals sign"
            )
    found: dict[str, str] = {}

    class Reader(environ.Env):  # type: ignore[misc]  # it has no types
        ENVIRON = found

    Reader.read_env(io.StringIO("\n".join(lines)))
    return found
