"""From an answer to what a client's method returns. Each reader raises WireError for an answer that does not
fit.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from exchange.envelopes import ReceiptEnvelope, StatementPage, SummaryEnvelope, read_document
from exchange.text import header_token
from exchange.transport import Answer
from exchange.types import Listing, UsageReceipt, UsageSummary
from exchange.wire_json import WireError

Document = TypeVar("Document", bound=BaseModel)
Item = TypeVar("Item")

_MAX_TAG = 1024


def read_body(model: type[Document]) -> Callable[[Answer], Document]:
    """A reader of that document."""
    return lambda answer: read_document(answer.body or b"", model)


def read_listing(
    model: type[Document], items: Callable[[Document], Sequence[Item]], asked: str | None
) -> Callable[[Answer], Listing[Item]]:
    """A reader of a list that may also be unchanged since the tag `asked`."""

    def read(answer: Answer) -> Listing[Item]:
        tag = entity_tag(answer.headers.get("ETag"))
        if answer.status == 304:
            return Listing((), tag or asked, not_modified=True)
        return Listing(tuple(items(read_body(model)(answer))), tag)

    return read


def read_summary(user_id: int) -> Callable[[Answer], UsageSummary]:
    """A reader of the totals of that account: another's must never be taken for them."""

    def read(answer: Answer) -> UsageSummary:
        summary = read_document(answer.body or b"", SummaryEnvelope).summary
        if summary.user_id != user_id:
            raise WireError(f"these are the totals of user {summary.user_id}, not {user_id}")
        return summary

    return read


def read_receipt(sent_key: str | None) -> Callable[[Answer], UsageReceipt]:
    """A reader of what a usage report answers; any body will do, for the report is counted."""

    def read(answer: Answer) -> UsageReceipt:
        try:
            entry = read_body(ReceiptEnvelope)(answer).entry
        except WireError:
            entry = None
        proved = entry is not None and sent_key is not None and entry.idempotency_key == sent_key
        created = True if answer.status == 201 else False if proved and answer.status == 200 else None
        return UsageReceipt(entry, idempotency_proved=proved, created=created)

    return read


def read_statement_page(after_id: int) -> Callable[[Answer], StatementPage]:
    """A reader of one page, which must lie behind `after_id`: a server that goes in circles must not keep us
    there.
    """

    def read(answer: Answer) -> StatementPage:
        page = read_body(StatementPage)(answer)
        position = after_id
        for entry in page.entries:
            if entry.id <= position:
                raise WireError(f"entry {entry.id} of the statement comes after entry {position}")
            position = entry.id
        if page.next_after_id is not None and page.next_after_id <= after_id:
            raise WireError("next_after_id does not advance")
        return page

    return read


def entity_tag(text: str | None) -> str | None:
    """The ETag if it can be sent back in a header, else None: without a tag everything is fetched anew."""
    return header_token(text, _MAX_TAG)
