"""The verifier that is in every pack: what it accepts, and that nothing else passes it."""

from __future__ import annotations

import ast
import json
import random
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from accounts.models import ExchangeAccount
from usage.evidence import verify
from usage.evidence.verify import MANIFEST
from usage.factories import make_draft, make_entries
from usage.tests.evidence_packs import (
    VERIFIER,
    Members,
    delivered,
    jsonl,
    made,
    members_of,
    objects,
    rehashed,
    resealed,
    run_verifier,
    varied_books,
    zipped,
)
from usage.tests.evidence_tampering import FORGERIES, Forgery

pytestmark = pytest.mark.django_db
FLIPS = 25
"""Bytes of each member that are changed, one at a time, each in a pack of its own."""


_made: list[tuple[str, bytes]] = []


@pytest.fixture
def kept(account: ExchangeAccount, tmp_path: Path) -> tuple[Path, str, Members]:
    """A pack with entries of every kind, its digest, and its members; made once, for it is only bytes."""
    if not _made:
        varied_books(account)
        pack, data = made(account)
        _made.append((pack.digest, data))
    digest, data = _made[0]
    path = tmp_path / "pack.zip"
    path.write_bytes(data)
    return path, digest, members_of(data)


@pytest.fixture
def verdict(tmp_path: Path) -> Callable[..., int]:
    """The exit code for these bytes as a pack."""

    def run(data: bytes, *options: str) -> int:
        path = tmp_path / "tampered.zip"
        path.write_bytes(data)
        return verify.main([str(path), *options])

    return run


def test_a_stranger_runs_it_with_nothing_but_python(kept: tuple[Path, str, Members]) -> None:
    path, digest, _members = kept
    run = run_verifier(path, "--expect", digest)
    assert (run.returncode, run.stderr) == (0, "")
    assert "It holds: every check passed." in run.stdout
    assert "Entries    9: 1 to 9 of 9" in run.stdout
    assert "3 delivered, 1 local, 1 pending, 1 rejected, 1 uncertain, 2 withdrawn" in run.stdout
    assert "WARNING" not in run.stdout


def test_without_the_digest_it_warns_that_nothing_ties_the_pack_to_the_export(
    kept: tuple[Path, str, Members],
) -> None:
    run = run_verifier(kept[0])
    assert run.returncode == 0
    assert "WARNING: without --expect DIGEST nothing ties this pack" in run.stdout


def test_it_checks_the_folder_in_which_it_lies(kept: tuple[Path, str, Members], tmp_path: Path) -> None:
    path, digest, _members = kept
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(path) as pack:
        pack.extractall(folder)
    assert run_verifier(folder, "--expect", digest, verifier=folder / "verify.py").returncode == 0
    assert verify.main([str(folder), "--expect", digest]) == 0
    assert sorted(file.name for file in folder.iterdir()) == sorted(kept[2])  # it left nothing behind
    (folder / "entries.jsonl").unlink()
    (folder / "entries.jsonl").symlink_to("receipts.jsonl")
    assert verify.main([str(folder)]) == 1


