"""What a forger might do to a pack, with a manifest that fits: each must be found without the digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from usage.canonical import canonical
from usage.tests.evidence_packs import Members, jsonl, objects, rehashed

Forgery = Callable[[Members], None]


def _entries(members: Members, change: Callable[[list[dict[str, Any]]], object]) -> None:
    lines = objects(members["entries.jsonl"])
    change(lines)
    members["entries.jsonl"] = jsonl(lines)


def _document(members: Members, name: str, **changes: Any) -> None:
    members[name] = canonical({**json.loads(members[name]), **changes})


def a_memo_changed(members: Members) -> None:
    _entries(members, lambda lines: lines[4].update(memo="something else"))


def fewer_tokens(members: Members) -> None:
    _entries(members, lambda lines: lines[4].update(prompt_tokens=1))


def a_hash_changed(members: Members) -> None:
    _entries(members, lambda lines: lines[4].update(hash="f" * 64))


def an_entry_removed(members: Members) -> None:
    _entries(members, lambda lines: lines.pop(3))


def the_newest_removed(members: Members) -> None:
    _entries(members, lambda lines: lines.pop())


def two_swapped(members: Members) -> None:
    def swap(lines: list[dict[str, Any]]) -> None:
        lines[2], lines[3] = lines[3], lines[2]

    _entries(members, swap)


def an_entry_twice(members: Members) -> None:
    _entries(members, lambda lines: lines.insert(3, lines[3]))


def a_reversal_of_another(members: Members) -> None:
    def redirect(lines: list[dict[str, Any]]) -> None:
        reversal = next(line for line in lines if line["reverses_seq"])
        reversal["reverses_seq"] = 2
        rehashed(lines)

    _entries(members, redirect)


def the_chain_recomputed(members: Members) -> None:
    """Every hash fits again: the head and the receipts do not."""

    def change(lines: list[dict[str, Any]]) -> None:
        lines[0]["memo"] = "something else"
        rehashed(lines)

    _entries(members, change)


def a_cost_that_is_none_of_the_price(members: Members) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        lines[-1].update(price_per_1k_tokens="0.001", cost_nanos=1)
        rehashed(lines)

    _entries(members, change)


def more_tokens_than_there_can_be(members: Members) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        lines[-1].update(completion_tokens=10**4000)
        rehashed(lines)

    _entries(members, change)


def other_totals(members: Members) -> None:
    totals = json.loads(members["summary.json"])["totals"]
    _document(members, "summary.json", totals={**totals, "consumed_tokens": 1})


def other_states(members: Members) -> None:
    _document(members, "summary.json", states={})


def another_head(members: Members) -> None:
    _document(members, "chain.json", head_hash="a" * 64)


def another_exchange(members: Members) -> None:
    _document(members, "chain.json", exchange="https://elsewhere.example")


def a_receipt_with_other_figures(members: Members) -> None:
    lines = objects(members["receipts.jsonl"])
    lines[0]["receipt"]["prompt_tokens"] += 1
    members["receipts.jsonl"] = jsonl(lines)


def a_receipt_of_another_report(members: Members) -> None:
    lines = objects(members["receipts.jsonl"])
    lines[0]["receipt"]["idempotency_key"] = lines[1]["hash"]
    members["receipts.jsonl"] = jsonl(lines)


def a_state_that_is_none(members: Members) -> None:
    for name in ("receipts.jsonl", "summary.json"):
        members[name] = members[name].replace(b'"rejected"', b'"adored"')


def a_receipt_line_removed(members: Members) -> None:
    members["receipts.jsonl"] = jsonl(objects(members["receipts.jsonl"])[:-1])


def an_anchor_with_another_hash(members: Members) -> None:
    members["anchors.jsonl"] = jsonl([{"at": "", "head_hash": "b" * 64, "head_seq": 2}])


def an_anchor_beyond_the_end(members: Members) -> None:
    members["anchors.jsonl"] = jsonl([{"at": "", "head_hash": "b" * 64, "head_seq": 1000}])


def a_statement_that_was_changed(members: Members) -> None:
    line = {"id": 1, "user_id": 1, "prev_hash": "0" * 64, "hash": "c" * 64}
    members["statement.jsonl"] = jsonl([line])


def a_statement_out_of_order(members: Members) -> None:
    """Its hashes and links are right, as an Exchange could make them that counts backwards."""
    before, lines = "0" * 64, []
    for number in (2, 1):
        content = canonical({"id": number})
        link = hashlib.sha256(f"{before}\n".encode() + content).hexdigest()
        lines.append({"id": number, "prev_hash": before, "hash": link})
        before = link
    members["statement.jsonl"] = jsonl(lines)


def a_space_more(members: Members) -> None:
    members["entries.jsonl"] = members["entries.jsonl"].replace(b'"seq":1,', b'"seq": 1,', 1)


def a_key_twice(members: Members) -> None:
    members["chain.json"] = members["chain.json"].replace(b"{", b'{"head_seq":1,', 1)


def a_last_line_without_end(members: Members) -> None:
    members["entries.jsonl"] = members["entries.jsonl"][:-1]


FORGERIES: list[Forgery] = [
    a_memo_changed,
    fewer_tokens,
    a_hash_changed,
    an_entry_removed,
    the_newest_removed,
    two_swapped,
    an_entry_twice,
    a_reversal_of_another,
    the_chain_recomputed,
    a_cost_that_is_none_of_the_price,
    more_tokens_than_there_can_be,
    other_totals,
    other_states,
    another_head,
    another_exchange,
    a_receipt_with_other_figures,
    a_receipt_of_another_report,
    a_state_that_is_none,
    a_receipt_line_removed,
    an_anchor_with_another_hash,
    an_anchor_beyond_the_end,
    a_statement_that_was_changed,
    a_statement_out_of_order,
    a_space_more,
    a_key_twice,
    a_last_line_without_end,
]
