"""The logs as a file: CSV for a spreadsheet, JSON lines for a program; written while it is read, in UTC."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from accounts.models import ExchangeAccount
from accounts.spreadsheets import Echo, cell
from usage.canonical import moment
from usage.logs.filters import LogFilters
from usage.logs.pages import every_page
from usage.logs.places import Window
from usage.models import LedgerEntry

CONTENT_TYPES: dict[str, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
WINDOW = Window(size=500, looked_at=20_000)
"""Entries held at a time."""


def rows(account: ExchangeAccount, filters: LogFilters) -> Iterator[dict[str, Any]]:
    """Every entry that fits, newest first. The database is asked for some hundreds at a time."""
    for entries in every_page(account, filters, WINDOW):
        for entry in entries:
            yield row(entry)


def row(entry: LedgerEntry) -> dict[str, Any]:
    """One entry with all that was recorded of it."""
    return {name: read(entry) for name, read in FIELDS.items()}


def as_csv(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Lines of CSV with a header; text that a spreadsheet would calculate is given an apostrophe."""
    writer = csv.writer(Echo(), lineterminator="\r\n")
    # by which Excel knows that it is UTF-8
    yield "\ufeff" + writer.writerow(FIELDS)
    for one in found:
        yield writer.writerow(_cell(value) for value in one.values())


def as_json_lines(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One JSON object a line."""
    for one in found:
        yield json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n"


WRITERS: dict[str, Callable[[Iterable[dict[str, Any]]], Iterator[str]]] = {
    "csv": as_csv,
    "jsonl": as_json_lines,
}


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = ", ".join(value)
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False) if value else ""
    return cell(value)


def _decimal(price: Decimal | None) -> str | None:
    return None if price is None else format(price, "f")


def _dollars(nanos: int | None) -> str | None:
    return None if nanos is None else f"{nanos // 10**9}.{nanos % 10**9:09d}"


FIELDS: dict[str, Callable[[LedgerEntry], Any]] = {
    "seq": lambda entry: entry.seq,
    "entry_id": lambda entry: str(entry.entry_id),
    "occurred_at": lambda entry: moment(entry.occurred_at),
    "recorded_at": lambda entry: moment(entry.recorded_at),
    "direction": lambda entry: entry.direction,
    "service_id": lambda entry: entry.service_id,
    "service_name": lambda entry: entry.service_name,
    "model_family": lambda entry: entry.model_family,
    "provider_id": lambda entry: entry.provider_id,
    "provider_name": lambda entry: entry.provider_name,
    "prompt_tokens": lambda entry: entry.prompt_tokens,
    "completion_tokens": lambda entry: entry.completion_tokens,
    "total_tokens": lambda entry: entry.total_tokens,
    "cached_tokens": lambda entry: entry.cached_tokens,
    "reasoning_tokens": lambda entry: entry.reasoning_tokens,
    "price_per_1k_tokens": lambda entry: _decimal(entry.price_per_1k_tokens),
    "cost": lambda entry: _dollars(entry.cost_nanos),
    "currency": lambda entry: entry.currency,
    # -1 for a reversal: tokens and cost times this add up to the totals
    "counts": lambda entry: entry.sign,
    "reverses_seq": lambda entry: entry.reverses_seq,
    "evidence": lambda entry: entry.evidence,
    "source": lambda entry: entry.source,
    "api_key_id": lambda entry: entry.api_key_id,
    "api_key": lambda entry: entry.api_key.label if entry.api_key else None,
    "memo": lambda entry: entry.memo,
    "attributes": lambda entry: json.loads(entry.attributes),
    "delivery": lambda entry: entry.delivery.state,
    "rules": lambda entry: [str(rule.get("id", "")) for rule in entry.delivery.rules],
    "prev_hash": lambda entry: entry.prev_hash,
    "hash": lambda entry: entry.hash,
}
