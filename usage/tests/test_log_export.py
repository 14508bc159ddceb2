from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.factories import make_account
from accounts.models import ApiKey, ExchangeAccount
from catalog.tests.mirrored import make_provider, make_service
from usage import ledger
from usage.factories import make_draft, make_entries, make_entry, mark
from usage.logs import export as log_export

pytestmark = pytest.mark.django_db
URL = "/usage/logs/export/"
EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "|cmd", "%0"]


def body(client: Client, **asked: str) -> str:
    response = client.get(URL, asked)
    assert response.status_code == 200
    assert isinstance(response, StreamingHttpResponse)
    # a spreadsheet is told that it is UTF-8
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff") is (asked.get("format", "csv") == "csv")
    return text.removeprefix("\ufeff")


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_it_asks_for_a_sign_in(client: Client) -> None:
    assert client.get(URL).status_code == 302


def test_a_csv_has_everything_that_was_recorded(signed_in: Client, account: ExchangeAccount) -> None:
    make_service(provider=make_provider(number=3), number=11, name="o3")
    key = ApiKey.objects.create(user=account.user, label="agent")
    entry = make_entry(
        account=account,
        service_id=11,
        prompt_tokens=10**12,
        memo='a "quoted", 夜间\nline',
        cached_tokens=7,
        source="api",
        api_key=key,
        attributes={"team": "red"},
    )
    mark(entry, "rejected", rules=[{"id": "A", "message": ""}, {"id": "B", "message": ""}])
    (row,) = table(body(signed_in, format="csv"))
    told = {
        "seq": "1",
        "entry_id": str(entry.entry_id),
        "service_name": "o3",
        "provider_name": "Northwind",
        "prompt_tokens": str(10**12),
        "total_tokens": str(10**12 + 300),
        "cached_tokens": "7",
        "reasoning_tokens": "",
        "price_per_1k_tokens": "0.0052",
        "api_key": "agent",
        "memo": 'a "quoted", 夜间\nline',
        "attributes": '{"team": "red"}',
        "delivery": "rejected",
        "rules": "A, B",
        "counts": "1",
        "hash": entry.hash,
        "prev_hash": "0" * 64,
    }
    assert {name: row[name] for name in told} == told
    assert row["occurred_at"].endswith("Z")
    whole, _point, parts = row["cost"].partition(".")
    assert int(whole + parts) == entry.cost_nanos


def test_json_lines_keep_types(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, memo="夜间", attributes={"n": 1}, service_id=99)
    (line,) = body(signed_in, format="jsonl").splitlines()
    row = json.loads(line)
    assert row["prompt_tokens"] == 1200
    assert row["attributes"] == {"n": 1}
    assert row["rules"] == []
    assert row["cost"] is None
    assert row["price_per_1k_tokens"] is None
    assert "夜间" in line


def test_it_is_exactly_what_the_list_finds(signed_in: Client, account: ExchangeAccount) -> None:
    make_entries(account, [make_draft(memo="night" if n % 3 else "day", prompt_tokens=n) for n in range(120)])
    make_entry(account=make_account(), memo="night")
    rows = table(body(signed_in, q="night", least="350"))
    assert [int(row["seq"]) for row in rows] == [n + 1 for n in range(119, 49, -1) if n % 3]
    assert len(table(body(signed_in))) == 120
    assert table(body(signed_in, q="nowhere")) == []