def test_an_extra_file_in_the_folder_is_found(kept: tuple[Path, str, Members], tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(kept[0]) as pack:
        pack.extractall(folder)
    (folder / ".DS_Store").touch()
    assert verify.main([str(folder)]) == 1


def test_wrong_usage_is_two(kept: tuple[Path, str, Members], tmp_path: Path) -> None:
    assert run_verifier(tmp_path / "nowhere.zip").returncode == 2
    assert run_verifier(kept[0], "--expect", "abc").returncode == 2


def test_what_is_no_zip_does_not_hold(verdict: Callable[..., int]) -> None:
    assert verdict(b"") == 1
    assert verdict(b"no zip at all") == 1


def test_any_changed_byte_of_any_member_is_found(
    kept: tuple[Path, str, Members], verdict: Callable[..., int]
) -> None:
    _path, digest, members = kept
    assert verdict(zipped(members), "--expect", digest) == 0
    chance = random.Random(4)  # noqa: S311
    for name, content in members.items():
        places = range(len(content))
        for place in chance.sample(places, min(FLIPS, len(places))):
            changed = bytearray(content)
            changed[place] ^= 1 << chance.randrange(8)
            assert verdict(zipped({**members, name: bytes(changed)}), "--expect", digest) == 1, (name, place)


def test_a_byte_more_or_less_of_any_member_is_found(
    kept: tuple[Path, str, Members], verdict: Callable[..., int]
) -> None:
    _path, digest, members = kept
    for name, content in members.items():
        for changed in (content + b"\n", content[:-1]):
            if changed != content:
                assert verdict(zipped({**members, name: changed}), "--expect", digest) == 1, name


def test_a_member_removed_added_or_renamed_is_found(
    kept: tuple[Path, str, Members], verdict: Callable[..., int]
) -> None:
    _path, digest, members = kept
    for name in members:
        rest = {other: content for other, content in members.items() if other != name}
        assert verdict(zipped(rest)) == 1, name
        assert verdict(zipped({**rest, f"{name}.bak": members[name]})) == 1, name
    for name in ("more.txt", "../entries.jsonl", "/etc/passwd", "folder/", "ENTRIES.jsonl"):
        assert verdict(zipped({**members, name: b""}), "--expect", digest) == 1, name


def test_a_member_twice_is_found(kept: tuple[Path, str, Members], verdict: Callable[..., int]) -> None:
    file = BytesIO(zipped(kept[2]))
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(file, "a") as pack:
        pack.writestr("entries.jsonl", kept[2]["entries.jsonl"])
    assert verdict(file.getvalue(), "--expect", kept[1]) == 1


def test_what_hides_around_the_members_is_found(
    kept: tuple[Path, str, Members], verdict: Callable[..., int]
) -> None:
    path, digest, members = kept
    data = path.read_bytes()
    assert verdict(b"junk" + data, "--expect", digest) == 1
    assert verdict(data + b"junk", "--expect", digest) == 1
    file = BytesIO(zipped(members))
    with zipfile.ZipFile(file, "a") as pack:
        pack.comment = b"hidden"
    assert verdict(file.getvalue(), "--expect", digest) == 1
    assert verdict(data[:-1]) == 1
    assert verdict(data[: len(data) // 2]) == 1


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
def test_a_forged_pack_with_a_manifest_that_fits_is_found(
    forgery: Forgery, kept: tuple[Path, str, Members], verdict: Callable[..., int]
) -> None:
    members = dict(kept[2])
    forgery(members)
    forged, digest = resealed(members)
    assert verdict(zipped(forged), "--expect", digest) == 1
    assert verdict(zipped(forged)) == 1


def test_books_written_anew_from_end_to_end_are_found_by_the_digest_alone(
    account: ExchangeAccount, verdict: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    make_entries(account, 5)
    pack, data = made(account)
    members = members_of(data)
    lines = objects(members["entries.jsonl"])
    lines[2]["memo"] = "never said"
    lines = rehashed(lines)
    members["entries.jsonl"] = jsonl(lines)
    receipts = objects(members["receipts.jsonl"])
    members["receipts.jsonl"] = jsonl(
        [{**receipt, "hash": line["hash"]} for receipt, line in zip(receipts, lines, strict=True)]
    )
    ends = json.loads(members["chain.json"])
    members["chain.json"] = jsonl(
        [{**ends, "last_hash": lines[-1]["hash"], "head_hash": lines[-1]["hash"]}]
    ).strip()
    forged, digest = resealed(members)
    assert verdict(zipped(forged), "--expect", digest) == 0  # it agrees with itself in everything
    capsys.readouterr()
    assert verdict(zipped(forged), "--expect", pack.digest) == 1
    assert "not the one that was expected" in capsys.readouterr().out


def test_a_broken_entry_is_named(
    kept: tuple[Path, str, Members], verdict: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    members = dict(kept[2])
    lines = objects(members["entries.jsonl"])
    lines[4]["memo"] = "something else"
    members["entries.jsonl"] = jsonl(lines)
    assert verdict(zipped(members), "--expect", kept[1]) == 1
    said = capsys.readouterr().out
    assert "Entry 5: Its hash is not that of its content: it was changed." in said
    assert "The manifest does not describe the members: entries.jsonl." in said
    assert "Entry 4" not in said


def test_books_that_differ_are_said_and_the_pack_holds(
    account: ExchangeAccount, verdict: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    entries = make_entries(account, [make_draft(memo=str(n)) for n in range(3)])
    lines = delivered(entries)
    _pack, data = made(account)
    members = members_of(data)
    for line, change in ((lines[0], {"prompt_tokens": 9}), (lines[1], {"idempotency_key": "other"})):
        line.update(change)
    before = verify.GENESIS
    for line in lines:
        line["prev_hash"] = before
        rest = {name: value for name, value in line.items() if name not in ("prev_hash", "hash")}
        before = line["hash"] = verify.sha256(f"{before}\n".encode() + verify.canonical(rest))
    members["statement.jsonl"] = jsonl(lines)
    summary = json.loads(members["summary.json"])
    summary["statement"]["complete"] = True
    members["summary.json"] = jsonl([summary]).strip()
    sealed, digest = resealed(members)
    assert verdict(zipped(sealed), "--expect", digest) == 0
    said = capsys.readouterr().out
    assert "Entry 1: the Exchange's statement has other figures." in said
    assert "Entry 2: delivered, and not in the Exchange's statement." in said
    assert "Entry 3" not in said
    assert "entries as the Exchange has them: 1; other lines: 2" in said


@pytest.mark.parametrize(
    "content",
    [
        b"[1]\n",
        b"null\n",
        b"\xff\xfe\n",
        b"\n",
        b"{}\n",
        b'{"seq":NaN}\n',
        b'{"seq":' + b"9" * 5000 + b"}\n",
        b"[" * 100_000 + b"\n",
        b'{"id":1,"head_seq":"1","record":1,"receipt":[],"seq":[]}\n',
    ],
)
@pytest.mark.parametrize("name", ["entries.jsonl", "receipts.jsonl", "statement.jsonl", "anchors.jsonl"])
def test_nonsense_is_a_problem_and_never_a_crash(
    name: str, content: bytes, kept: tuple[Path, str, Members], verdict: Callable[..., int]
) -> None:
    sealed, _digest = resealed({**kept[2], name: content})
    assert verdict(zipped(sealed)) == 1


def _bad_name(data: bytearray) -> None:
    place = data.index(b"PK\1\2")
    data[place + 9] |= 0x08  # said to be UTF-8
    data[place + 46] = 0xFF


def _bad_filter(data: bytearray) -> None:
    for place, method in ((data.index(b"PK\3\4"), 8), (data.index(b"PK\1\2"), 10)):
        data[place + method] = zipfile.ZIP_LZMA
    start = data.index(b"PK\3\4")
    begin = start + 30 + int.from_bytes(data[start + 26 : start + 28], "little")
    data[begin : begin + 9] = b"\x09\x04\x05\x00" + b"\xff" * 5


@pytest.mark.parametrize("break_", [_bad_name, _bad_filter])
def test_a_zip_that_breaks_its_reader_does_not_hold(
    break_: Callable[[bytearray], None], kept: tuple[Path, str, Members], verdict: Callable[..., int]
) -> None:
    data = bytearray(zipped(kept[2]))
    break_(data)
    assert verdict(bytes(data)) == 1


def test_numbers_that_cannot_be_written_out_are_a_problem(
    kept: tuple[Path, str, Members], verdict: Callable[..., int]
) -> None:
    entry = {**objects(kept[2]["entries.jsonl"])[0], "seq": 10**4300 - 1}
    sealed, _digest = resealed({**kept[2], "entries.jsonl": jsonl([entry, {**entry, "seq": 1}])})
    assert verdict(zipped(sealed)) == 1


def test_long_words_of_a_hostile_pack_are_cut(
    kept: tuple[Path, str, Members], verdict: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [{"id": "\u202e" * 100_000} for _ in range(10)]
    head = {**json.loads(kept[2]["chain.json"]), "exchange": "e" * 1_000_000}
    members = {**kept[2], "statement.jsonl": jsonl(lines), "chain.json": jsonl([head]).strip()}
    assert verdict(zipped(resealed(members)[0])) == 1
    assert len(capsys.readouterr().out) < 150_000


@pytest.mark.parametrize("name", ["chain.json", "summary.json", MANIFEST])
@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"nonsense", b'{"format":2}', b'{"members":[1],"format":1}']
)
def test_nonsense_in_a_document_is_a_problem_and_never_a_crash(
    name: str, content: bytes, kept: tuple[Path, str, Members], verdict: Callable[..., int]
) -> None:
    members = {**kept[2], name: content}
    sealed = members if name == MANIFEST else resealed(members)[0]
    assert verdict(zipped(sealed)) == 1


def test_it_needs_no_newer_python_than_it_says_and_no_package() -> None:
    tree = ast.parse(VERIFIER.read_text(), feature_version=(3, 8))
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported == {
        *("__future__", "argparse", "fractions", "hashlib", "itertools", "json", "os", "re", "sys"),
        *("typing", "zipfile"),
    }
