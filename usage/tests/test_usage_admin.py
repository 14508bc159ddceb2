from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.factories import make_account, make_user
from accounts.models import ApiKey, ExchangeAccount
from accounts.operating import lists as admin_lists
from usage.factories import make_entries, make_entry
from usage.models import (
    BudgetNotice,
    Chain,
    Delivery,
    DeliveryAttempt,
    DeliveryQueue,
    KeyDay,
    LedgerEntry,
    OverBudget,
    QuarantinedRow,
    ReconciliationLine,
    ReconciliationRun,
    VerificationRun,
)
from usage.tests.books import make_book

pytestmark = pytest.mark.django_db
MODELS: dict[str, Any] = {
    "ledgerentry": LedgerEntry,
    "delivery": Delivery,
    "deliveryqueue": DeliveryQueue,
    "chain": Chain,
    "reconciliationrun": ReconciliationRun,
    "reconciliationline": ReconciliationLine,
    "verificationrun": VerificationRun,
    "keyday": KeyDay,
    "overbudget": OverBudget,
    "budgetnotice": BudgetNotice,
    "quarantinedrow": QuarantinedRow,
}
TODAY = "since=2026-01-01&until=2126-01-01"
LISTS: dict[str, Callable[[], str]] = {
    **{f"list of {name}": (lambda name=name: f"{name}/") for name in MODELS},
    **{
        f"days of {name}": (lambda name=name: f"{name}/?{TODAY}")
        for name in ("ledgerentry", "delivery", "reconciliationrun", "verificationrun", "quarantinedrow")
    },
    **{
        f"{name} of an account": (lambda name=name: f"{name}/?account={book_of()}")
        for name in ("ledgerentry", "reconciliationrun", "verificationrun", "quarantinedrow")
    },
    **{
        f"{name} of an address": (lambda name=name: f"{name}/?q=ada@example.com")
        for name in ("ledgerentry", "chain", "reconciliationrun", "verificationrun", "quarantinedrow")
    },
    **{
        f"{name} by {what}": (lambda name=name, what=what: f"{name}/?q={of_entry(what)}")
        for name in ("ledgerentry", "delivery")
        for what in ("seq", "hash", "entry_id")
    },
    "entries of a key": lambda: f"ledgerentry/?api_key={ApiKey.objects.get().pk}",
    "pending deliveries": lambda: "delivery/?state=pending",
    "sending deliveries": lambda: "delivery/?state=sending",
    "uncertain deliveries": lambda: "delivery/?state=uncertain",
    "rejected deliveries": lambda: "delivery/?state=rejected",
    "different runs": lambda: "reconciliationrun/?status=different",
    "runs of a status and days": lambda: f"reconciliationrun/?status=different&{TODAY}",
    "verifications that failed": lambda: "verificationrun/?ok=no",
    "days of a key": lambda: f"keyday/?key={KeyDay.objects.order_by('pk')[0].key_id}",
    "lines of a run": lambda: f"reconciliationline/?run={ReconciliationRun.objects.get().pk}",
}
PAGES: dict[str, Callable[[], str]] = {
    "app": lambda: "",
    **LISTS,
    **{f"one {name}": (lambda name=name: page_of(name)) for name in MODELS},
    **{f"history of {name}": (lambda name=name: page_of(name, "history")) for name in MODELS},
}


def book_of() -> int:
    return Chain.objects.get().account_id


def of_entry(what: str) -> str:
    return str(getattr(LedgerEntry.objects.get(seq=9), what))


def page_of(name: str, page: str = "change") -> str:
    pk = MODELS[name].objects.order_by("pk").values_list("pk", flat=True)[0]
    return f"{name}/{pk}/{page}/"


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_account(user=make_user(email="root@example.com", staff=True)).user)
    return client


@pytest.fixture
def book() -> ExchangeAccount:
    """A book, and a row of everything that belongs to it."""
    account = make_book(make_account(user=make_user(email="ada@example.com")))
    now = timezone.now()
    key = ApiKey.objects.get()
    reached = {
        "unit": "tokens",
        "period": "total",
        "limit": 1000,
        "spent": 1500,
    }
    OverBudget.objects.create(entry=LedgerEntry.objects.filter(api_key=key)[0], key=key, **reached)
    BudgetNotice.objects.create(key=key, kind="full", threshold=1000, noted_at=now, **reached)
    QuarantinedRow.objects.create(
        account=account, api_key=key, received_at=now, reason="no_service", identity=account.chain.chain_id
    )
    delivery = Delivery.objects.order_by("pk")[0]
    DeliveryAttempt.objects.create(delivery=delivery, number=1, started_at=now, error="tried <once>")
    run = ReconciliationRun.objects.create(
        account=account, started_at=now, finished_at=now, status="different", head_hash="a" * 64
    )
    ReconciliationLine.objects.create(run=run, kind="ours_only", entry=delivery.entry, message="not there")
    VerificationRun.objects.create(
        account=account,
        started_at=now,
        finished_at=now,
        ok=False,
        entries=24,
        head_seq=24,
        head_hash="b" * 64,
        problems=[{"seq": 3, "kind": "changed", "message": "Entry 3 is not what was recorded."}],
    )
    return account


