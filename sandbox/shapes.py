"""The bodies that the contract knows: strict on every field of theirs, blind to others."""

from decimal import Decimal
from typing import Annotated, Literal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

MAX_INT64 = 2**63 - 1


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain a NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain half of a surrogate pair")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _an_email(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError:
        raise ValueError("must be an email address") from None
    # Lower case may be longer than what was sent: the limit is for what is stored.
    if len(lowered := text.lower()) > 254:
        raise ValueError("must be at most 254 characters long")
    return lowered


def _a_number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a number")
    return Decimal(value)


Text = Annotated[str, AfterValidator(_storable)]
Name = Annotated[Text, AfterValidator(_not_blank), Field(max_length=200)]
Email = Annotated[Text, AfterValidator(_an_email), Field(max_length=254)]
Tokens = Annotated[int, Field(ge=0, le=MAX_INT64)]
Identifier = Annotated[int, Field(ge=-MAX_INT64 - 1, le=MAX_INT64)]
# USD per 1,000 tokens.
Price = Annotated[Decimal, BeforeValidator(_a_number), Field(ge=0, max_digits=24, decimal_places=12)]


class Registration(BaseModel):
    """The body of POST /users. The email comes out in lower case."""

    model_config = ConfigDict(strict=True, frozen=True)

    email: Email
    roles: Annotated[list[Literal["consumer", "provider"]], Field(min_length=1, max_length=20)]
    display_name: Annotated[Text, Field(max_length=200)] = ""
    description: Annotated[Text, Field(max_length=4000)] = ""


class Offering(BaseModel):
    """The body of POST /services."""

    model_config = ConfigDict(strict=True, frozen=True)

    provider_id: Identifier
    name: Name
    model_family: Name
    price_per_1k_tokens: Price
    trial_tokens: Tokens = 0


class UsageReport(BaseModel):
    """The body of POST /usage."""

    model_config = ConfigDict(strict=True, frozen=True)

    user_id: Identifier
    service_id: Identifier
    prompt_tokens: Tokens
    completion_tokens: Tokens
    direction: Literal["consume", "supply"]
    memo: Annotated[Text, Field(max_length=4000)] = ""
