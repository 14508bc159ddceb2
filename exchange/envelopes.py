"""Reading an answer's body as one of the contract's documents."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from exchange.fields import Int64, WireModel
from exchange.text import clean_text
from exchange.types import Provider, Service, UsageSummary, WireEntry
from exchange.wire_json import WireError, loads

Document = TypeVar("Document", bound=BaseModel)


class ProviderList(WireModel):
    """`GET /providers`"""

    providers: list[Provider]


class ServiceList(WireModel):
    """`GET /services`"""

    services: list[Service]


class ServiceEnvelope(WireModel):
    """`POST /services`"""

    service: Service


class SummaryEnvelope(WireModel):
    """`GET /usage/summary`"""

    summary: UsageSummary


class StatementPage(WireModel):
    """`GET /usage/statement`"""

    entries: list[WireEntry]
    next_after_id: Int64 | None


class ReceiptEnvelope(WireModel):
    """`POST /usage`, where it answers with an entry"""

    entry: WireEntry


def read_document(body: bytes, model: type[Document]) -> Document:
    """The body as that document; raises WireError, whose message names the field that does not fit."""
    try:
        return model.model_validate(loads(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise WireError(clean_text(f"{where}: {first['msg']}")) from None