def opened(client: Client, path: str) -> HttpResponse:
    response: HttpResponse = client.get(f"/admin/usage/{path}")
    assert response.status_code == 200, path
    return response


def text_of(client: Client, path: str) -> str:
    return html.unescape(opened(client, path).content.decode())


def rows(client: Client, path: str) -> list[Any]:
    return list(opened(client, path).context["cl"].result_list)  # type: ignore[attr-defined]


def seqs(client: Client, path: str) -> list[int]:
    return [row.seq for row in rows(client, path)]


@pytest.mark.parametrize("which", PAGES)
def test_an_operator_opens_every_page(which: str, book: ExchangeAccount, operator: Client) -> None:
    assert opened(operator, PAGES[which]())


@pytest.mark.parametrize("which", ["app", *(f"one {name}" for name in MODELS), "list of ledgerentry"])
def test_who_is_no_operator_opens_none(which: str, book: ExchangeAccount) -> None:
    client = Client()
    client.force_login(book.user)
    assert client.get(f"/admin/usage/{PAGES[which]()}", follow=True).status_code == 403


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_added_changed_or_deleted(name: str, book: ExchangeAccount, operator: Client) -> None:
    base = f"/admin/usage/{name}/"
    pk = page_of(name).split("/")[1]
    assert operator.get(f"{base}add/").status_code == 403
    assert operator.post(f"{base}{pk}/change/", {"memo": "x"}).status_code == 403
    assert operator.post(f"{base}{pk}/delete/", {"post": "yes"}).status_code == 403
    operator.post(base, {"action": "delete_selected", "_selected_action": pk, "post": "yes"})
    assert MODELS[name].objects.filter(pk=pk).exists()
    page = text_of(operator, page_of(name))
    assert 'name="_save"' not in page
    assert "deletelink" not in page


def test_the_newest_entries_come_first(book: ExchangeAccount, operator: Client) -> None:
    assert seqs(operator, "ledgerentry/") == list(range(24, 0, -1))
    assert seqs(operator, "ledgerentry/?o=1") == list(range(24, 0, -1)), "no other order is offered"
    assert seqs(operator, "delivery/") == list(range(24, 0, -1))


@pytest.mark.parametrize("what", ["seq", "hash", "entry_id"])
@pytest.mark.parametrize("name", ["ledgerentry", "delivery"])
def test_an_entry_is_found_by_what_names_it(
    name: str, what: str, book: ExchangeAccount, operator: Client
) -> None:
    typed = of_entry(what)
    assert seqs(operator, f"{name}/?q={typed}") == [9]
    assert seqs(operator, f"{name}/?q=%20{typed.upper()}%20") == [9]


def test_a_number_is_found_in_every_account(book: ExchangeAccount, operator: Client) -> None:
    other = make_entry()
    found = rows(operator, "ledgerentry/?q=%231")
    assert {entry.account_id for entry in found} == {book.pk, other.account_id}


def test_an_address_finds_the_entries_of_one_person(book: ExchangeAccount, operator: Client) -> None:
    make_entry()
    assert seqs(operator, "ledgerentry/?q=Ada@example.com") == list(range(24, 0, -1))
    assert rows(operator, "ledgerentry/?q=nobody@example.com") == []
    assert len(rows(operator, "chain/?q=ada@example.com")) == 1
    assert rows(operator, "reconciliationrun/?q=nobody@example.com") == []
    assert len(rows(operator, "verificationrun/?q=ada@example.com")) == 1


@pytest.mark.parametrize(
    "query",
    [
        "'",
        "a" * 5000,
        "%F0%9F%98%80",
        "9" * 30,
        "9" * 19,
        "@",
        "nightly",
        "0b1f6b8e-7c39-4a56-9c0d-3a1d2e4f5a6b",
    ],
)
@pytest.mark.parametrize("name", ["ledgerentry", "delivery", "chain", "reconciliationrun", "verificationrun"])
def test_the_search_takes_anything_and_finds_nothing(
    name: str, query: str, book: ExchangeAccount, operator: Client
) -> None:
    assert rows(operator, f"{name}/?q={query}") == []


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("number", ["99999999999999999999", "-1", "x", "%00"])
def test_a_page_of_nothing_leads_home(
    name: str, number: str, book: ExchangeAccount, operator: Client
) -> None:
    for page in ("change", "history"):
        answer = operator.get(f"/admin/usage/{name}/{number}/{page}/?_to_field=")
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_entries_are_found_by_the_day_on_which_they_were_recorded(
    book: ExchangeAccount, operator: Client
) -> None:
    today = datetime.now(UTC).date()
    day = timedelta(days=1)
    for name in ("ledgerentry", "delivery"):
        assert len(rows(operator, f"{name}/?since={today - day}&until={today}")) == 24
        assert rows(operator, f"{name}/?since={today + day}") == []
        assert rows(operator, f"{name}/?until={today - day}") == []
    for name in ("reconciliationrun", "verificationrun"):
        assert len(rows(operator, f"{name}/?since={today - day}&until={today}")) == 1
        assert rows(operator, f"{name}/?until={today - day}") == []


