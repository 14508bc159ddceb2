"""Packs for tests: made, taken apart, put together again with something else in them, and verified."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accounts.models import ExchangeAccount
from exchange import GENESIS_HASH, statement_hash
from usage.canonical import canonical
from usage.evidence import Pack, export
from usage.evidence.verify import MANIFEST, MEMBERS
from usage.factories import make_draft, make_entries, make_entry, mark
from usage.ledger import reverse
from usage.models import LedgerEntry

VERIFIER = Path("usage/evidence/verify.py").resolve()
Members = dict[str, bytes]
ODD_MEMO = 'Nacht 夜 🌙 "quoted" \\ back\u2028line\n\ttab \x7f'


def made(account: ExchangeAccount, **options: Any) -> tuple[Pack, bytes]:
    """The account's pack, and the zip."""
    file = io.BytesIO()
    pack = export(account, file, **options)
    return pack, file.getvalue()


def members_of(data: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        return {name: pack.read(name) for name in pack.namelist()}


def zipped(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in members.items():
            pack.writestr(name, content)
    return file.getvalue()


def resealed(members: Members) -> tuple[Members, str]:
    """The members with a manifest that fits them, as a forger would make it; and its digest."""
    listed = [
        {"name": name, "sha256": hashlib.sha256(members[name]).hexdigest(), "size": len(members[name])}
        for name in MEMBERS
    ]
    manifest = canonical({"format": 1, "members": listed})  # type: ignore[dict-item]
    return {**members, MANIFEST: manifest}, hashlib.sha256(manifest).hexdigest()


def objects(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def jsonl(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(canonical(line) + b"\n" for line in lines)


def rehashed(lines: list[dict[str, Any]], start: int = 0) -> list[dict[str, Any]]:
    """Entries as a forger would write them: every hash from ``start`` on computed anew, and linked."""
    before = lines[start]["prev_hash"]
    for line in lines[start:]:
        line["prev_hash"] = before
        content = {name: value for name, value in line.items() if name != "hash"}
        before = line["hash"] = hashlib.sha256(canonical(content)).hexdigest()
    return lines


def run_verifier(path: Path, *options: str, verifier: Path = VERIFIER) -> subprocess.CompletedProcess[str]:
    """The verifier as a stranger runs it: Python, isolated from everything that is installed here."""
    command = [sys.executable, "-I", "-W", "error", str(verifier), *options, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def receipt_of(entry: LedgerEntry, number: int, before: str = GENESIS_HASH) -> dict[str, Any]:
    """The Exchange's line of this entry, in a chain of its own."""
    raw: dict[str, Any] = {
        "id": number,
        "user_id": entry.account.exchange_user_id,
        "service_id": entry.service_id,
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "direction": entry.direction,
        "memo": entry.memo,
        "idempotency_key": entry.hash,
        "created_at": "2026-11-23T12:00:00Z",
        "prev_hash": before,
    }
    return {**raw, "hash": statement_hash(before, raw)}


def delivered(entries: list[LedgerEntry]) -> list[dict[str, Any]]:
    """Mark these as delivered, each with its receipt. Returns the Exchange's statement."""
    lines: list[dict[str, Any]] = []
    for number, entry in enumerate(entries, 1):
        line = receipt_of(entry, number, lines[-1]["hash"] if lines else GENESIS_HASH)
        mark(entry, "delivered", receipt=line, exchange_entry_id=number, status=201, attempts=1)
        lines.append(line)
    return lines


def varied_books(account: ExchangeAccount) -> list[dict[str, Any]]:
    """Entries of every kind and state. Returns the Exchange's statement of those that it has."""
    drafts = [
        make_draft(),
        make_draft(direction="supply", prompt_tokens=2**53 - 1, completion_tokens=0),
        make_draft(memo=ODD_MEMO, cached_tokens=7, reasoning_tokens=3),
        make_draft(service_id=404, attributes={"模型": "ü", "n": -5, "none": None}),
        make_draft(memo='"reverses_seq":1,"hash":"x"'),
    ]
    entries = make_entries(account, drafts)
    lines = delivered(entries[:3])
    reverse(account, entries[0].seq, reason="Counted by mistake.", source="page")
    reverse(account, entries[3].seq, reason="Never sent.", source="page")
    make_entry(account=account, state="rejected")
    make_entry(account=account, state="uncertain")
    return lines
