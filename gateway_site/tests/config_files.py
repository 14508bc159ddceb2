"""Configuration files for tests, and how each key is written."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from gateway_site.config import ConfigError, load_config

Write = Callable[[str, str | bytes], Path]

# each key, as it may be written and what is read, for the three layers
SAMPLES: dict[str, tuple[tuple[str, object], tuple[str, object], tuple[str, object]]] = {
    "base_url": (
        ("http://one.example", "http://one.example"),
        ("HTTPS://Two.Example:443/v1/", "https://two.example/v1"),
        ("http://three.example:8080", "http://three.example:8080"),
    ),
    "email": (
        ("one@example.com", "one@example.com"),
        ("Two@Example.com", "two@example.com"),
        ("3@e.co", "3@e.co"),
    ),
    "display_name": (("One", "One"), ("Two = 2", "Two = 2"), ("三 # not a comment", "三 # not a comment")),
    "enable_provider": (("true", True), ("off", False), ("YES", True)),
    "publish_name": (("one", "one"), ("two", "two"), ("three", "three")),
    "model_family": (("one", "one"), ("two", "two"), ("three", "three")),
    "price_per_1k": (
        ("0.10", Decimal("0.10")),
        (".002", Decimal("0.002")),
        ("0.000000000001", Decimal("1E-12")),
    ),
    "trial_tokens": (("1", 1), ("0", 0), ("9007199254740991", 2**53 - 1)),
    "api_rate": (("60", 60), ("0", 0), ("999999999", 999_999_999)),
    "catalog_max_age": (("60", 60), ("0", 0), ("999999999", 999_999_999)),
    "sign_up": (("closed", "closed"), ("@Example.COM", "@example.com"), ("Open", "open")),
    "log_level": (("error", "ERROR"), ("DEBUG", "DEBUG"), ("Warning", "WARNING")),
    "log_format": (("json", "json"), ("text", "text"), ("JSON", "json")),
    "log_file": (("a.log", "a.log"), ("/b.log", "/b.log"), ("c.log", "c.log")),
    "admin_email": (
        ("one@example.com", "one@example.com"),
        ("2@e.co", "2@e.co"),
        ("3@e.co", "3@e.co"),
    ),
    "head_log": (("a.log", "a.log"), ("b.log", "b.log"), ("c.log", "c.log")),
}


def refusal(root: Path, environ: dict[str, str] | None = None) -> str:
    """The message with which the configuration is refused: always one line."""
    with pytest.raises(ConfigError) as caught:
        load_config(root, environ or {})
    return one_line(caught.value)


def one_line(error: ConfigError) -> str:
    assert len(str(error).splitlines()) == 1
    return str(error)
