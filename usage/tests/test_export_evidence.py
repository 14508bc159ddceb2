from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError

from accounts.models import ExchangeAccount
from catalog.tests.commands import document_of, text_of
from usage.evidence import verify
from usage.factories import make_draft, make_entries, mark
from usage.models import Chain, EvidenceExport
from usage.tests.evidence_packs import members_of, objects
from usage.tests.their_books import TheirBooks

pytestmark = pytest.mark.django_db


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "pack.zip"


def test_its_document_has_the_digest_with_which_the_pack_is_checked(
    acting: ExchangeAccount, output: Path
) -> None:
    make_entries(acting, 3)
    document = document_of("export_evidence", "--output", str(output), "--offline")
    assert verify.main([str(output), "--expect", document["digest"]]) == 0
    chain = Chain.objects.get(account=acting)
    assert document == {
        "file": str(output),
        "digest": document["digest"],
        "entries": 3,
        "size": output.stat().st_size,
        "first_seq": 1,
        "last_seq": 3,
        "head_seq": 3,
        "head_hash": chain.hash,
        "statement": {"lines": 0, "complete": False, "reason": "The Exchange was not asked."},
    }


def test_its_text_says_how_to_check_it(acting: ExchangeAccount, output: Path) -> None:
    make_entries(acting, 3)
    said = text_of("export_evidence", "--output", str(output), "--offline")
    row = EvidenceExport.objects.get(account=acting)
    assert said.splitlines() == [
        f"3 entries in {output}, {row.size:,} bytes.",
        "Not all of the Exchange's statement is in it: The Exchange was not asked.",
        f"Digest: {row.digest}",
        f"Check it with: python3 -I usage/evidence/verify.py --expect {row.digest} {output}",
    ]


def test_the_exchange_is_asked_for_its_statement(
    acting: ExchangeAccount, output: Path, theirs: TheirBooks
) -> None:
    for entry in make_entries(acting, 2):
        mark(entry, "delivered", exchange_entry_id=theirs.count(entry)["id"])
    document = document_of("export_evidence", "--output", str(output))
    assert document["statement"] == {"lines": 2, "complete": True, "reason": ""}
    assert objects(members_of(output.read_bytes())["statement.jsonl"]) == theirs.lines


def test_a_period_has_its_last_day_in_it(acting: ExchangeAccount, output: Path) -> None:
    moments = [
        datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 11, 2, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 11, 3, tzinfo=UTC),
    ]
    make_entries(acting, [make_draft(occurred_at=at) for at in moments])
    words = ("--output", str(output), "--offline", "--since", "2026-11-01", "--until", "2026-11-02")
    assert document_of("export_evidence", *words)["entries"] == 2
    row = EvidenceExport.objects.get()
    assert (row.since, row.until) == (moments[1], moments[3])


def test_nobody_else_may_read_the_file(acting: ExchangeAccount, output: Path) -> None:
    document_of("export_evidence", "--output", str(output), "--offline")
    assert output.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_overwritten_only_by_force(acting: ExchangeAccount, output: Path) -> None:
    output.write_text("dear to somebody")
    with pytest.raises(CommandError, match="is there already") as failed:
        text_of("export_evidence", "--output", str(output), "--offline")
    assert failed.value.returncode == 1
    assert output.read_text() == "dear to somebody"
    text_of("export_evidence", "--output", str(output), "--offline", "--force")
    assert verify.main([str(output)]) == 0


@pytest.mark.parametrize("place", ["nowhere/pack.zip", "."])
def test_a_place_that_cannot_be_written_is_one_sentence(
    place: str, acting: ExchangeAccount, tmp_path: Path
) -> None:
    path = tmp_path / place
    with pytest.raises(CommandError, match="cannot be written") as failed:
        text_of("export_evidence", "--output", str(path), "--offline", "--force")
    assert failed.value.returncode == 1
    assert list(tmp_path.iterdir()) == []
    assert not EvidenceExport.objects.exists()


def test_a_failed_export_leaves_the_old_file_and_nothing_half_made(
    acting: ExchangeAccount, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output.write_text("the old one")

    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("usage.evidence.members.MemberWriter.finish", fail)
    with pytest.raises(CommandError, match="No space left on device"):
        text_of("export_evidence", "--output", str(output), "--offline", "--force")
    assert [(file.name, file.read_text()) for file in output.parent.iterdir()] == [
        ("pack.zip", "the old one")
    ]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--since", "yesterday"),
        ("--since", "2026-02-30"),
        ("--until", "20261101"),
        ("--until", "1999-12-31"),
        ("--until", "9999-12-31"),
    ],
)
def test_nonsense_names_the_option(acting: ExchangeAccount, output: Path, option: str, text: str) -> None:
    with pytest.raises(CommandError, match=option):
        text_of("export_evidence", "--output", str(output), option, text)
    assert not output.exists()


def test_days_in_the_wrong_order_are_wrong_usage(acting: ExchangeAccount, output: Path) -> None:
    words = ("--output", str(output), "--since", "2026-11-02", "--until", "2026-11-01")
    with pytest.raises(CommandError, match="--until") as failed:
        text_of("export_evidence", *words)
    assert failed.value.returncode == 2


def test_what_is_no_file_is_never_overwritten(acting: ExchangeAccount, output: Path) -> None:
    os.mkfifo(output)
    with pytest.raises(CommandError, match="is no file"):
        text_of("export_evidence", "--output", str(output), "--offline", "--force")
    assert output.is_fifo()
