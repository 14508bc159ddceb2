from __future__ import annotations

from pathlib import Path

import pytest

from gateway_site.config import GatewayConfig, load_config
from gateway_site.tests.config_files import SAMPLES, Write, refusal


def test_a_variable_can_be_the_text_of_a_file(tmp_path: Path, write: Write) -> None:
    write("setting.ini", "email = below@example.com")
    secret = write("secret", "﻿ada@example.com\r\n")
    assert load_config(tmp_path, {"TOKLIGENCE_EMAIL_FILE": str(secret)}).email == "ada@example.com"


@pytest.mark.parametrize("key", SAMPLES)
def test_every_key_can_be(key: str, tmp_path: Path, write: Write) -> None:
    written, wanted = SAMPLES[key][0]
    path = write("secret", f"{written}\n")
    assert getattr(load_config(tmp_path, {f"TOKLIGENCE_{key.upper()}_FILE": str(path)}), key) == wanted


def test_the_key_log_file_is_no_pointer(tmp_path: Path) -> None:
    assert load_config(tmp_path, {"TOKLIGENCE_LOG_FILE": "var/a.log"}).log_file == "var/a.log"


def test_the_environment_can_be_chosen_by_a_file(tmp_path: Path, write: Write) -> None:
    path = write("which", "test\n")
    assert load_config(tmp_path, {"TOKLIGENCE_ENVIRONMENT_FILE": str(path)}).environment == "test"


def test_both_set_is_an_error(tmp_path: Path, write: Write) -> None:
    environ = {"TOKLIGENCE_EMAIL": "a@b.co", "TOKLIGENCE_EMAIL_FILE": str(write("secret", "c@d.co"))}
    assert refusal(tmp_path, environ) == (
        "environment: TOKLIGENCE_EMAIL and TOKLIGENCE_EMAIL_FILE are both set; keep one of them"
    )


def test_an_empty_file_counts_as_not_set(tmp_path: Path, write: Write) -> None:
    environ = {"TOKLIGENCE_PRICE_PER_1K_FILE": str(write("secret", "\n"))}
    assert load_config(tmp_path, environ).price_per_1k == GatewayConfig().price_per_1k


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    message = refusal(tmp_path, {"TOKLIGENCE_EMAIL_FILE": str(missing)})
    assert message.startswith(
        f"environment: TOKLIGENCE_EMAIL_FILE = {str(missing)!r}: cannot be read (No such"
    )


def test_a_file_that_is_no_text_is_refused(tmp_path: Path, write: Write) -> None:
    message = refusal(tmp_path, {"TOKLIGENCE_EMAIL_FILE": str(write("secret", b"\xff\xfe\x00"))})
    assert "cannot be read (it is not UTF-8 text)" in message


def test_the_text_of_a_file_is_never_shown(tmp_path: Path, write: Write) -> None:
    path = write("secret", "-----BEGIN PRIVATE KEY-----")
    message = refusal(tmp_path, {"TOKLIGENCE_PRICE_PER_1K_FILE": str(path)})
    assert message.startswith("environment: TOKLIGENCE_PRICE_PER_1K_FILE: price_per_1k = ")
    assert "PRIVATE" not in message


def test_a_secret_in_the_place_of_a_path_is_not_shown(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"TOKLIGENCE_EMAIL_FILE": "hunter2"})
    assert message.startswith("environment: TOKLIGENCE_EMAIL_FILE: cannot be read")
    assert "hunter2" not in message
