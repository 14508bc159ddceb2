"""docs/evidence.md is enough to write a verifier: here is one, written from its words, using nothing of ours.

And every example and list of the page is what the code does.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from decimal import ROUND_HALF_EVEN, Context, Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from accounts.models import ExchangeAccount
from usage.evidence import verify
from usage.tests.evidence_packs import made, members_of, resealed, varied_books, zipped
from usage.tests.evidence_tampering import FORGERIES, Forgery

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "evidence.md"
ZEROS = "0" * 64
TOKENS = ("prompt_tokens", "completion_tokens")
SUMS = {"consume": ("consumed_tokens", "cost_nanos"), "supply": ("supplied_tokens", "revenue_nanos")}
STATES = ("pending", "sending", "delivered", "rejected", "uncertain", "withdrawn", "local", "missing")
FIGURES = ("service_id", "direction", *TOKENS)


def listed(name: str) -> list[str]:
    """What stands in the first column of a list of the page, or in all of it where that has no names."""
    table = PAGE.read_text().partition(f"<!-- list: {name} -->\n")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()]
    return re.findall(r"`([^`]+)`", "".join(rows)) or re.findall(r"`([^`]+)`", table)


def example(name: str) -> str:
    block = PAGE.read_text().partition(f"<!-- example: {name} -->\n")[2]
    match = re.match(r"```\w+\n(.*?)\n```", block, re.DOTALL)
    assert match, name
    return match[1]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def text(value: str) -> str:
    """'"' is written '\\"', '\\' is '\\\\', and control characters are \\b \\t \\n \\f \\r or \\u00xx."""
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
    return '"' + "".join(short.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'


def written(value: Any) -> str:
    """Canonical JSON, by the page."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{text(key)}:{written(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def cost_of(entry: dict[str, Any]) -> int | None:
    if entry["price_per_1k_tokens"] is None:
        return None
    exact = Context(prec=300)
    tokens = sum(entry[name] for name in TOKENS)
    nanos = exact.multiply(Decimal(entry["price_per_1k_tokens"]), Decimal(tokens * 1_000_000))
    return int(nanos.to_integral_value(ROUND_HALF_EVEN, exact))


