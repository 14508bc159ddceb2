from __future__ import annotations

import time

import pytest

from accounts.forms import CodeForm, EmailForm


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  ADA@Example.Com ", "ada@example.com"),
        ("ada+gateway@mail.example.co.uk", "ada+gateway@mail.example.co.uk"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("\u212aelvin@example.com", "kelvin@example.com"),
    ],
)
def test_an_address_is_checked_in_the_form_in_which_it_is_kept(typed: str, kept: str) -> None:
    form = EmailForm({"email": typed})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["email"] == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "ada@example.com\x00",
        "ada\n@example.com",
        "ada@example.com, eve@example.com",
        "Ada <ada@example.com>",
        "a" * 250 + "@example.com",
        "\u0130" * 240 + "@x.com",
        "ada@exa mple.com",
        "\u0430da@example.com",
        "ada@@example.com",
        "ſ@example.com",
        '"ada lovelace"@example.com',
        '"ada\x0c"@example.com',
        "ada@exam\u00adple.com",
        "ada@stra\u00dfe.example",
        "ada@\u3002.com",
        "ada@[127.0.0.1]",
        "ada@" + "a." * 130 + "com",
        "ada@localhost",
        "a" * 65 + "@example.com",
        "ada@b\u00fccher\u3002example",
        "a..da@example.com",
        "ada@-example.com",
    ],
)
def test_what_is_no_address_is_told_so(typed: str) -> None:
    form = EmailForm({"email": typed})
    assert not form.is_valid()
    assert list(form.errors) == ["email"]


@pytest.mark.parametrize("way_back", ["x" * 2001, "/a\x00b"])
def test_a_way_back_that_cannot_be_right_keeps_nobody_from_signing_in(way_back: str) -> None:
    form = EmailForm({"email": "ada@example.com", "next": way_back})
    assert form.is_valid()
    assert form.cleaned_data["next"] == ""


@pytest.mark.parametrize(
    "typed", ["123456", " 123 456 ", "123-456", "123–456", "1 2 3 4 5 6", "123\u00a0456"]
)
def test_a_code_may_be_pasted_as_the_mail_shows_it(typed: str) -> None:
    form = CodeForm({"code": typed})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["code"] == "123456"


@pytest.mark.parametrize(
    "typed", ["", "12345", "123456789", "12345a", "१२३४५६", "123456\x00", "-" * 20, "1" * 5000, "123.456"]
)
def test_what_is_no_code_is_not_tried(typed: str) -> None:
    assert not CodeForm({"code": typed}).is_valid()


@pytest.mark.parametrize("typed", ["ada@" + "ü." * 500_000 + "com", "1" * 1_000_000, " " * 1_000_000])
def test_what_is_far_too_long_is_refused_at_once_and_not_shown_again(typed: str) -> None:
    began = time.monotonic()
    email, code = EmailForm({"email": typed, "next": "/" + typed}), CodeForm({"code": typed})
    assert (email.is_valid(), code.is_valid()) == (False, False)
    page = str(email) + str(code)
    assert time.monotonic() - began < 2
    assert len(page) < 5000


def test_a_code_of_any_other_length_is_told_what_a_code_looks_like() -> None:
    for typed in ("12345", "1" * 21):
        assert CodeForm({"code": typed}).errors["code"] == [
            "A code has six to eight digits. Copy it from the email as it stands there."
        ]
