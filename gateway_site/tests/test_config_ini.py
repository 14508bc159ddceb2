from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_site.config import READERS, ConfigError, load_config
from gateway_site.tests.config_files import Write, one_line, refusal


@pytest.mark.parametrize(
    "text",
    [
        "email = ada@example.com\nprice_per_1k = 0.25\n",
        "[gateway]\nemail = ada@example.com\nprice_per_1k = 0.25\n",
        "[one]\nemail = ada@example.com\n[two]\nprice_per_1k = 0.25\n",
        "email = ada@example.com\n[gateway]\nprice_per_1k = 0.25\n",
        "[a]\nemail=ada@example.com\n[b]\n[a]\nprice_per_1k=0.25",
        "﻿email = ada@example.com\nprice_per_1k = 0.25\n",
        "﻿[gateway]\r\nemail = ada@example.com\r\nprice_per_1k = 0.25\r\n",
        "email = ada@example.com\rprice_per_1k = 0.25\r",
        "# a comment\n\n; another\n  # indented\n[gateway] \n  email = ada@example.com\n\tprice_per_1k=0.25",
        "EMAIL=ada@example.com\nPrice_Per_1K   =   0.25   ",
        "display_name =\n    email = ada@example.com\n    price_per_1k = 0.25",
        "[DEFAULT]\nemail = ada@example.com\nprice_per_1k = 0.25",
    ],
)
def test_every_common_form_is_read(text: str, tmp_path: Path, write: Write) -> None:
    write("setting.ini", text)
    config = load_config(tmp_path, {})
    assert (config.email, config.price_per_1k, config.display_name) == (
        "ada@example.com",
        Decimal("0.25"),
        "",
    )


def test_percent_signs_and_equals_signs_are_ordinary(tmp_path: Path, write: Write) -> None:
    write("setting.ini", "display_name = 100%(safe)s = yes")
    assert load_config(tmp_path, {}).display_name == "100%(safe)s = yes"


@pytest.mark.parametrize(
    "text",
    ["email = a@b.co\nemail = c@d.co", "[one]\nemail = a@b.co\n[two]\nEMAIL = c@d.co"],
)
def test_a_key_that_stands_twice_is_refused(text: str, tmp_path: Path, write: Write) -> None:
    write("setting.ini", text)
    assert refusal(tmp_path) == ("config/setting.ini: email = 'c@d.co': stands in this file twice; keep one")


@pytest.mark.parametrize("line", ["email", "email: ada", "[gateway"])
def test_a_line_that_is_no_setting_is_named(line: str, tmp_path: Path, write: Write) -> None:
    write("setting.ini", f"# first\n\n{line}\n")
    assert refusal(tmp_path) == f"config/setting.ini: line 3: {line!r}: must be `key = value`"


@pytest.mark.parametrize("text", [b"email = \xe9", b"\xff\xfee\x00m\x00", b"\x00\x80"])
def test_a_file_that_is_not_utf_8_is_refused(text: bytes, tmp_path: Path, write: Write) -> None:
    write("setting.ini", text)
    assert refusal(tmp_path) == "config/setting.ini: cannot be read (it is not UTF-8 text)"


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config" / "dev" / "gateway.ini").mkdir(parents=True)
    assert refusal(tmp_path) == "config/dev/gateway.ini: cannot be read (Is a directory)"


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert refusal(tmp_path) == "config/setting.ini: cannot be read (Permission denied)"


def test_environment_is_not_set_in_an_environments_own_file(tmp_path: Path, write: Write) -> None:
    write("dev/gateway.ini", "environment = live")
    assert refusal(tmp_path) == (
        "config/dev/gateway.ini: environment = 'live': is chosen in config/setting.ini "
        "or by TOKLIGENCE_ENVIRONMENT, not here"
    )


@given(text=st.text())
def test_any_text_is_read_or_refused_in_one_line(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.getbasetemp() / "any-text"
    (root / "config").mkdir(parents=True, exist_ok=True)
    (root / "config" / "setting.ini").write_bytes(text.encode(errors="surrogatepass"))
    try:
        load_config(root, {})
    except ConfigError as error:
        one_line(error)


def test_a_file_says_what_was_meant(tmp_path: Path, write: Write) -> None:
    write("dev/gateway.ini", "price_per_1000 = 1")
    assert refusal(tmp_path) == (
        "config/dev/gateway.ini: price_per_1000 = '1': unknown key; did you mean price_per_1k?"
    )


def test_a_variable_says_what_was_meant(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"TOKLIGENCE_BASEURL": "http://a.example"}) == (
        "environment: TOKLIGENCE_BASEURL: baseurl = ***: unknown key; did you mean base_url?"
    )


def test_a_key_like_no_other_gets_them_all(tmp_path: Path, write: Write) -> None:
    write("setting.ini", "colour = red")
    message = refusal(tmp_path)
    assert message.startswith("config/setting.ini: colour = 'red': unknown key; known are environment, ")
    assert all(key in message for key in READERS)


@pytest.mark.parametrize("key", ["SECRET_KEY", "DATABASE_URL", "API_TOKEN", "MAIL_PASSWORD"])
def test_what_may_be_a_secret_in_the_wrong_place_is_not_shown(key: str, tmp_path: Path, write: Write) -> None:
    assert "hunter2" not in refusal(tmp_path, {f"TOKLIGENCE_{key}": "hunter2"})
    write("setting.ini", f"{key} = hunter2")
    assert "hunter2" not in refusal(tmp_path)