def test_what_is_no_day_is_said_to_be_none(book: ExchangeAccount, operator: Client) -> None:
    page = text_of(operator, "ledgerentry/?since=yesterday&until=9999-12-31&api_key=1")
    assert "A day is written as 2026-01-31." in page
    assert 'value="yesterday"' in page, "what was typed is kept"
    assert '<input type="hidden" name="api_key" value="1">' in page, "the other filters stay"
    assert "A day is written as" not in text_of(operator, "ledgerentry/")


@pytest.mark.parametrize("query", ["account=x", "account=%00", "api_key=-1", "api_key=" + "9" * 30, "run=x"])
def test_a_filter_for_what_cannot_be_finds_nothing(
    query: str, book: ExchangeAccount, operator: Client
) -> None:
    name = "reconciliationline" if query.startswith("run") else "ledgerentry"
    assert rows(operator, f"{name}/?{query}") == []


@pytest.mark.parametrize(
    ("query", "count"),
    [("pending", 8), ("rejected", 0), ("uncertain", 0), ("sending", 0), ("delivered", 24)],
)
def test_deliveries_that_may_need_somebody_are_found(
    query: str, count: int, book: ExchangeAccount, operator: Client
) -> None:
    expected = Delivery.objects.filter(state="pending").count() if query == "pending" else count
    assert len(rows(operator, f"delivery/?state={query}")) == expected


def test_entry_key_and_delivery_lead_to_each_other(book: ExchangeAccount, operator: Client) -> None:
    entry = LedgerEntry.objects.get(seq=9)
    key = f"/admin/accounts/apikey/{entry.api_key_id}/change/"
    delivery = f"/admin/usage/delivery/{entry.pk}/change/"
    own = f"/admin/usage/ledgerentry/{entry.pk}/change/"
    for page in ("ledgerentry/", f"ledgerentry/{entry.pk}/change/"):
        assert key in text_of(operator, page)
        assert delivery in text_of(operator, page)
    for page in ("delivery/", f"delivery/{entry.pk}/change/"):
        assert own in text_of(operator, page)
    assert own in text_of(operator, f"ledgerentry/?api_key={entry.api_key_id}")
    original, reversal = LedgerEntry.objects.get(seq=3), LedgerEntry.objects.get(reverses_seq=3)
    assert f"/ledgerentry/{reversal.pk}/change/" in text_of(operator, f"ledgerentry/{original.pk}/change/")
    assert f"/ledgerentry/{original.pk}/change/" in text_of(operator, f"ledgerentry/{reversal.pk}/change/")
    assert f"/ledgerentry/?account={book.pk}" in text_of(operator, f"chain/{book.pk}/change/")


def test_an_entry_shows_its_exact_hashes(book: ExchangeAccount, operator: Client) -> None:
    entry = LedgerEntry.objects.get(seq=9)
    page = text_of(operator, f"ledgerentry/{entry.pk}/change/")
    assert f"<code>{entry.hash}</code>" in page
    assert f"<code>{entry.prev_hash}</code>" in page


def test_a_reversal_counts_negative_with_a_minus_sign(book: ExchangeAccount, operator: Client) -> None:
    assert "\u22121,500" in text_of(operator, "ledgerentry/")


def test_a_delivery_shows_its_attempts_and_a_run_its_lines(book: ExchangeAccount, operator: Client) -> None:
    assert "tried <once>" in text_of(operator, page_of("delivery"))
    page = text_of(operator, page_of("reconciliationrun"))
    assert "not there" in page
    assert f"/reconciliationline/?run={ReconciliationRun.objects.get().pk}" in page


def test_no_more_inline_rows_are_shown_than_a_page_holds(
    book: ExchangeAccount, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_lists, "MOST_INLINE", 2)
    run = ReconciliationRun.objects.get()
    for number in range(3):
        ReconciliationLine.objects.create(run=run, kind="theirs_only", message=f"line-{number}")
    page = text_of(operator, page_of("reconciliationrun"))
    assert "line-0" in page
    assert "line-1" not in page


