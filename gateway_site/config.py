"""The gateway's configuration: one frozen, typed object for pages, commands and other programs.

Layers, each over the one before:

1. ``config/setting.ini``
2. ``config/<environment>/gateway.ini``
3. ``TOKLIGENCE_<KEY>`` in the environment (or ``TOKLIGENCE_<KEY>_FILE``: the value is that file's text)

``environment`` itself is chosen in ``setting.ini`` or by ``TOKLIGENCE_ENVIRONMENT``. A variable that is set
but empty counts as not set. INI files may or may not have section headers. Nothing here needs Django::

    from gateway_site.config import load_config

    config = load_config()
    config.base_url, config.price_per_1k
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from gateway_site import config_values as values
from gateway_site.config_values import ConfigError

__all__ = [
    "DEFAULT_BASE_URL",
    "PROJECT_ROOT",
    "ConfigError",
    "Environment",
    "GatewayConfig",
    "chosen_environment",
    "load_config",
    "read_variable",
]

PROJECT_ROOT: Final = Path(__file__).resolve().parent.parent
DEFAULT_BASE_URL: Final = "http://localhost:8080"
PREFIX: Final = "TOKLIGENCE_"

Environment = Literal["dev", "test", "live"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """What a deployment says of itself; ``config/setting.ini`` describes every key."""

    environment: Environment = "dev"
    base_url: str = DEFAULT_BASE_URL
    email: str = ""
    display_name: str = ""
    enable_provider: bool = False
    publish_name: str = ""
    model_family: str = ""
    price_per_1k: Decimal = Decimal("0.5")
    """USD per 1,000 tokens."""
    trial_tokens: int = 0
    catalog_max_age: int = 300
    """Seconds after which the catalogue that is kept here is fetched again."""
    sign_up: str = "open"
    """``open``, ``closed`` or ``@domain``."""
    api_rate: int = 6000
    """Requests a minute that one API key, or one person, may send; 0: any number."""
    log_level: str = "INFO"
    log_format: Literal["text", "json"] = "text"
    log_file: str = ""
    admin_email: str = ""
    head_log: str = "var/heads.jsonl"
    """A file outside the database, to which the heads of the chains are appended; empty: none."""

    @property
    def uses_default_exchange(self) -> bool:
        """Whether ``base_url`` still points at the sandbox Exchange that ``make run`` starts."""
        return self.base_url == DEFAULT_BASE_URL


READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "environment": values.one_of("dev", "test", "live"),
    "base_url": values.base_url,
    "email": values.email,
    "display_name": values.text(120),
    "enable_provider": values.boolean,
    "publish_name": values.text(200),
    "model_family": values.text(200),
    "price_per_1k": values.price,
    "trial_tokens": values.token_count,
    "catalog_max_age": values.seconds,
    "sign_up": values.sign_up,
    "api_rate": values.rate,
    "log_level": values.log_level,
    "log_format": values.one_of("text", "json"),
    "log_file": values.text(1000),
    "admin_email": values.email,
    "head_log": values.text(1000),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One key as it was written, and where, so that an error can say so."""

    key: str
    raw: str
    place: str
    shown: str

    def read(self) -> Any:
        try:
            return READERS[self.key](self.raw)
        except ValueError as error:
            raise self.refused(str(error)) from None

    def refused(self, why: str) -> ConfigError:
        return ConfigError(f"{self.place}: {self.key} = {self.shown}: {why}")


Layer = dict[str, Setting]


def load_config(root: Path = PROJECT_ROOT, environ: Mapping[str, str] = os.environ) -> GatewayConfig:
    """Read every layer and give the configuration that is in force.

    Raises ConfigError (a ValueError whose text is one line: file, key, value, what would be right) for a
    value that cannot be read, an unknown key or environment, or a file that is no INI.
    """
    common, variables = _read_ini(root, "setting.ini"), _read_environ(environ)
    environment = _environment(common | variables)
    own = _read_ini(root, f"{environment}/gateway.ini", needed=environment == "live")
    if misplaced := own.get("environment"):
        raise misplaced.refused(f"is chosen in config/setting.ini or by {PREFIX}ENVIRONMENT, not here")
    return GatewayConfig(**{key: setting.read() for key, setting in (common | own | variables).items()})


def chosen_environment(root: Path = PROJECT_ROOT, environ: Mapping[str, str] = os.environ) -> Environment:
    """Only ``environment``, whatever else may be wrong with the configuration. Raises ConfigError."""
    return _environment(_read_ini(root, "setting.ini") | _read_environ(environ))


def read_variable(environ: Mapping[str, str], name: str) -> str | None:
    """The variable ``name``, or the text of the file that ``name_FILE`` points to; None when neither is set.

    Raises ConfigError when both are set or the file cannot be read.
    """
    direct, pointer = environ.get(name) or None, environ.get(f"{name}_FILE") or None
    if direct is not None and pointer is not None:
        raise ConfigError(f"environment: {name} and {name}_FILE are both set; keep one of them")
    if pointer is None:
        return direct
    # what is no path may be the secret itself, put into the wrong variable
    shown = f" = {values.shown(pointer)}" if pointer.startswith("/") else ""
    return _read_text(Path(pointer), f"environment: {name}_FILE{shown}").strip() or None


def _environment(layer: Layer) -> Environment:
    chosen = layer.get("environment")
    environment: Environment = chosen.read() if chosen else "dev"
    return environment


def _read_environ(environ: Mapping[str, str]) -> Layer:
    layer: Layer = {}
    for name in environ:
        if not name.startswith(PREFIX) or not environ[name]:
            continue
        # the key log_file ends like a pointer to a file, and is none
        variable = name if _key(name) in READERS else name.removesuffix("_FILE")
        key = _key(variable)
        raw = (read_variable(environ, variable) or "").strip() if key in READERS else environ[name]
        # a file is for what must stay secret, and may be the wrong file
        shown = values.shown(raw, key) if variable == name else "(what its file says)"
        setting = Setting(key, raw, f"environment: {name}", shown)
        if key not in READERS:
            raise setting.refused(_unknown(key))
        if raw:
            layer[key] = setting
    return layer


def _key(variable: str) -> str:
    return variable.removeprefix(PREFIX).lower()


def _read_ini(root: Path, name: str, *, needed: bool = False) -> Layer:
    place = f"config/{name}"
    layer: Layer = {}
    for key, raw in _parse_ini(_read_text(root / place, place, optional=not needed), place):
        setting = Setting(key, raw, place, values.shown(raw, key))
        if key not in READERS:
            raise setting.refused(_unknown(key))
        if key in layer:
            raise setting.refused("stands in this file twice; keep one")
        layer[key] = setting
    return layer


def _parse_ini(text: str, place: str) -> Iterator[tuple[str, str]]:
    # not configparser: it takes an indented line for more of the value above, and wants a header first
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not line or line[0] in "#;" or (line[0] == "[" and line[-1] == "]"):
            continue
        key, equals, raw = line.partition("=")
        if not equals:
            raise ConfigError(f"{place}: line {number}: {values.shown(line)}: must be `key = value`")
        yield key.strip().lower(), raw.strip()


def _read_text(path: Path, place: str, *, optional: bool = False) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{place}: cannot be read (it is not UTF-8 text)") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        if optional and isinstance(error, FileNotFoundError):
            return ""
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{place}: cannot be read ({reason})") from None


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, READERS, n=1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known are {', '.join(READERS)}"
