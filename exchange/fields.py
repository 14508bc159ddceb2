"""The kinds of field that the wire types are made of: strict where the contract speaks, lenient where it is
silent.
"""

from datetime import MAXYEAR, MINYEAR, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

INT64_MAX = 2**63 - 1
# Far beyond any price per 1,000 tokens, and small enough to be written out, stored and multiplied without
# harm.
_PRICE_LIMIT = Decimal(10) ** 15
_PRICE_PLACES = 30

T = TypeVar("T")


class WireModel(BaseModel):
    """Immutable; ignores fields that it does not know, and takes no text for a number or the reverse."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


def checked_price(value: object) -> Decimal:
    """A price in USD per 1,000 tokens from a Decimal or an int; ValueError for anything else, floats
    included.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a decimal number")
    # An int of a million digits must not become a Decimal first.
    if isinstance(value, int) and not 0 <= value <= INT64_MAX:
        raise ValueError("must be zero or more, and below 10^15")
    price = Decimal(value)
    if not price.is_finite() or price < 0 or price >= _PRICE_LIMIT:
        raise ValueError("must be zero or more, and below 10^15")
    exponent = price.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_PRICE_PLACES:
        raise ValueError(f"must have at most {_PRICE_PLACES} decimal places")
    return price.copy_abs()  # −0 is 0


def checked_text(text: str) -> str:
    """The text, if a database and UTF-8 can hold it; ValueError for NUL and lone surrogates."""
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("must not contain NUL or half a character")
    return text


def _empty_for_null(value: object) -> object:
    return "" if value is None else value


def _zero_for_null(value: object) -> object:
    return 0 if value is None else value


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _instant(value: object) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ValueError("must be a time with its offset, like 2025-01-31T12:00:00Z")
    if not MINYEAR < moment.year < MAXYEAR:
        # in another time zone it might lie outside of what a calendar holds
        raise ValueError("must be a time of the years 2 to 9998")
    return moment


def _absent_if_odd(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


Int64 = Annotated[int, Field(ge=-INT64_MAX - 1, le=INT64_MAX)]
Tokens = Annotated[int, Field(ge=0, le=INT64_MAX)]
OptionalTokens = Annotated[Tokens, BeforeValidator(_zero_for_null)]
Text = Annotated[str, AfterValidator(checked_text)]
OptionalText = Annotated[Text, BeforeValidator(_empty_for_null)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)]
Price = Annotated[Decimal, BeforeValidator(checked_price)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
# An extension is a favour: a server that means something else by the name is one without the extension.
Extension = Annotated[T | None, WrapValidator(_absent_if_odd)]