def test_a_reversal_counts_negative(signed_in: Client, account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    ledger.reverse(account, entry.seq, reason="-twice", source="page")
    rows = table(body(signed_in))
    assert sum(int(row["counts"]) * int(row["total_tokens"]) for row in rows) == 0
    assert rows[0]["reverses_seq"] == "1"
    assert rows[0]["memo"] == "'-twice"


@pytest.mark.parametrize("evil", EVIL)
def test_a_spreadsheet_is_given_nothing_to_calculate(
    signed_in: Client, account: ExchangeAccount, evil: str
) -> None:
    key = ApiKey.objects.create(user=account.user, label=evil)
    make_entry(account=account, memo=evil, api_key=key)
    (row,) = table(body(signed_in))
    assert row["memo"] == row["api_key"] == f"'{evil}"
    (line,) = body(signed_in, format="jsonl").splitlines()
    assert json.loads(line)["memo"] == evil


def test_the_file_has_a_name_and_a_type(signed_in: Client, account: ExchangeAccount) -> None:
    today = f"{timezone.now():%Y-%m-%d}"
    whole = signed_in.get(URL, {"format": "csv"})
    part = signed_in.get(URL, {"format": "jsonl", "source": "api"})
    assert whole["Content-Disposition"] == f'attachment; filename="ledger-{today}.csv"'
    assert whole["Content-Type"] == "text/csv; charset=utf-8"
    assert part["Content-Disposition"] == f'attachment; filename="ledger-{today}-filtered.jsonl"'
    assert part["Content-Type"] == "application/x-ndjson"
    assert "no-store" in whole["Cache-Control"]


def test_an_empty_book_is_a_header(signed_in: Client) -> None:
    assert body(signed_in).splitlines() == [",".join(log_export.FIELDS)]
    assert body(signed_in, format="jsonl") == ""


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"format": "xlsx"}, "csv or jsonl"),
        ({"service": "o3"}, "Service"),
        ({"q": "!!"}, "Memo"),
        ({"since": "x", "least": "x"}, "From"),
    ],
)
def test_what_is_not_understood_exports_nothing(
    signed_in: Client, account: ExchangeAccount, asked: dict[str, str], words: str
) -> None:
    make_entry(account=account)
    response = signed_in.get(URL, asked)
    assert response.status_code == 422
    assert words in response.content.decode()


def test_a_look_at_the_headers_reads_no_entry(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    with CaptureQueriesContext(connection) as caught:
        response = signed_in.head(URL)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert not [query for query in caught.captured_queries if "usage_ledgerentry" in query["sql"]]


def test_it_is_sent_while_it_is_read(signed_in: Client, account: ExchangeAccount) -> None:
    """Compressed too: the first bytes are there after the first entries, and not after the last."""
    make_entries(account, 2200)
    response = signed_in.get(URL, HTTP_ACCEPT_ENCODING="gzip")
    assert response["Content-Encoding"] == "gzip"
    pieces = iter(response.streaming_content)
    with CaptureQueriesContext(connection) as caught:
        first = next(pieces)
    assert first
    # the header goes out before anything is read
    assert len(caught.captured_queries) <= 1
    counts = []
    for piece in pieces:
        first += piece
        counts.append(len(piece))
    assert len(table(gzip.decompress(first).decode("utf-8-sig"))) == 2200
    assert len(counts) > 3


def test_its_memory_does_not_grow_with_the_book(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty thousand entries, of which the database is stood in for: only what we hold is measured."""
    entry = make_entry(account=account, memo="m" * 500)
    entry.delivery  # noqa: B018 - read now, not while it is measured

    def pages(*_given: Any) -> Iterator[list[Any]]:
        for start in range(0, 50_000, log_export.WINDOW.size):
            yield [_copy(entry, start + n) for n in range(log_export.WINDOW.size)]

    monkeypatch.setattr(log_export, "every_page", pages)
    tracemalloc.start()
    size = sum(len(line) for line in log_export.as_csv(log_export.rows(account, None)))  # type: ignore[arg-type]
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 40_000_000
    assert peak < 8_000_000


def test_the_database_is_asked_for_some_hundreds_at_a_time(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    from usage.logs.filters import LogFilters

    monkeypatch.setattr(log_export, "WINDOW", replace(log_export.WINDOW, size=10))
    make_entries(account, 35)
    with CaptureQueriesContext(connection) as caught:
        assert len(list(log_export.rows(account, LogFilters({})))) == 35
    assert len(caught.captured_queries) == 4
    assert all("LIMIT 11" in query["sql"] for query in caught.captured_queries)


def test_it_is_read_only(signed_in: Client) -> None:
    assert signed_in.post(URL).status_code == 405


def _copy(entry: Any, seq: int) -> Any:
    import copy

    other = copy.copy(entry)
    other._state = copy.copy(entry._state)
    other.seq, other.memo = seq, f"{entry.memo}{seq}"
    return other
