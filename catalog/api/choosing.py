"""What providers/choose and services/choose share: the question, the live catalogue, the answer."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import Field

from accounts.api.errors import BUSY_FOR, ApiError, invalid
from accounts.api.json import ExactNumber
from accounts.registration import PAGE_DEADLINE
from catalog.choosing import Choice, Criteria, NothingFits, Strategy
from catalog.choosing_live import bring_up_to_date
from catalog.mirror import CatalogueError
from catalog.models import LARGEST
from exchange.fields import checked_text


class ChooseQuery(Schema):
    """All of it must be met; what is left out is not asked. Case never matters."""

    name: str = Field("", max_length=200, description="Contained in the name of what is chosen.")
    model_family: str = Field("", max_length=200, description="The whole family.")
    max_price: Decimal | None = Field(
        None, ge=0, le=1_000_000, max_digits=19, decimal_places=12, description="USD per 1,000 tokens."
    )
    min_trial: int = Field(0, ge=0, le=LARGEST, description="Trial tokens.")
    exclude: list[Annotated[str, Field(max_length=400)]] = Field(
        [], max_length=100, description="Providers: a whole name, or # and a number; repeatable."
    )
    strategy: Strategy | None = Field(None, description="Which of those that fit.")


class ListedProviderOut(Schema):
    id: int
    user_id: int
    display_name: str
    description: str


class ListedServiceOut(Schema):
    id: int
    provider_id: int
    name: str
    model_family: str
    price_per_1k_tokens: ExactNumber
    trial_tokens: int


class ChosenProviderOut(Schema):
    provider: ListedProviderOut
    strategy: Strategy
    as_of: datetime
    note: str = Field(description="What to know of how it was chosen; often empty.")


class ChosenServiceOut(ChosenProviderOut):
    service: ListedServiceOut


def criteria_of(query: ChooseQuery) -> Criteria:
    """What is asked. Raises ApiError (422) for text that no catalogue can hold."""
    told = {"name": [query.name], "model_family": [query.model_family], "exclude": query.exclude}
    for name, texts in told.items():
        try:
            for text in texts:
                checked_text(text)
        except ValueError:
            raise invalid([(name, _("must not contain NUL or half a character."))]) from None
    return Criteria(
        name=query.name,
        model_family=query.model_family,
        max_price_per_1k=None if query.max_price is None else query.max_price + 0,  # 0e400 is 0
        min_trial_tokens=query.min_trial,
        exclude=tuple(query.exclude),
    )


def live() -> str:
    """Bring an old catalogue up to date; why it is old all the same, or "". Raises ApiError (503)."""
    try:
        return bring_up_to_date(deadline=PAGE_DEADLINE)
    except CatalogueError as error:
        raise unavailable(str(error)) from error


def nothing_fits(error: NothingFits) -> ApiError:
    """404: there is no such offer; the sentence says what came nearest."""
    return ApiError(404, "nothing_fits", error.sentence)


def unavailable(sentence: str) -> ApiError:
    """503: no catalogue to choose from."""
    headers = {"Retry-After": str(BUSY_FOR)}
    return ApiError(503, "catalogue_unavailable", sentence, headers=headers)


def chosen_out(choice: Choice, stale: str) -> dict[str, Any]:
    """What both answers have in common."""
    return {
        "provider": ListedProviderOut(**choice.provider.model_dump()),
        "strategy": choice.strategy,
        "as_of": choice.as_of,
        "note": " ".join(text for text in (stale, choice.note) if text),
    }
