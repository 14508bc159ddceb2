from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest

from gateway_site.config import (
    DEFAULT_BASE_URL,
    PROJECT_ROOT,
    READERS,
    GatewayConfig,
    chosen_environment,
    load_config,
)
from gateway_site.tests.config_files import SAMPLES, Write, refusal
from gateway_site.tests.project import REPOSITORY


def test_the_samples_cover_every_key() -> None:
    assert set(SAMPLES) | {"environment"} == {field.name for field in fields(GatewayConfig)}


def test_every_field_has_a_reader() -> None:
    assert set(READERS) == {field.name for field in fields(GatewayConfig)}


@pytest.mark.parametrize("key", SAMPLES)
@pytest.mark.parametrize("layers", [c for n in range(4) for c in itertools.combinations(range(3), n)])
def test_each_key_is_taken_from_the_last_layer_that_has_it(
    key: str, layers: tuple[int, ...], tmp_path: Path, write: Write
) -> None:
    environ = {}
    for layer in layers:
        written = SAMPLES[key][layer][0]
        if layer == 2:
            environ[f"TOKLIGENCE_{key.upper()}"] = written
        else:
            write(("setting.ini", "dev/gateway.ini")[layer], f"{key} = {written}\n")

    got = getattr(load_config(tmp_path, environ), key)

    wanted = SAMPLES[key][layers[-1]][1] if layers else getattr(GatewayConfig(), key)
    assert (got, type(got)) == (wanted, type(wanted))


@pytest.mark.parametrize("environment", ["dev", "test", "live"])
def test_the_environment_chooses_its_file(environment: str, tmp_path: Path, write: Write) -> None:
    write("setting.ini", f"environment = {environment}\ndisplay_name = Common")
    for name in ("dev", "test", "live"):
        write(f"{name}/gateway.ini", f"display_name = Of {name}")
    config = load_config(tmp_path, {})
    assert (config.environment, config.display_name) == (environment, f"Of {environment}")


def test_the_environment_variable_points_elsewhere(tmp_path: Path, write: Write) -> None:
    write("setting.ini", "environment = live")
    write("test/gateway.ini", "display_name = Of test")
    environ = {"TOKLIGENCE_ENVIRONMENT": "TEST"}
    config = load_config(tmp_path, environ)
    assert (config.environment, config.display_name) == ("test", "Of test")
    assert chosen_environment(tmp_path, environ) == "test"


def test_the_environment_is_known_even_where_another_value_is_bad(tmp_path: Path, write: Write) -> None:
    write("setting.ini", "environment = test\nprice_per_1k = free")
    assert chosen_environment(tmp_path, {}) == "test"


def test_without_any_file_the_defaults_are_in_force(tmp_path: Path) -> None:
    assert load_config(tmp_path, {}) == GatewayConfig()


def test_live_is_refused_without_its_own_file(tmp_path: Path, write: Write) -> None:
    write("setting.ini", "environment = live\nsign_up = open")
    assert refusal(tmp_path).startswith("config/live/gateway.ini: cannot be read (No such file")


def test_a_bad_value_that_is_not_in_force_does_no_harm(tmp_path: Path, write: Write) -> None:
    write("setting.ini", "price_per_1k = free")
    write("dev/gateway.ini", "price_per_1k = 0.25")
    assert load_config(tmp_path, {}).price_per_1k == Decimal("0.25")


def test_an_empty_variable_counts_as_not_set(tmp_path: Path, write: Write) -> None:
    write("setting.ini", "email = ada@example.com")
    empty = {f"TOKLIGENCE_{key.upper()}{end}": "" for key in READERS for end in ("", "_FILE")}
    assert load_config(tmp_path, empty | {"TOKLIGENCE_NONSENSE": ""}).email == "ada@example.com"


def test_an_empty_value_in_a_file_takes_away_what_is_below(tmp_path: Path, write: Write) -> None:
    write("setting.ini", "email = ada@example.com")
    write("dev/gateway.ini", "email =")
    assert load_config(tmp_path, {}).email == ""


def test_a_variable_with_a_line_break_in_its_name_is_refused_in_one_line(tmp_path: Path) -> None:
    assert "TOKLIGENCE_A\\nB" in refusal(tmp_path, {"TOKLIGENCE_A\nB": "1"})


def test_other_programs_variables_are_left_alone(tmp_path: Path) -> None:
    load_config(tmp_path, {"TOKLIGENCEX": "1", "MY_TOKLIGENCE_EMAIL": "no", "PATH": "/bin"})


def test_it_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        GatewayConfig().email = "eve@example.com"  # type: ignore[misc]


def test_it_knows_whether_the_sandbox_is_meant() -> None:
    assert GatewayConfig().uses_default_exchange
    assert not GatewayConfig(base_url="https://exchange.example").uses_default_exchange


def test_another_program_can_import_it_without_django() -> None:
    code = (
        "import sys, gateway_site.config as c; c.load_config(environ={}); "
        "sys.exit(any(name.split('.')[0] in ('django', 'environ') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_every_key_is_described_in_setting_ini() -> None:
    lines = (PROJECT_ROOT / "config" / "setting.ini").read_text().splitlines()
    above: dict[str, str] = {}
    comment = ""
    for line in lines:
        if line.startswith("#"):
            comment = line
        elif "=" in line:
            above[line.partition("=")[0].strip()] = comment
        elif not line.strip():
            comment = ""
    assert set(above) == set(READERS)
    assert [key for key, comment in above.items() if not comment] == []


def test_setting_ini_says_what_the_defaults_are(tmp_path: Path, write: Write) -> None:
    write("setting.ini", (PROJECT_ROOT / "config" / "setting.ini").read_bytes())
    assert load_config(tmp_path, {}) == GatewayConfig()


@pytest.mark.parametrize("environment", ["dev", "test", "live"])
def test_each_environment_can_be_read(environment: str) -> None:
    config = load_config(environ={"TOKLIGENCE_ENVIRONMENT": environment})
    assert config.environment == environment
    assert config.base_url == DEFAULT_BASE_URL


def test_strangers_do_not_sign_up_in_live() -> None:
    assert load_config(environ={"TOKLIGENCE_ENVIRONMENT": "live"}).sign_up == "closed"
