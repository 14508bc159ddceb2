from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.forms import EmailForm
from gateway_site.config import READERS, ConfigError, load_config
from gateway_site.tests.config_files import Write, one_line, refusal

BAD: list[tuple[str, str, str]] = [
    *[
        ("environment", raw, "must be one of dev, test, live")
        for raw in ("prod", "developments", "live ; really", "dev test")
    ],
    ("base_url", "localhost:8080", "http://"),
    ("base_url", "ftp://a.example", "must begin with http:// or https://"),
    ("base_url", "http://", "has no host"),
    ("base_url", "http://a.example?x=1", "query"),
    ("base_url", "http://a.example:99999", "http://localhost:8080"),
    *[
        (key, raw, "must be an email address such as ada@example.com, or empty")
        for key in ("email", "admin_email")
        for raw in ("ada", "ada@", "@example.com", "a b@example.com", "a@b@c.co", '"a"@b.co', "a@b", "a@b..c")
    ],
    *[
        ("enable_provider", raw, "must be true or false (also yes, no, on, off, 1, 0)")
        for raw in ("maybe", "2", "-1", "y", "truе", "enabled", "None")
    ],
    *[
        ("price_per_1k", raw, "must be US dollars per 1,000 tokens, 0 to 1000000, written like 0.002")
        for raw in (
            "free",
            "-1",
            "-0",
            "-0.00",
            "+1",
            "NaN",
            "sNaN",
            "nan",
            "inf",
            "Infinity",
            "-inf",
            "1e999",
            "1e-3",
            "1_000",
            "0,5",
            "$1",
            "1000000.01",
            "99999999",
            "９",
            "1 2",
            ".",
            "0x10",
        )
    ],
    ("price_per_1k", "0.0000000000001", "must have 12 decimal places at most"),
    *[
        ("trial_tokens", raw, "must be a whole number of tokens, 0 or more, such as 10000")
        for raw in ("-1", "1.5", "1e3", "1,000", "1_000", "many", "9007199254740992", "٣", "0x1", "9" * 5000)
    ],
    *[
        ("catalog_max_age", raw, "must be a whole number of seconds, 0 or more, such as 300")
        for raw in ("-1", "1.5", "5m", "1e3", "1_000", "never", "1000000000", "٣", "9" * 5000)
    ],
    *[
        ("sign_up", raw, "must be open, closed, or a domain such as @example.com")
        for raw in ("maybe", "example.com", "@", "@example", "@-a.com", "@a..com", "open closed", "ada@b.co")
    ],
    *[
        ("log_level", raw, "must be one of debug, info, warning, error, critical")
        for raw in ("verbose", "20", "notset", "warn")
    ],
    *[("log_format", raw, "must be one of text, json") for raw in ("xml", "text,json")],
    *[
        (key, raw, "must be one line of plain text")
        for key in ("display_name", "publish_name", "model_family", "log_file", "head_log")
        for raw in ("a\tb", "a\x00b", "a\x1b[31m", "a\u2028b", "x" * 1001)
    ],
]
EMPTY_IS_BAD = (
    "environment",
    "base_url",
    "enable_provider",
    "price_per_1k",
    "trial_tokens",
    "catalog_max_age",
    "sign_up",
)


@pytest.mark.parametrize(
    ("layer", "key", "raw", "right"),
    [
        (layer, *bad)
        for layer in ("setting.ini", "dev/gateway.ini", "environment")
        for bad in BAD
        if (layer, bad[0]) != ("dev/gateway.ini", "environment")  # refused there whatever it says
    ],
)
def test_the_message_names_place_key_value_and_what_is_right(
    layer: str, key: str, raw: str, right: str, tmp_path: Path, write: Write
) -> None:
    environ = {}
    if layer == "environment":
        environ = {f"TOKLIGENCE_{key.upper()}": raw}
        place = f"environment: TOKLIGENCE_{key.upper()}"
    else:
        write(layer, f"{key} = {raw}")
        place = f"config/{layer}"

    message = refusal(tmp_path, environ)

    shown = repr(raw) if len(raw) <= 100 else repr(raw[:99] + "…")
    assert message.startswith(f"{place}: {key} = {shown}: ")
    assert right in message


@pytest.mark.parametrize("key", EMPTY_IS_BAD)
def test_an_empty_value_in_a_file_is_refused_where_there_must_be_one(
    key: str, tmp_path: Path, write: Write
) -> None:
    write("setting.ini", f"{key} =")
    assert refusal(tmp_path).startswith(f"config/setting.ini: {key} = '': ")


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:hunter2@exchange.example",
        "ada:hunter2@exchange.example",
        "https://ada:hun/ter2@exchange.example",
        "https://ada:hun ter2@[exchange.example",
        "https://ada:p@ss:hunter2@exchange.example:port",
    ],
)
def test_a_password_in_base_url_is_refused_and_not_shown(url: str, tmp_path: Path) -> None:
    message = refusal(tmp_path, {"TOKLIGENCE_BASE_URL": url})
    assert "must carry no user name or password" in message
    assert not any(part in message for part in ("hun", "ter2", "p@ss"))


@given(key=st.sampled_from(sorted(READERS)), raw=st.text(max_size=300).filter(lambda raw: "\x00" not in raw))
def test_any_value_is_read_or_refused_in_one_line(key: str, raw: str) -> None:
    root = Path("/nonexistent")
    try:
        load_config(root, {f"TOKLIGENCE_{key.upper()}": raw})
    except ConfigError as error:
        one_line(error)


@given(price=st.decimals(min_value=0, max_value=1_000_000, places=12, allow_nan=False, allow_infinity=False))
def test_a_price_keeps_every_decimal(price: Decimal) -> None:
    written = format(price, "f").lstrip("-")
    read = READERS["price_per_1k"](written)
    assert format(read, "f") == written


def test_a_price_is_not_rounded_by_a_float(tmp_path: Path) -> None:
    config = load_config(tmp_path, {"TOKLIGENCE_PRICE_PER_1K": "0.100"})
    assert str(config.price_per_1k) == "0.100"


ADDRESS = st.text("aZ0.-_+@[]\"' ü\u212a", max_size=30)


@given(
    ADDRESS | st.tuples(ADDRESS, ADDRESS).map("@".join) | st.builds("{}@{}.example".format, ADDRESS, ADDRESS)
)
def test_an_address_is_accepted_exactly_where_the_sign_in_page_keeps_it_as_written(raw: str) -> None:
    form = EmailForm({"email": raw})
    wanted = raw.lower() if form.is_valid() and form.cleaned_data["email"] == raw.lower() else None
    try:
        read: object = READERS["email"](raw)
    except ValueError:
        read = None
    assert (read or None) == (wanted if raw.isascii() else None)


@pytest.mark.parametrize(
    "raw",
    [
        *("a@b.c", "a@b.co", "a@-b.co", "a@b-.co", "a@b.c-", ".a@b.co", "a.@b.co", "a@b.co.", "a@b.1"),
        *("a@" + "b" * length + ".co" for length in (63, 64)),
        *("a" * length + "@b.co" for length in (64, 65)),
        *("a@" + "b." * labels + "co" for labels in (124, 125, 126)),
        *("a@[127.0.0.1]", "a@localhost", "a@xn--bcher-kva.example", "o'neil@b.co", "a@b_c.co", "a\n@b.co"),
    ],
)
def test_the_sign_in_page_and_the_configuration_agree(raw: str) -> None:
    try:
        READERS["email"](raw)
        accepted = True
    except ValueError:
        accepted = False
    assert accepted == EmailForm({"email": raw}).is_valid()
