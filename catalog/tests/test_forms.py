from __future__ import annotations

from decimal import Decimal

import pytest

from catalog.forms import OfferForm, PublishForm

GOOD = {"name": "acme-llama", "model_family": "llama", "price_per_1k_tokens": "0.0007", "trial_tokens": "0"}


def cleaned(**changes: str) -> dict[str, object]:
    form = PublishForm({**GOOD, **changes})
    assert form.is_valid(), form.errors
    return form.cleaned_data


@pytest.mark.parametrize(
    ("typed", "price"),
    [
        ("0.0007", "0.0007"),
        ("0", "0"),
        ("-0", "0"),
        (" 1.50 ", "1.50"),
        ("5E-7", "0.0000005"),
        ("1e6", "1000000"),
        ("0e999999", "0"),
        ("0.000000000001", "0.000000000001"),
    ],
)
def test_a_price_is_exact_and_can_be_sent(typed: str, price: str) -> None:
    value = cleaned(price_per_1k_tokens=typed)["price_per_1k_tokens"]
    assert format(value, "f") == price
    assert isinstance(value, Decimal)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        (
            "price_per_1k_tokens",
            ["", "free", "-0.01", "1e999", "NaN", "Infinity", "1000000.01", "1e-13", "9" * 9999],
        ),
        ("trial_tokens", ["", "-1", "1.5", "1e3", "many", str(10**30), str(2**53), "9" * 9999]),
        ("name", ["", "   ", "a\x00b", "x" * 201]),
        ("model_family", ["", "\x00", "x" * 201]),
    ],
)
def test_nonsense_is_refused_at_its_field(field: str, typed: list[str]) -> None:
    for text in typed:
        assert list(PublishForm({**GOOD, field: text}).errors) == [field], text


@pytest.mark.parametrize("token", ["", "x" * 32, "0" * 31, "0" * 33, "0" * 31 + "\n", "0" * 99_999])
def test_a_token_that_cannot_be_ours_is_forgotten(token: str) -> None:
    assert cleaned(token=token)["token"] == ""


def test_each_form_has_a_token_of_its_own() -> None:
    tokens = {str(PublishForm()["token"].value()) for _form in range(2)}
    assert len(tokens) == 2
    assert all(cleaned(token=token)["token"] == token for token in tokens)


def test_an_update_takes_no_name() -> None:
    form = OfferForm(GOOD)
    assert form.is_valid()
    assert "name" not in form.cleaned_data


def test_a_field_is_described_by_its_help_and_its_message() -> None:
    form = PublishForm()
    assert 'aria-describedby="id_name_helptext id_name_message"' in str(form["name"])
    assert 'aria-describedby="id_price_per_1k_tokens_message"' in str(form["price_per_1k_tokens"])