class Book:
    """The rules of the page, in its order."""

    def __init__(self, data: bytes, digest: str) -> None:
        self.wrong: list[str] = []
        with zipfile.ZipFile(BytesIO(data)) as pack:
            self.names = pack.namelist()
            self.files = {name: pack.read(name) for name in self.names}
        self.container(digest)
        if not self.wrong:
            self.documents()
        if not self.wrong:
            self.entries()
            self.witnesses()
            self.summary()

    def holds(self, condition: bool, rule: str) -> None:
        if not condition:
            self.wrong.append(rule)

    def container(self, digest: str) -> None:
        self.holds(sorted(self.names) == listed("members"), "the members")
        if self.wrong:
            return
        manifest = self.files["manifest.json"]
        others = [
            {"name": name, "sha256": sha(self.files[name]), "size": len(self.files[name])}
            for name in sorted(self.names)
            if name != "manifest.json"
        ]
        self.holds(manifest.decode() == written({"format": 1, "members": others}), "the manifest")
        self.holds(sha(manifest) == digest, "the digest")

    def documents(self) -> None:
        self.lines: dict[str, list[Any]] = {}
        for name, content in self.files.items():
            if name.endswith((".json", ".jsonl")):
                parts = content.split(b"\n")
                if name.endswith(".jsonl"):
                    self.holds(parts.pop() == b"", "a line that ends")
                self.lines[name] = [json.loads(part) for part in parts]
                self.holds([written(x).encode() for x in self.lines[name]] == parts, f"canonical {name}")

    def entries(self) -> None:
        (chain,), entries = self.lines["chain.json"], self.lines["entries.jsonl"]
        self.holds(sorted(chain) == sorted(listed("chain")), "the fields of chain.json")
        first = chain["first_seq"] or 1
        seq, before, ids = first - 1, chain["first_prev_hash"], set()
        by_seq: dict[int, dict[str, Any]] = {}
        taken_back: set[int] = set()
        for entry in entries:
            self.holds(sorted(entry) == sorted(listed("fields")), "the fields")
            seq += 1
            self.holds(entry["seq"] == seq and entry["v"] == 1, "seq and v")
            self.holds((entry["chain"], entry["exchange"]) == (chain["chain"], chain["exchange"]), "chain")
            self.holds(entry["prev_hash"] == before, "prev_hash")
            content = {name: value for name, value in entry.items() if name != "hash"}
            before = entry["hash"]
            self.holds(sha(written(content).encode()) == before, "hash")
            self.holds(entry["entry_id"] not in ids, "entry_id")
            ids.add(entry["entry_id"])
            self.holds(0 <= (entry["cached_tokens"] or 0) <= entry["prompt_tokens"], "cached")
            self.holds(0 <= (entry["reasoning_tokens"] or 0) <= entry["completion_tokens"], "reasoning")
            self.holds(all(0 <= entry[name] < 2**53 for name in TOKENS), "tokens")
            self.holds(entry["direction"] in ("consume", "supply"), "direction")
            self.holds(entry["cost_nanos"] == cost_of(entry), "cost")
            back = entry["reverses_seq"]
            if back is not None and back >= first:
                was = by_seq.get(back, {"reverses_seq": 0})
                self.holds(was["reverses_seq"] is None and back not in taken_back, "reversal")
                self.holds(all(was.get(n) == entry[n] for n in listed("repeated")), "what a reversal repeats")
                taken_back.add(back)
            by_seq[seq] = entry
        self.by_seq = by_seq
        self.holds((chain["last_seq"] or first - 1, chain["last_hash"]) == (seq, before), "the end")
        self.holds(first > 1 or chain["first_prev_hash"] == ZEROS, "the beginning")
        self.holds(seq <= chain["head_seq"], "not behind the head")
        self.holds(seq != chain["head_seq"] or before == chain["head_hash"], "the head")

    def witnesses(self) -> None:
        receipts = self.lines["receipts.jsonl"]
        places = [(entry["seq"], entry["hash"]) for entry in self.by_seq.values()]
        self.holds([(line["seq"], line["hash"]) for line in receipts] == places, "a receipt line each")
        for line in receipts:
            self.holds(line["state"] in STATES, "the state")
            receipt, entry = line.get("receipt") or {}, self.by_seq.get(line["seq"], {})
            self.holds(receipt.get("idempotency_key") in (None, line["hash"]), "the receipt's key")
            self.holds(all(receipt[n] == entry.get(n) for n in FIGURES if n in receipt), "its figures")
        before = None
        for line in self.lines["statement.jsonl"]:
            content = {name: value for name, value in line.items() if name not in ("prev_hash", "hash")}
            hashed = (line["prev_hash"] + "\n" + written(content)).encode()
            self.holds(sha(hashed) == line["hash"], "the statement's hash")
            if before:
                self.holds(line["prev_hash"] == before["hash"] and line["id"] > before["id"], "its links")
            before = line
        head = self.lines["chain.json"][0]["head_seq"]
        for line in self.lines["anchors.jsonl"] + self.lines["reconciliation.jsonl"]:
            if line.get("record") != "line" and line["head_seq"]:
                self.holds(line["head_seq"] <= head, "nothing cut off")
                entry = self.by_seq.get(line["head_seq"])
                self.holds(entry is None or entry["hash"] == line["head_hash"], "seen elsewhere")

    def summary(self) -> None:
        (summary,) = self.lines["summary.json"]
        since, until = summary["period"]["since"], summary["period"]["until"]
        totals: dict[str, int] = dict.fromkeys(summary["totals"], 0)
        states: dict[str, dict[str, int]] = {}
        for entry, receipt in zip(self.by_seq.values(), self.lines["receipts.jsonl"], strict=False):
            if (since and entry["occurred_at"] < since) or (until and entry["occurred_at"] >= until):
                continue
            tokens, sign = sum(entry[name] for name in TOKENS), -1 if entry["reverses_seq"] else 1
            name, money = SUMS[entry["direction"]]
            totals["entries"] += 1
            totals["reversals"] += sign == -1
            totals[name] += sign * tokens
            totals[money] += sign * (entry["cost_nanos"] or 0)
            totals["unpriced_tokens"] += 0 if entry["price_per_1k_tokens"] else sign * tokens
            state = states.setdefault(
                receipt["state"], {"entries": 0, "consumed_tokens": 0, "supplied_tokens": 0}
            )
            state["entries"] += 1
            state[name] += tokens
        totals["net_tokens"] = totals["supplied_tokens"] - totals["consumed_tokens"]
        self.holds(summary["totals"] == totals, "the totals")
        self.holds(summary["states"] == states, "the states")


def test_the_page_lists_the_members() -> None:
    assert listed("members") == sorted([*verify.MEMBERS, verify.MANIFEST])


def test_the_page_lists_the_fields() -> None:
    assert set(listed("fields")) == set(verify.FIELDS)
    assert set(listed("chain")) == set(verify.HEAD)
    assert sorted(listed("repeated")) == verify.REPEATED


def test_the_example_of_an_entry_has_the_hash_that_the_page_says() -> None:
    hashed, line = example("entry"), example("entry line")
    assert sha(hashed.encode()) == example("entry hash")
    assert written(json.loads(hashed)) == hashed
    assert line.replace(f'"hash":"{example("entry hash")}",', "") == hashed
    assert verify.fault_of(json.loads(line)) is None
    assert verify.canonical(json.loads(line)).decode() == line


def test_the_example_of_a_statement_has_the_hash_that_the_page_says() -> None:
    line = example("statement")
    assert written(json.loads(line)) == line
    assert sha(f"{ZEROS}\n{line}".encode()) == example("statement hash")


@pytest.mark.django_db
def test_a_verifier_written_from_the_page_finds_that_a_pack_holds(account: ExchangeAccount) -> None:
    varied_books(account)
    pack, data = made(account)
    assert Book(data, pack.digest).wrong == []


@pytest.mark.django_db
@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
def test_it_finds_what_ours_finds(forgery: Forgery, account: ExchangeAccount) -> None:
    varied_books(account)
    _pack, data = made(account)
    members = members_of(data)
    forgery(members)
    members, digest = resealed(members)
    assert Book(zipped(members), digest).wrong
