"""What a dispute pack holds, and that it is of one state of the books."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.factories import make_account, make_user
from accounts.models import ExchangeAccount
from catalog.tests.mirrored import make_provider, make_service
from usage import head_log, triggers
from usage.evidence import books, export, verify
from usage.evidence.verify import MANIFEST, MEMBERS
from usage.factories import make_draft, make_entries, make_entry, mark
from usage.ledger import reverse
from usage.models import Chain, DeliveryAttempt, LedgerEntry, ReconciliationLine, ReconciliationRun
from usage.reconciliation import reconcile
from usage.tests.evidence_packs import ODD_MEMO, made, members_of, objects, varied_books
from usage.tests.their_books import TheirBooks

pytestmark = pytest.mark.django_db
NOVEMBER = (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def check(data: bytes, digest: str, folder: Path) -> int:
    path = folder / "pack.zip"
    path.write_bytes(data)
    return verify.main([str(path), "--expect", digest])


def summary_of(data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(members_of(data)["summary.json"])
    return document


def test_it_holds_every_member_and_its_digest_is_that_of_the_manifest(
    account: ExchangeAccount, tmp_path: Path
) -> None:
    varied_books(account)
    pack, data = made(account)
    members = members_of(data)
    assert sorted(members) == sorted([*MEMBERS, MANIFEST])
    assert verify.sha256(members[MANIFEST]) == pack.digest
    assert (pack.entries, pack.size) == (9, len(data))
    assert check(data, pack.digest, tmp_path) == 0


def test_the_entries_are_the_ledger_s_own(account: ExchangeAccount) -> None:
    varied_books(account)
    _pack, data = made(account)
    lines = objects(members_of(data)["entries.jsonl"])
    entries = list(LedgerEntry.objects.filter(account=account).order_by("seq"))
    assert [line["hash"] for line in lines] == [entry.hash for entry in entries]
    assert [line["seq"] for line in lines] == list(range(1, 10))
    assert lines[2]["memo"] == ODD_MEMO
    assert set(lines[0]) == set(verify.FIELDS)


def test_the_same_books_make_the_same_bytes(account: ExchangeAccount) -> None:
    varied_books(account)
    first, again = made(account), made(account)
    assert first == again
    make_entry(account=account)
    assert made(account)[0].digest != first[0].digest


def test_no_entry_at_all_is_a_pack_too(account: ExchangeAccount, tmp_path: Path) -> None:
    pack, data = made(account)
    assert pack.entries == 0
    assert members_of(data)["entries.jsonl"] == b""
    assert json.loads(members_of(data)["chain.json"])["chain"] is None
    assert check(data, pack.digest, tmp_path) == 0
    assert "Entries     none" in members_of(data)["summary.txt"].decode()


def test_prices_costs_and_what_has_none(account: ExchangeAccount, tmp_path: Path) -> None:
    service = make_service(provider=make_provider(), number=12, price="0.0000000005")
    make_service(provider=service.provider, number=13, price="1000000")
    drafts = [
        make_draft(service_id=12, prompt_tokens=1, completion_tokens=0),
        make_draft(service_id=12, prompt_tokens=3000, completion_tokens=0, direction="supply"),
        make_draft(service_id=13, prompt_tokens=9_000, completion_tokens=0),
        make_draft(service_id=99),
    ]
    make_entries(account, drafts)
    pack, data = made(account)
    lines = objects(members_of(data)["entries.jsonl"])
    # 0.0005 nano-dollars are 0; 1.5 are 2, the even one
    assert [line["cost_nanos"] for line in lines] == [0, 2, 9 * 10**15, None]
    totals = summary_of(data)["totals"]
    assert (totals["cost_nanos"], totals["revenue_nanos"], totals["unpriced_tokens"]) == (9 * 10**15, 2, 1500)
    assert check(data, pack.digest, tmp_path) == 0
    assert "USD 9,000,000.000000000" in members_of(data)["summary.txt"].decode()


def test_totals_are_net_of_reversals_and_states_are_counted(account: ExchangeAccount) -> None:
    entries = make_entries(account, [make_draft(), make_draft(direction="supply", prompt_tokens=5000)])
    reverse(account, entries[0].seq, reason="Twice.", source="page")
    mark(entries[1], "delivered")
    summary = summary_of(made(account)[1])
    assert summary["totals"]["consumed_tokens"] == 0
    assert summary["totals"]["net_tokens"] == 5300
    assert summary["totals"]["reversals"] == 1
    assert summary["states"] == {
        "delivered": {"entries": 1, "consumed_tokens": 0, "supplied_tokens": 5300},
        "withdrawn": {"entries": 2, "consumed_tokens": 3000, "supplied_tokens": 0},
    }


def test_receipts_say_how_each_entry_stands_and_every_attempt(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    mark(
        entry,
        "rejected",
        status=400,
        error="Refused.",
        rules=[{"id": "PRICE_CEILING", "message": "Too much."}],
    )
    DeliveryAttempt.objects.create(
        delivery=entry.delivery, number=1, started_at=timezone.now(), outcome="rejected", status=400
    )
    (line,) = objects(members_of(made(account)[1])["receipts.jsonl"])
    assert (line["seq"], line["hash"], line["state"]) == (1, entry.hash, "rejected")
    assert line["rules"] == [{"id": "PRICE_CEILING", "message": "Too much."}]
    assert [(one["number"], one["outcome"], one["ended_at"]) for one in line["attempts"]] == [
        (1, "rejected", None)
    ]


def test_an_entry_without_a_delivery_is_in_it_and_said(account: ExchangeAccount, tmp_path: Path) -> None:
    make_entry(account=account).delivery.delete()
    pack, data = made(account)
    assert objects(members_of(data)["receipts.jsonl"])[0]["state"] == "missing"
    assert check(data, pack.digest, tmp_path) == 0


def test_what_is_recorded_during_the_export_is_not_in_it(
    account: ExchangeAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_entries(account, 5)
    monkeypatch.setattr(books, "AT_ONCE", 2)
    pack, data = made(account, progress=lambda _done, _total: make_entry(account=account))
    assert Chain.objects.get(account=account).seq > 5
    assert pack.entries == pack.segment.head_seq == 5
    assert check(data, pack.digest, tmp_path) == 0


def test_a_period_is_the_shortest_run_of_the_chain_that_holds_it(
    account: ExchangeAccount, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = [datetime(2026, month, 15, tzinfo=UTC) for month in (10, 11, 9, 11, 10)]
    make_entries(account, [make_draft(occurred_at=day) for day in days])
    pack, data = made(account, since=NOVEMBER[0], until=NOVEMBER[1])
    members = members_of(data)
    assert [line["seq"] for line in objects(members["entries.jsonl"])] == [2, 3, 4]
    ends = json.loads(members["chain.json"])
    assert (ends["first_seq"], ends["last_seq"], ends["head_seq"]) == (2, 4, 5)
    assert ends["first_prev_hash"] != verify.GENESIS
    assert summary_of(data)["totals"]["entries"] == 2
    assert check(data, pack.digest, tmp_path) == 0
    assert "Entries    3: 2 to 4 of 5" in capsys.readouterr().out


def test_a_period_has_the_reversals_of_its_entries(account: ExchangeAccount, tmp_path: Path) -> None:
    days = [datetime(2026, 10, 15, tzinfo=UTC), datetime(2026, 11, 15, tzinfo=UTC)]
    entries = make_entries(account, [make_draft(occurred_at=day) for day in days])
    for entry in entries:
        reverse(account, entry.seq, reason="Both wrong.", source="page")
    pack, data = made(account, since=NOVEMBER[0])
    # 3 takes back entry 1, which occurred before: it is in the run, and in no sum
    assert [line["seq"] for line in objects(members_of(data)["entries.jsonl"])] == [2, 3, 4]
    assert summary_of(data)["totals"]["reversals"] == 1
    assert check(data, pack.digest, tmp_path) == 0


def test_a_period_without_entries_is_a_pack_too(account: ExchangeAccount, tmp_path: Path) -> None:
    make_entry(account=account, occurred_at=datetime(2026, 10, 15, tzinfo=UTC))
    pack, data = made(account, since=NOVEMBER[0], until=NOVEMBER[1], deadline=1)
    assert pack.entries == 0
    assert check(data, pack.digest, tmp_path) == 0


def test_the_exchange_s_statement_is_fetched_outside_a_transaction_and_confirms_the_entries(
    account: ExchangeAccount, theirs: TheirBooks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for entry in make_entries(account, 3):
        theirs.count(entry)
        mark(entry, "delivered")
    theirs.add()
    theirs.page = 2
    pack, data = made(account, deadline=5)
    assert pack.statement.complete
    assert objects(members_of(data)["statement.jsonl"]) == theirs.lines
    assert check(data, pack.digest, tmp_path) == 0
    assert "Statement  entries as the Exchange has them: 3; other lines: 1" in capsys.readouterr().out


def test_a_period_has_the_lines_of_its_entries_only(
    account: ExchangeAccount, theirs: TheirBooks, tmp_path: Path
) -> None:
    for month in (10, 11, 12, 11, 10):
        entry = make_entry(account=account, occurred_at=datetime(2025, month, 15, tzinfo=UTC))
        mark(entry, "delivered", exchange_entry_id=theirs.count(entry)["id"])
    since = datetime(2025, 11, 1, tzinfo=UTC)
    pack, data = made(account, since=since, until=since + timedelta(days=30), deadline=5)
    assert [line["id"] for line in objects(members_of(data)["statement.jsonl"])] == [2, 3, 4]
    assert check(data, pack.digest, tmp_path) == 0


def test_a_line_of_the_statement_is_kept_as_it_was_sent(
    account: ExchangeAccount, theirs: TheirBooks, tmp_path: Path
) -> None:
    theirs.add(extra={"z": [1.5, 0.1, 1e16, True, None], "a": "夜"}, memo=ODD_MEMO)
    pack, data = made(account, deadline=5)
    assert objects(members_of(data)["statement.jsonl"]) == theirs.lines
    assert check(data, pack.digest, tmp_path) == 0


@pytest.mark.parametrize(
    ("is_offered", "reason"),
    [
        (False, "The Exchange offers no statement."),
        (True, "The Exchange could not be reached, or did not answer as it must."),
    ],
)
def test_without_a_statement_the_pack_is_made_and_says_so(
    is_offered: bool, reason: str, account: ExchangeAccount, theirs: TheirBooks, tmp_path: Path
) -> None:
    make_entry(account=account)
    theirs.offers_statement = is_offered
    theirs.meanwhile = _refuse
    pack, data = made(account, deadline=5)
    assert (pack.statement.lines, pack.statement.complete, pack.statement.reason) == (0, False, reason)
    assert f"The Exchange's statement: 0 lines. {reason}" in members_of(data)["summary.txt"].decode()
    assert check(data, pack.digest, tmp_path) == 0


def test_a_statement_that_is_cut_short_is_a_part_and_says_so(
    account: ExchangeAccount, theirs: TheirBooks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for entry in make_entries(account, 4):
        theirs.count(entry)
        mark(entry, "delivered")
    theirs.page = 2
    theirs.meanwhile = lambda: _refuse() if theirs.asked > 1 else None
    pack, data = made(account, deadline=5)
    assert (pack.statement.lines, pack.statement.complete) == (2, False)
    assert check(data, pack.digest, tmp_path) == 0
    said = capsys.readouterr().out
    assert "not all of it is here" in said
    assert "differ" not in said


def test_the_books_of_another_exchange_are_not_compared_with_this_one_s(
    account: ExchangeAccount, theirs: TheirBooks, configure: Any
) -> None:
    make_entry(account=account)
    configure(base_url="http://elsewhere.example")
    pack, _data = made(account, deadline=5)
    assert theirs.asked == 0
    assert "does not act for the account" in pack.statement.reason


def test_the_latest_reconciliation_is_in_it_and_the_latest_that_could_compare(
    account: ExchangeAccount, tmp_path: Path
) -> None:
    entry = make_entry(account=account)
    common = {"account": account, "finished_at": timezone.now(), "head_seq": 1, "head_hash": entry.hash}
    different, away = (
        ReconciliationRun.objects.create(
            started_at=timezone.now() + timedelta(minutes=n), status=status, reason=status, **common
        )
        for n, status in enumerate(["different", "unavailable"])
    )
    ReconciliationLine.objects.create(run=different, kind="ours_only", entry=entry, message="Not there.")
    pack, data = made(account)
    lines = objects(members_of(data)["reconciliation.jsonl"])
    assert [(line["record"], line["run"]) for line in lines] == [
        ("run", different.pk),
        ("line", different.pk),
        ("run", away.pk),
    ]
    assert (lines[1]["seq"], lines[1]["message"]) == (1, "Not there.")
    assert check(data, pack.digest, tmp_path) == 0


def test_a_reconciliation_keeps_its_lines_when_a_newer_one_repeats_it_meanwhile(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    make_entry(account=account)
    theirs.add(idempotency_key="f" * 64, created_at="2099-01-01T00:00:00.000000Z")
    reconcile(account)
    second = reconcile(account)
    # the next one comes while the pack is made, and then this one shares the first one's lines
    theirs.meanwhile = _once(theirs, lambda: reconcile(account))
    _pack, data = made(account, deadline=60.0)
    run, line = objects(members_of(data)["reconciliation.jsonl"])
    assert (run["run"], line["run"]) == (second.pk, second.pk)
    assert (line["kind"], line["theirs"]["idempotency_key"]) == ("theirs_only", "f" * 64)


def test_a_reconciliation_that_saw_another_hash_is_a_problem(
    account: ExchangeAccount, tmp_path: Path
) -> None:
    make_entry(account=account)
    ReconciliationRun.objects.create(
        account=account,
        started_at=timezone.now(),
        finished_at=timezone.now(),
        status="clean",
        head_seq=1,
        head_hash="d" * 64,
    )
    pack, data = made(account)
    assert check(data, pack.digest, tmp_path) == 1


def test_the_head_log_shows_that_the_newest_entries_were_cut_off(
    account: ExchangeAccount, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.HEAD_LOG = str(tmp_path / "heads.log")
    make_entries(account, 3)
    assert head_log.append_heads(account.exchange, at_once=True) == 1
    assert check(*_bytes(account), tmp_path) == 0
    _cut_off(account, 3)
    capsys.readouterr()
    assert check(*_bytes(account), tmp_path) == 1
    assert "Entry 3: It was seen by the head log, and the books end before it." in capsys.readouterr().out


def test_a_head_log_that_cannot_be_read_stops_nobody(
    account: ExchangeAccount, tmp_path: Path, settings: Any
) -> None:
    settings.HEAD_LOG = str(tmp_path)
    make_entry(account=account)
    data, digest = _bytes(account)
    assert members_of(data)["anchors.jsonl"] == b""
    assert check(data, digest, tmp_path) == 0


def test_books_that_were_tampered_with_are_exported_as_they_are_and_found(
    account: ExchangeAccount, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_entries(account, 5)
    with triggers.lifted(connection):
        LedgerEntry.objects.filter(account=account, seq=2).update(memo="never said")
        entry = LedgerEntry.objects.get(account=account, seq=4)
        entry.delivery.delete()
        entry.delete()
    assert check(*_bytes(account), tmp_path) == 1
    said = capsys.readouterr().out
    assert "Entry 2: Its hash is not that of its content: it was changed." in said
    assert "Entry 5: It stands where 4 must stand." in said


def test_nothing_of_anybody_else_is_in_it(account: ExchangeAccount) -> None:
    other = make_account(user=make_user(email="other@example.com"))
    make_entry(account=other, memo="theirs alone")
    make_entry(account=account)
    pack, data = made(account)
    content = b"".join(members_of(data).values())
    assert b"other@example.com" not in content
    assert b"theirs alone" not in content
    assert b"ada@example.com" in content
    assert pack.entries == 1


def test_the_summary_for_people_says_who_and_how_much(account: ExchangeAccount) -> None:
    varied_books(account)
    text = members_of(made(account)[1])["summary.txt"].decode()
    assert "Account     ada@example.com" in text
    assert f"Exchange    {account.exchange.base_url}, user {account.exchange_user_id}" in text
    assert "Entries     1 to 9" in text
    assert "Consumed                    6,000 tokens" in text
    assert "delivered             3\n" in text
    assert "The books were not compared yet." in text


def test_memory_stays_small_however_long_the_book(
    account: ExchangeAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "AT_ONCE", 100)
    make_entries(account, [make_draft(memo="x" * 400)] * 300)
    few = _peak(account, tmp_path)
    make_entries(account, [make_draft(memo="x" * 400)] * 2000)
    assert _peak(account, tmp_path) < few * 1.5


def _peak(account: ExchangeAccount, folder: Path) -> int:
    with (folder / "measured.zip").open("w+b") as file:
        tracemalloc.start()
        try:
            export(account, file)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def _bytes(account: ExchangeAccount) -> tuple[bytes, str]:
    pack, data = made(account)
    return data, pack.digest


def _refuse() -> None:
    raise ConnectionRefusedError


def _cut_off(account: ExchangeAccount, seq: int) -> None:
    with triggers.lifted(connection):
        entry = LedgerEntry.objects.get(account=account, seq=seq)
        entry.delivery.delete()
        entry.delete()
    before = LedgerEntry.objects.get(account=account, seq=seq - 1)
    Chain.objects.filter(account=account).update(seq=before.seq, hash=before.hash)


def test_a_zip_of_it_opens_anywhere(account: ExchangeAccount) -> None:
    varied_books(account)
    _pack, data = made(account)
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        assert pack.testzip() is None
        assert {info.date_time for info in pack.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def _once(theirs: TheirBooks, do: Callable[[], object]) -> Callable[[], None]:
    def meanwhile() -> None:
        theirs.meanwhile = lambda: None
        do()

    return meanwhile
