from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_user
from accounts.models import ExchangeAccount
from usage import triggers
from usage.evidence import keeping, verify
from usage.factories import make_draft, make_entries, make_entry
from usage.models import EvidenceExport, EvidencePart, LedgerEntry
from usage.tests.their_books import TheirBooks

pytestmark = pytest.mark.django_db
URL = "/usage/evidence/"


@pytest.fixture(autouse=True)
def _exchange(theirs: TheirBooks) -> TheirBooks:
    return theirs


def make_pack(browser: Client, **days: str) -> EvidenceExport:
    answer = browser.post(URL, days)
    row = EvidenceExport.objects.latest("created_at")
    assert (answer.status_code, answer["Location"]) == (302, f"{URL}{row.pk}/")
    return row


def is_kept(row: EvidenceExport) -> bool:
    return keeping.is_kept(keeping.packs().get(pk=row.pk))


def content_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_one_click_leads_to_the_digest_and_the_file_comes_by_itself(
    signed_in: Client, account: ExchangeAccount, tmp_path: Path
) -> None:
    make_entries(account, 3)
    row = make_pack(signed_in)
    page = signed_in.get(f"{URL}{row.pk}/")
    assert f"<code data-digest>{row.digest}</code>" in page.content.decode()
    assert page["Refresh"] == f"1; url={URL}{row.pk}/download/"
    assert "The pack is made, with" in page.content.decode()
    answer = signed_in.get(f"{URL}{row.pk}/download/", headers={"Accept-Encoding": "gzip"})
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == f'attachment; filename="evidence-3-{row.digest[:12]}.zip"'
    assert answer["X-Evidence-Digest"] == row.digest
    path = tmp_path / "pack.zip"
    path.write_bytes(content_of(answer))
    assert path.stat().st_size == row.size == int(answer["Content-Length"])
    assert verify.main([str(path), "--expect", row.digest]) == 0


def test_the_file_comes_by_itself_only_once(signed_in: Client) -> None:
    row = make_pack(signed_in)
    assert "Refresh" in signed_in.get(f"{URL}{row.pk}/")
    assert "Refresh" not in signed_in.get(f"{URL}{row.pk}/")


def test_what_was_made_is_remembered(signed_in: Client, account: ExchangeAccount) -> None:
    first, last = make_entries(account, 2)
    row = make_pack(signed_in)
    assert row.account == account
    assert (row.entries, row.first_seq, row.last_seq, row.head_seq) == (2, first.seq, last.seq, 2)
    assert (row.head_hash, row.statement_complete) == (last.hash, True)
    page = signed_in.get(URL).content.decode()
    assert row.digest[:16] in page
    assert "the whole book" in page


def test_a_period_has_both_of_its_days_in_it(signed_in: Client, account: ExchangeAccount) -> None:
    days = [datetime(2026, 11, day, 23, 59, tzinfo=UTC) for day in (1, 2, 3)]
    make_entries(account, [make_draft(occurred_at=day) for day in days])
    row = make_pack(signed_in, since="2026-11-02", until="2026-11-03")
    assert row.entries == 2
    assert "2 Nov 2026 – 3 Nov 2026" in signed_in.get(f"{URL}{row.pk}/").content.decode()


@pytest.mark.parametrize(
    ("days", "problem"),
    [
        ({"since": "soon"}, "Give a day as 2026-10-31"),
        ({"since": "1999-12-31"}, "Give a day as 2026-10-31"),
        ({"until": "9999-12-31"}, "Give a day as 2026-10-31"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "The last day lies before the first"),
        ({"since": "2026-11-02\0"}, "Give a day as 2026-10-31"),
    ],
)
def test_days_that_are_none_are_said_and_what_was_typed_is_kept(
    signed_in: Client, days: dict[str, str], problem: str
) -> None:
    answer = signed_in.post(URL, days)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert problem in page
    if "since" in days and "\0" not in days["since"]:
        assert f'value="{days["since"]}"' in page
    assert not EvidenceExport.objects.exists()


