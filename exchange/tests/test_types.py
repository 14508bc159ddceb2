from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exchange import Account, Direction, Provider, Service, StatementEntry, UsageReport, UsageSummary, User
from exchange.envelopes import ProviderList, ReceiptEnvelope, ServiceEnvelope, ServiceList, read_document
from exchange.tests import examples
from exchange.types import FreeTokens
from exchange.wire_json import WireError, dumps


def test_it_reads_an_account_with_its_provider_and_free_quota() -> None:
    raw = {"user": examples.user(free_tokens={"granted": 100, "used": 30}), "provider": examples.provider()}
    account = Account.model_validate(raw)
    assert account.user.roles == ("consumer", "provider")
    assert account.user.free_tokens is not None
    assert account.user.free_tokens.left == 70
    assert account.provider == Provider(id=3, user_id=7, display_name="Ada", description="Llamas")


def test_it_keeps_roles_that_it_does_not_know_and_ignores_unknown_fields() -> None:
    user = User.model_validate(examples.user(roles=["consumer", "auditor"], shoe_size=44))
    assert user.roles == ("consumer", "auditor")
    assert not hasattr(user, "shoe_size")


@pytest.mark.parametrize(
    "odd", [None, "lots", {"granted": "1", "used": 0}, {"granted": 1}, {"granted": -1, "used": 0}]
)
def test_an_extension_that_is_malformed_counts_as_absent(odd: object) -> None:
    assert User.model_validate(examples.user(free_tokens=odd)).free_tokens is None


def test_free_tokens_left_never_fall_below_zero() -> None:
    assert FreeTokens(granted=10, used=25).left == 0


@pytest.mark.parametrize("odd", [True, "12", 1.5, Decimal("1.0"), 2**63, -(2**63) - 1, None, [1]])
@pytest.mark.parametrize("field", ["id", "provider_id"])
def test_an_integer_is_a_json_integer_of_64_bits(field: str, odd: object) -> None:
    with pytest.raises(ValidationError):
        Service.model_validate(examples.service(price_per_1k_tokens=1, **{field: odd}))


@pytest.mark.parametrize("odd", [None, 5, True, ["a"], "a\x00b", "\ud800"])
@pytest.mark.parametrize("field", ["name", "model_family"])
def test_text_is_text_without_nul(field: str, odd: object) -> None:
    with pytest.raises(ValidationError):
        Service.model_validate(examples.service(price_per_1k_tokens=1, **{field: odd}))


@pytest.mark.parametrize(
    "odd",
    [
        "0.5",
        True,
        None,
        -1,
        Decimal("-0.01"),
        Decimal("NaN"),
        Decimal("1E+15"),
        10**400,
        Decimal("1E-31"),
        0.5,
    ],
)
def test_a_price_is_a_plain_decimal_of_zero_or_more(odd: object) -> None:
    with pytest.raises(ValidationError):
        Service.model_validate(examples.service(price_per_1k_tokens=odd))


@pytest.mark.parametrize("raw", [b"0.0003", b"2", b"0", b"1e-7", b"-0.0", b"0.10"])
def test_a_price_on_the_wire_becomes_an_exact_decimal(raw: bytes) -> None:
    body = dumps({"service": examples.service(price_per_1k_tokens=Decimal(1))})
    body = body.replace(b'"price_per_1k_tokens":1', b'"price_per_1k_tokens":' + raw)
    price = read_document(body, ServiceEnvelope).service.price_per_1k_tokens
    assert price == Decimal(raw.decode())
    assert not price.is_signed()


@given(st.decimals(min_value=0, max_value=10**9, places=12))
def test_a_price_survives_the_wire(price: Decimal) -> None:
    body = dumps({"services": [examples.service(price_per_1k_tokens=price)]})
    assert read_document(body, ServiceList).services[0].price_per_1k_tokens == price


def test_a_cost_is_exact() -> None:
    service = Service.model_validate(examples.service(price_per_1k_tokens=Decimal("0.0003")))
    assert service.cost(1) == Decimal("0.0000003")


def test_optional_fields_may_be_null_or_missing() -> None:
    raw = examples.provider(description=None)
    assert Provider.model_validate(raw).description == ""
    bare = examples.service(price_per_1k_tokens=1, trial_tokens=None)
    assert Service.model_validate(bare).trial_tokens == 0
    del bare["trial_tokens"]
    assert Service.model_validate(bare).trial_tokens == 0


def test_a_statement_entry_keeps_the_object_as_it_was_sent() -> None:
    raw = examples.entry(raw="a field of theirs", fee=12)
    read = read_document(dumps({"entry": raw}), ReceiptEnvelope).entry
    assert read.raw == raw
    assert read.direction is Direction.CONSUME
    assert read.created_at == datetime(2025, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)


def test_a_statement_entrys_time_keeps_its_offset() -> None:
    entry = StatementEntry.model_validate(
        {**examples.entry(created_at="2025-01-31T12:00:00+02:00"), "raw": {}}
    )
    assert entry.created_at.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    "moment",
    [
        "2025-01-31T12:00:00",
        "yesterday",
        1738324800,
        None,
        "2025-01-31",
        # no time at all where it is a day earlier, or later
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_a_time_without_offset_is_refused(moment: object) -> None:
    with pytest.raises(ValidationError):
        StatementEntry.model_validate({**examples.entry(created_at=moment), "raw": {}})


@pytest.mark.parametrize(
    "changes", [{"direction": "sideways"}, {"prompt_tokens": -1}, {"completion_tokens": True}, {"memo": 3}]
)
def test_a_usage_report_is_checked(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        examples.report(**changes)


def test_a_summary_without_extensions_has_none() -> None:
    read = UsageSummary.model_validate(examples.summary(net_tokens=-5))
    assert (read.net_tokens, read.ledger_hash, read.entry_count) == (-5, None, None)


def test_types_are_frozen() -> None:
    with pytest.raises(ValidationError):
        examples.report().memo = "changed"  # type: ignore[misc]
    assert isinstance(examples.report(), UsageReport)


def test_a_misfit_names_the_field_and_not_the_value() -> None:
    body = dumps({"providers": [examples.provider(), examples.provider(user_id="secret")]})
    with pytest.raises(WireError, match=r"^providers\.1\.user_id: ") as caught:
        read_document(body, ProviderList)
    assert "secret" not in str(caught.value)