def test_one_leafs_no_further_than_the_bound_and_is_told(
    book: ExchangeAccount, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "24 ledger entries" in text_of(operator, "ledgerentry/")
    monkeypatch.setattr(admin_lists, "MOST_ROWS", 20)
    monkeypatch.setattr(admin_lists.LongTableAdmin, "most_rows", 20)
    monkeypatch.setattr(admin_lists.LongTableAdmin, "list_per_page", 10)
    page = text_of(operator, "ledgerentry/")
    assert "The first 20. Choose a day or search to see others." in page
    assert seqs(operator, "ledgerentry/?p=2") == list(range(14, 4, -1))
    assert operator.get("/admin/usage/ledgerentry/?p=3").status_code == 302, "there is no such page"


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        # session, user, the bounded count, the rows, the account that the page's frame names
        ("ledgerentry/", 5),
        ("delivery/", 5),
        ("chain/", 5),
        ("reconciliationrun/", 5),
        ("verificationrun/", 5),
        ("reconciliationline/", 5),
        ("keyday/", 5),
        ("overbudget/", 5),
        ("budgetnotice/", 5),
        ("quarantinedrow/", 5),
        # no choice of a filter is counted, even where somebody asks for that
        ("reconciliationrun/?_facets=True", 5),
        # and the first entry of each day, for the keys between them
        (f"delivery/?{TODAY}", 7),
    ],
)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    path: str, queries: int, book: ExchangeAccount, operator: Client
) -> None:
    with CaptureQueriesContext(connection) as captured:
        opened(operator, path)
    assert len(captured) == queries, "\n".join(query["sql"] for query in captured)


# one that was found by its key needs no order, and these indexes hold no more than what is asked for
FOUND_BY_KEY = re.compile(r"(chain|delivery|ledgerentry)/\?q=(?!ada@)|chain/\?q=")
SMALL_INDEXES = ("usage_delivery_pending", "usage_delivery_sending")


@pytest.mark.parametrize("which", LISTS)
def test_every_list_is_read_along_an_index(which: str, book: ExchangeAccount, operator: Client) -> None:
    """Neither is a whole table read nor anything sorted: over ten million rows either would take seconds."""
    path = LISTS[which]()
    if connection.vendor == "postgresql" and FOUND_BY_KEY.match(path):
        # with a handful of rows every index is as good as the right one
        make_entries(book, 3000)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE usage_ledgerentry, usage_delivery")
    with CaptureQueriesContext(connection) as captured:
        opened(operator, path)
    ours = [sql for query in captured if '"usage_' in (sql := query["sql"]) and sql.startswith("SELECT")]
    assert len(ours) >= 2, "the count and the rows"
    slow = slow_in_sqlite if connection.vendor == "sqlite" else slow_in_postgres
    for sql in ours:
        lines = plan_of(sql)
        wrong = [line for line in lines if slow(line, narrowed="?" in path)]
        if FOUND_BY_KEY.match(path):
            wrong = [line for line in wrong if not line.startswith(("USE TEMP B-TREE", "Sort"))]
        # of a book's few runs, PostgreSQL may as well read those of the days as those of a status
        wrong = [line for line in wrong if not line.startswith("Index Scan usage_reconciliationrun FILTER")]
        # and the newest entries first, each one's delivery by its key, where a day seems to be most of them
        by_key = "Index Scan usage_delivery FILTER (entry_id >="
        wrong = [line for line in wrong if not line.startswith(by_key)]
        assert wrong == [], f"{sql}\n{lines}"


def plan_of(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            return [str(row[3]) for row in cursor.fetchall()]
        # a small table is read whole where that is cheapest: here only where nothing else is possible
        for way in ("seqscan", "sort", "bitmapscan", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        (found,) = cursor.fetchone()
    return list(nodes(found if isinstance(found, list) else json.loads(found)))


def nodes(plan: Any) -> list[str]:
    """Each node on a line: what it is, on which table, and what it passes over."""
    if isinstance(plan, list):
        return [line for one in plan for line in nodes(one)]
    lines = []
    if "Node Type" in plan:
        filtered = f" FILTER {plan['Filter']}" if "Filter" in plan else ""
        lines.append(f"{plan['Node Type']} {plan.get('Relation Name', '')}{filtered}")
    return lines + nodes(plan.get("Plan", [])) + nodes(plan.get("Plans", []))


def slow_in_sqlite(line: str, *, narrowed: bool) -> bool:
    if not line.startswith("SCAN usage_") or line.endswith(SMALL_INDEXES):
        return line.startswith("USE TEMP B-TREE")
    return narrowed  # else it is read in the list's own order, and no further than one can leaf


def slow_in_postgres(line: str, *, narrowed: bool) -> bool:
    if "usage_" not in line:
        return line.startswith(("Sort", "Incremental"))
    return "Seq Scan" in line or "FILTER" in line