def test_an_exchange_that_is_away_does_not_stop_it(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    make_entry(account=account)
    theirs.meanwhile = _refuse
    row = make_pack(signed_in)
    assert not row.statement_complete
    assert "Not in it" in signed_in.get(f"{URL}{row.pk}/").content.decode()


def test_a_book_that_is_too_long_to_wait_for_is_sent_to_the_command(
    signed_in: Client, account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MOST_ON_PAGE", 2)
    make_entries(account, 3)
    answer = signed_in.post(URL)
    assert answer.status_code == 422
    assert "python manage.py export_evidence --output pack.zip" in answer.content.decode()
    assert not EvidenceExport.objects.exists()


def test_a_short_period_of_a_long_book_is_made(
    signed_in: Client, account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MOST_ON_PAGE", 2)
    long_ago = datetime(2026, 1, 31, 12, tzinfo=UTC)
    make_entries(account, [make_draft(occurred_at=long_ago), make_draft(occurred_at=long_ago)])
    make_entries(account, 3)
    assert make_pack(signed_in, until="2026-01-31").entries == 2
    assert signed_in.post(URL).status_code == 422


@pytest.mark.parametrize("end", ["", "download/"])
def test_another_account_s_pack_is_not_found(signed_in: Client, client: Client, end: str) -> None:
    row = keeping.make(make_account(user=make_user()))
    assert signed_in.get(f"{URL}{row.pk}/{end}").status_code == 404
    assert signed_in.get(f"{URL}{uuid.uuid4()}/{end}").status_code == 404
    assert is_kept(row)


def test_another_account_s_packs_are_not_listed(signed_in: Client) -> None:
    row = keeping.make(make_account(user=make_user()))
    assert row.digest[:16] not in signed_in.get(URL).content.decode()


def test_a_stranger_is_sent_to_sign_in(client: Client) -> None:
    for url in (URL, f"{URL}{uuid.uuid4()}/", f"{URL}{uuid.uuid4()}/download/"):
        assert client.get(url)["Location"].startswith("/accounts/login/")
    assert client.post(URL)["Location"].startswith("/accounts/login/")
    assert not EvidenceExport.objects.exists()


def test_it_comes_in_pieces_from_whichever_machine_is_asked(
    signed_in: Client, account: ExchangeAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PIECE", 1000)
    make_entries(account, 5)
    row = make_pack(signed_in)
    assert EvidencePart.objects.filter(export=row).count() == -(-row.size // 1000) > 3
    path = tmp_path / "pack.zip"
    path.write_bytes(content_of(signed_in.get(f"{URL}{row.pk}/download/")))
    assert verify.main([str(path), "--expect", row.digest]) == 0


def test_a_pack_of_which_a_piece_is_missing_is_not_handed_out(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PIECE", 1000)
    row = make_pack(signed_in)
    EvidencePart.objects.get(export=row, number=1).delete()
    assert not is_kept(row)
    assert signed_in.get(f"{URL}{row.pk}/download/")["Location"] == f"{URL}{row.pk}/"


def test_a_pack_is_kept_for_a_day_and_its_digest_for_good(signed_in: Client) -> None:
    old = make_pack(signed_in)
    EvidenceExport.objects.filter(pk=old.pk).update(created_at=old.created_at - timedelta(hours=25))
    assert signed_in.get(f"{URL}{old.pk}/download/")["Location"] == f"{URL}{old.pk}/"
    new = make_pack(signed_in)
    assert {part.export for part in EvidencePart.objects.select_related("export")} == {new}
    page = signed_in.get(f"{URL}{old.pk}/").content.decode()
    assert old.digest in page
    assert "not kept any more" in page


def test_who_asks_again_and_again_keeps_the_newest_packs_alone(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MOST_KEPT", 2)
    others = keeping.make(make_account())
    rows = [make_pack(signed_in) for _ in range(4)]
    assert [is_kept(row) for row in rows] == [False, False, True, True]
    assert is_kept(others)


def test_a_failed_export_leaves_nothing_behind(
    signed_in: Client, account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "export", _fail)
    with pytest.raises(OSError, match="disk"):
        keeping.make(account)
    assert not EvidencePart.objects.exists()
    assert not EvidenceExport.objects.exists()


def test_the_page_says_what_it_is_for_before_anything_was_made(signed_in: Client) -> None:
    page = signed_in.get(URL).content.decode()
    assert "Your book in one file" in page
    assert "Made before" not in page


def test_it_asks_the_database_little(
    signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    row = make_pack(signed_in)
    signed_in.get(f"{URL}{row.pk}/")
    with django_assert_num_queries(5):  # session, user, account, packs; latest reconciliation (banner)
        signed_in.get(URL)
    with django_assert_num_queries(5):  # session, user, account, pack; latest reconciliation (banner)
        signed_in.get(f"{URL}{row.pk}/")


def test_nothing_is_made_by_looking(signed_in: Client) -> None:
    assert signed_in.get(URL).status_code == 200
    assert signed_in.head(URL).status_code == 200
    assert signed_in.put(URL).status_code == 405
    assert not EvidenceExport.objects.exists()


def _refuse() -> None:
    raise ConnectionRefusedError


def _fail(*_args: object, **_options: object) -> None:
    raise OSError("disk")


def test_the_days_of_a_pack_are_utc_wherever_one_sits(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, occurred_at=datetime(2026, 10, 5, 12, tzinfo=UTC))
    signed_in.cookies["tz"] = "America/Los_Angeles"
    row = make_pack(signed_in, since="2026-10-01", until="2026-10-31")
    assert "1 Oct 2026 – 31 Oct 2026" in signed_in.get(f"{URL}{row.pk}/").content.decode()


def test_a_pack_of_a_book_that_was_changed_says_so(signed_in: Client, account: ExchangeAccount) -> None:
    make_entries(account, 3)
    assert "do not hold" not in (fine := signed_in.get(f"{URL}{make_pack(signed_in).pk}/").content.decode())
    assert fine
    with triggers.lifted(connection):
        LedgerEntry.objects.filter(seq=2).update(memo="never said")
        LedgerEntry.objects.filter(seq=3).update(prev_hash="0" * 64)
    row = make_pack(signed_in)
    assert row.broken == 2
    assert "2 entries in this pack do not hold." in signed_in.get(f"{URL}{row.pk}/").content.decode()
