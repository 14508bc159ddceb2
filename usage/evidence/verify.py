"""Check a dispute pack of a Tokligence Gateway, with nothing but Python 3.8 or newer.

    python3 -I verify.py --expect DIGEST PACK.zip

PACK may also be the folder into which the zip was unpacked; left out, it is this file's folder. DIGEST is
what was shown when the pack was made. The rules that are checked here are those of docs/evidence.md.

Exit 0: all of it holds. 1: it does not, and each problem is named. 2: wrong usage.

A pack brings its own copy of this program, and whoever made a false pack can have changed that copy. Run one
that you had before, or got from somebody else than the pack. It is one file because it travels alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import zipfile
from fractions import Fraction
from itertools import zip_longest
from typing import Any, BinaryIO, Dict, Iterator, List, Tuple  # noqa: UP035 - for Python 3.8

FORMAT = 1
MANIFEST = "manifest.json"
MEMBERS = [
    "README.txt",
    "anchors.jsonl",
    "chain.json",
    "entries.jsonl",
    "receipts.jsonl",
    "reconciliation.jsonl",
    "statement.jsonl",
    "summary.json",
    "summary.txt",
    "verify.py",
]
GENESIS = "0" * 64
LONGEST = 4 * 1024 * 1024  # bytes of a line, or of a document
MOST_SHOWN = 100
LONGEST_SAID = 1000  # characters of a sentence: what a pack holds may be megabytes long
MOST_TOKENS = 2**53 - 1
NUMBER, TEXT = (int,), (str,)
NUMBER_OR_NULL, TEXT_OR_NULL = (int, type(None)), (str, type(None))
FIELDS: dict[str, tuple[type, ...]] = {
    "v": NUMBER,
    "chain": TEXT,
    "exchange": TEXT,
    "seq": NUMBER,
    "prev_hash": TEXT,
    "hash": TEXT,
    "entry_id": TEXT,
    "direction": TEXT,
    "service_id": NUMBER,
    "service_name": TEXT_OR_NULL,
    "model_family": TEXT_OR_NULL,
    "provider_id": NUMBER_OR_NULL,
    "provider_name": TEXT_OR_NULL,
    "price_per_1k_tokens": TEXT_OR_NULL,
    "cost_nanos": NUMBER_OR_NULL,
    "currency": TEXT,
    "prompt_tokens": NUMBER,
    "completion_tokens": NUMBER,
    "cached_tokens": NUMBER_OR_NULL,
    "reasoning_tokens": NUMBER_OR_NULL,
    "memo": TEXT,
    "attributes": TEXT,
    "evidence": TEXT,
    "source": TEXT,
    "api_key_id": NUMBER_OR_NULL,
    "occurred_at": TEXT,
    "occurred_at_given": NUMBER,
    "recorded_at": TEXT,
    "reverses_seq": NUMBER_OR_NULL,
}
# what a reversal does not have from the entry that it takes back
ITS_OWN = {"v", "chain", "exchange", "seq", "prev_hash", "hash", "entry_id", "memo", "attributes", "source"}
REPEATED = sorted(set(FIELDS) - ITS_OWN - {"recorded_at", "reverses_seq"})
FIGURES = ["service_id", "direction", "prompt_tokens", "completion_tokens"]
STATES = [
    "pending",
    "sending",
    "delivered",
    "rejected",
    "uncertain",
    "withdrawn",
    "local",
    "missing",
]
HEAD: dict[str, tuple[type, ...]] = {
    "chain": TEXT_OR_NULL,
    "exchange": TEXT,
    "first_seq": NUMBER_OR_NULL,
    "first_prev_hash": TEXT,
    "last_seq": NUMBER_OR_NULL,
    "last_hash": TEXT,
    "head_seq": NUMBER,
    "head_hash": TEXT,
}
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
PRICE = re.compile(r"[0-9]{1,50}(\.[0-9]{1,50})?")
Object = Dict[str, Any]  # noqa: UP006
Seen = Dict[int, List[Tuple[Any, str]]]  # noqa: UP006 - an entry's number: hashes that it had, and who saw them


class Unreadable(Exception):  # noqa: N818 - said of the pack
    """So far from a pack that nothing more of it can be looked at."""


class Report:
    """Problems: it does not hold. Differences: it holds, and the two books say different things."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.differences: list[str] = []
        self.count = 0

    def problem(self, sentence: str, seq: int | None = None) -> None:
        self.count += 1
        if self.count <= MOST_SHOWN:
            self.problems.append(short(sentence if seq is None else f"Entry {seq}: {sentence}"))

    def difference(self, sentence: str) -> None:
        if len(self.differences) < MOST_SHOWN:
            self.differences.append(short(sentence))


def short(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST_SAID else f"{sentence[:LONGEST_SAID]}..."


# ---- reading -----------------------------------------------------------------------------------------------


class Folder:
    """A pack that was unpacked."""

    def __init__(self, path: str) -> None:
        self.path = path

    def names(self, report: Report) -> list[str]:
        with os.scandir(self.path) as found:
            entries = list(found)
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                report.problem(f"{entry.name!r} is no plain file.")
        return [entry.name for entry in entries]

    def open(self, name: str) -> BinaryIO:
        return open(os.path.join(self.path, name), "rb")  # noqa: PTH118, PTH123


class Zip:
    """A pack as it was made: member behind member, and nothing before, between or after them."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.zip = zipfile.ZipFile(path)

    def names(self, report: Report) -> list[str]:
        infos = sorted(self.zip.infolist(), key=lambda info: info.header_offset)
        end = 0
        with open(self.path, "rb") as file:  # noqa: PTH123
            for info in infos:
                if info.header_offset != end or info.flag_bits & 0b1001 or info.comment:
                    report.problem(f"The zip holds something before or beside {info.filename!r}.")
                file.seek(info.header_offset + 26)
                lengths = file.read(4)
                end = info.header_offset + 30 + info.compress_size
                end += int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
            file.seek(-22, os.SEEK_END)
            last = file.read()
        if end != self.zip.start_dir or last[:4] != b"PK\5\6" or last[-2:] != b"\0\0":
            report.problem("The zip holds something behind its members.")
        return [info.filename for info in infos]

    def open(self, name: str) -> Any:
        return self.zip.open(name)


def canonical(value: Any) -> bytes:
    """JSON with its keys sorted, no spaces, and nothing escaped that need not be; UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_object(data: bytes) -> Object | None:
    """The JSON object, if it is written in the one way in which a pack writes it."""
    try:
        value = json.loads(data.decode())
        return value if type(value) is dict and canonical(value) == data else None
    except (ValueError, RecursionError):
        return None


def document(pack: Any, name: str) -> Object:
    with pack.open(name) as file:
        value = read_object(file.read(LONGEST))
    if value is None:
        raise Unreadable(f"{name} is not a canonical JSON object.")
    return value


def lines(pack: Any, name: str, report: Report) -> Iterator[Object | None]:
    """The object of each line; None, and a problem, for a line that holds none."""
    with pack.open(name) as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST), b""), 1):
            value = read_object(line[:-1]) if line.endswith(b"\n") else None
            if value is None:
                report.problem(f"Line {number} of {name} is not a canonical JSON object.")
            yield value


# ---- the pack ----------------------------------------------------------------------------------------------


def check_members(pack: Any, expect: str | None, report: Report) -> str:
    """That the members are what the manifest says, and the manifest what the digest (returned) says."""
    names = pack.names(report)
    for name in sorted(set(names) - {MANIFEST, *MEMBERS}):
        report.problem(f"{name!r} does not belong to the pack.")
    for name in sorted({name for name in names if names.count(name) > 1}):
        report.problem(f"{name!r} is there more than once.")
    missing = [name for name in [MANIFEST, *MEMBERS] if name not in names]
    if missing:
        raise Unreadable(f"There is no {', '.join(missing)}.")
    manifest = document(pack, MANIFEST)
    digest = sha256(canonical(manifest))
    if expect is not None and digest != expect:
        report.problem(f"The digest is {digest}, not the one that was expected.")
    found = [measured(pack, name) for name in MEMBERS]
    if manifest != {"format": FORMAT, "members": found}:
        listed = manifest.get("members")
        wrong = [one["name"] for one in found if type(listed) is not list or one not in listed]
        report.problem(f"The manifest does not describe the members: {', '.join(wrong) or 'another format'}.")
    return digest


def measured(pack: Any, name: str) -> Object:
    """What the manifest must say of a member."""
    found, size = hashlib.sha256(), 0
    with pack.open(name) as file:
        for block in iter(lambda: file.read(1 << 16), b""):
            found.update(block)
            size += len(block)
    return {"name": name, "sha256": found.hexdigest(), "size": size}


def read_head(pack: Any) -> tuple[Object, Object]:
    """chain.json and summary.json, with what the checks need of them."""
    head, summary = document(pack, "chain.json"), document(pack, "summary.json")
    if set(head) != set(HEAD) or any(type(head[name]) not in HEAD[name] for name in HEAD):
        raise Unreadable("chain.json has not the fields of format 1.")
    period, statement = summary.get("period"), summary.get("statement")
    if type(period) is not dict or type(statement) is not dict:
        raise Unreadable("summary.json has not the fields of format 1.")
    for at in (period.get("since"), period.get("until")):
        if at is not None and not (type(at) is str and MOMENT.fullmatch(at)):
            raise Unreadable("The period of summary.json is none.")
    return head, summary


# ---- what others say ---------------------------------------------------------------------------------------


def check_statement(pack: Any, report: Report) -> tuple[dict[str, list[Any]], int]:
    """The Exchange's own chain. Returns its figures by the key of each report, and how many lines it has."""
    theirs: dict[str, list[Any]] = {}
    before = last = None
    count = 0
    for line in lines(pack, "statement.jsonl", report):
        if line is None:
            before = None
            continue
        count += 1
        number, key = line.get("id"), line.get("idempotency_key")
        rest = {name: line[name] for name in line if name not in ("prev_hash", "hash")}
        if sha256(f"{line.get('prev_hash')}\n".encode() + canonical(rest)) != line.get("hash"):
            report.problem(f"The statement's line {number!r} has another hash than it says.")
        if before is not None and line.get("prev_hash") != before:
            report.problem(f"The statement's line {number!r} does not follow the line before it.")
        if type(number) is not int or (last is not None and number <= last):
            report.problem(f"The statement's line {number!r} is out of order.")
        else:
            last = number
        before = line.get("hash")
        if type(key) is str:
            if key in theirs:
                report.difference(f"The Exchange counted twice what was reported under {key!r}.")
            theirs[key] = [line.get(name) for name in FIGURES]
    return theirs, count


def seen_elsewhere(pack: Any, head_seq: int, report: Report) -> Seen:
    """What the head log and the reconciliations saw of the chain."""
    seen: Seen = {}
    for name, where in (("anchors.jsonl", "the head log"), ("reconciliation.jsonl", "a reconciliation")):
        for line in lines(pack, name, report):
            if line is None or line.get("record") == "line":
                continue
            seq = line.get("head_seq")
            if type(seq) is not int:
                report.problem(f"A line of {name} names no entry.")
            elif seq > head_seq:
                report.problem(f"It was seen by {where}, and the books end before it.", seq)
            elif seq > 0:
                seen.setdefault(seq, []).append((line.get("head_hash"), where))
    return seen


def check_receipt(entry: Object, line: Object | None, report: Report) -> str:
    """Compare an entry with its receipt. Returns how it stands at the Exchange."""
    if line is None or (line.get("seq"), line.get("hash")) != (entry["seq"], entry["hash"]):
        report.problem("receipts.jsonl has no line for it.", entry["seq"])
        return ""
    receipt = line.get("receipt")
    if type(receipt) is dict:
        if receipt.get("idempotency_key") not in (None, entry["hash"]):
            report.problem("Its receipt is for another report (idempotency_key).", entry["seq"])
        if any(name in receipt and receipt[name] != entry[name] for name in FIGURES):
            report.problem("Its receipt has other figures.", entry["seq"])
    if line.get("state") not in STATES:
        report.problem("Its state of delivery is none.", entry["seq"])
        return ""
    return str(line["state"])


# ---- the entries -------------------------------------------------------------------------------------------


def fault_of(entry: Object) -> str | None:
    """What is wrong with an entry in itself, its hash left aside."""
    if set(entry) != set(FIELDS):
        return "It has not the fields of format 1."
    for name, kinds in FIELDS.items():
        if type(entry[name]) not in kinds:
            return f"Its {name} is of another kind than it must be."
    prompt, completion = entry["prompt_tokens"], entry["completion_tokens"]
    if not (
        0 <= (entry["cached_tokens"] or 0) <= prompt and 0 <= (entry["reasoning_tokens"] or 0) <= completion
    ):
        return "Its tokens do not fit together."
    if prompt > MOST_TOKENS or completion > MOST_TOKENS:
        return "It has more tokens than an entry can have."
    if entry["direction"] not in ("consume", "supply"):
        return "It is neither consumed nor supplied."
    if not (MOMENT.fullmatch(entry["occurred_at"]) and MOMENT.fullmatch(entry["recorded_at"])):
        return "Its times are not written as they must be."
    return fault_of_cost(entry["price_per_1k_tokens"], prompt + completion, entry["cost_nanos"])


def fault_of_cost(price: str | None, tokens: int, cost: int | None) -> str | None:
    """What is wrong with a cost in nano-dollars, for so many tokens at a price for 1,000 of them."""
    if price is None:
        return None if cost is None else "It has a cost without a price."
    if not PRICE.fullmatch(price):
        return "Its price is no decimal number."
    # round() of a fraction is half-even
    if cost != round(Fraction(price) * tokens * 1_000_000):
        return "Its cost is not its tokens times its price."
    return None


class Chain:
    """The entries read so far: their links, and what they take back."""

    def __init__(self, head: Object, seen: Seen, wanted: set[int]) -> None:
        self.head, self.seen, self.wanted = head, seen, wanted
        self.first: int = head["first_seq"] or 1
        self.seq = self.first - 1
        self.hash: Any = head["first_prev_hash"]
        self.ids: set[str] = set()
        self.kept: dict[int, list[Any]] = {}
        self.outside = 0

    def add(self, entry: Object, report: Report) -> None:
        """Take the next entry, in which there is no fault."""
        seq = entry["seq"]
        if seq != self.seq + 1:
            report.problem(f"It stands where {self.seq + 1} must stand.", seq)
        if entry["prev_hash"] != self.hash:
            report.problem("It does not follow the entry before it (prev_hash).", seq)
        if sha256(canonical({name: entry[name] for name in entry if name != "hash"})) != entry["hash"]:
            report.problem("Its hash is not that of its content: it was changed.", seq)
        place = (entry["v"], entry["chain"], entry["exchange"])
        if place != (FORMAT, self.head["chain"], self.head["exchange"]):
            report.problem("It is of another chain, Exchange or format.", seq)
        if entry["entry_id"] in self.ids:
            report.problem("Its entry_id was there before.", seq)
        for found, where in self.seen.pop(seq, ()):
            if found != entry["hash"]:
                report.problem(f"It had another hash when it was seen by {where}.", seq)
        self._take_back(entry, report)
        self.ids.add(entry["entry_id"])
        self.seq, self.hash = seq, entry["hash"]

    def _take_back(self, entry: Object, report: Report) -> None:
        back = entry["reverses_seq"]
        if back is None:
            if entry["seq"] in self.wanted:
                self.kept[entry["seq"]] = [entry[name] for name in REPEATED]
        elif 1 <= back < self.first:
            self.outside += 1
        elif self.kept.pop(back, None) != [entry[name] for name in REPEATED]:
            # taken out when found: a second reversal, or one of a reversal, finds nothing
            report.problem(f"It does not take back entry {back}, once and as it was.", entry["seq"])

    def end(self, report: Report) -> None:
        """After the last entry: whether it is the one that must be the last."""
        head = self.head
        if (head["last_seq"] or self.first - 1, head["last_hash"]) != (self.seq, self.hash):
            report.problem("The entries do not end where chain.json says that they end.")
        if self.first == 1 and head["first_prev_hash"] != GENESIS:
            report.problem("The chain does not begin where chains begin.")
        is_newest = self.seq == head["head_seq"]
        if self.seq > head["head_seq"] or (is_newest and self.hash != head["head_hash"]):
            report.problem("The newest entry is not the head that chain.json names.")
        for seq in sorted(self.seen):
            if self.first <= seq <= self.seq:
                report.problem(f"It was seen by {self.seen[seq][0][1]}, and is not there.", seq)


class Sums:
    """What the entries of the period add up to, as summary.json must say it."""

    def __init__(self, period: Object) -> None:
        # as text, times are in their order; "~" is behind every one
        self.since, self.until = period.get("since") or "", period.get("until") or "~"
        self.totals = {
            "entries": 0,
            "reversals": 0,
            "consumed_tokens": 0,
            "supplied_tokens": 0,
            "net_tokens": 0,
            "cost_nanos": 0,
            "revenue_nanos": 0,
            "unpriced_tokens": 0,
        }
        self.states: dict[str, dict[str, int]] = {}

    def add(self, entry: Object, state: str) -> None:
        if not self.since <= entry["occurred_at"] < self.until:
            return
        tokens = entry["prompt_tokens"] + entry["completion_tokens"]
        consumed = entry["direction"] == "consume"
        sign = 1 if entry["reverses_seq"] is None else -1
        self.totals["entries"] += 1
        self.totals["reversals"] += int(sign < 0)
        self.totals["consumed_tokens" if consumed else "supplied_tokens"] += sign * tokens
        self.totals["net_tokens"] += -sign * tokens if consumed else sign * tokens
        self.totals["cost_nanos" if consumed else "revenue_nanos"] += sign * (entry["cost_nanos"] or 0)
        self.totals["unpriced_tokens"] += sign * tokens if entry["cost_nanos"] is None else 0
        counts = self.states.setdefault(state, {"entries": 0, "consumed_tokens": 0, "supplied_tokens": 0})
        counts["entries"] += 1
        counts["consumed_tokens" if consumed else "supplied_tokens"] += tokens


def reversed_numbers(pack: Any) -> set[int]:
    """The entries that are taken back by others: only these have to be kept in mind."""
    with pack.open("entries.jsonl") as file:
        every = iter(lambda: file.readline(LONGEST), b"")
        # a quotation mark inside a text is escaped, so this is found nowhere else
        found = (re.search(rb'"reverses_seq":([0-9]{1,19})\b', line) for line in every)
        return {int(match.group(1)) for match in found if match}


def check_books(pack: Any, report: Report) -> list[str]:
    """Chain, receipts, statement and sums. Returns what there is to say of them."""
    head, summary = read_head(pack)
    complete = summary["statement"].get("complete") is True
    theirs, count = check_statement(pack, report)
    chain = Chain(head, seen_elsewhere(pack, head["head_seq"], report), reversed_numbers(pack))
    sums, matched, number = Sums(summary["period"]), 0, 0
    both = zip_longest(lines(pack, "entries.jsonl", report), lines(pack, "receipts.jsonl", report))
    for number, (entry, receipt) in enumerate(both, 1):
        fault = "It is not there, or cannot be read." if entry is None else fault_of(entry)
        if entry is None or fault:
            report.problem(f"Line {number} of entries.jsonl: {fault}")
            continue
        chain.add(entry, report)
        state = check_receipt(entry, receipt, report)
        sums.add(entry, state)
        line = theirs.pop(entry["hash"], None)
        if line == [entry[name] for name in FIGURES]:
            matched += 1
        elif line is not None:
            report.difference(f"Entry {entry['seq']}: the Exchange's statement has other figures.")
        elif state == "delivered" and complete:
            report.difference(f"Entry {entry['seq']}: delivered, and not in the Exchange's statement.")
    chain.end(report)
    for name, found in (("totals", sums.totals), ("states", sums.states)):
        if summary.get(name) != found:
            report.problem(f"The {name} of summary.json are not the sums of the entries: {found}.")
    return [
        f"Chain      {head['chain']!r} at {head['exchange']!r}",
        f"Entries    {number:,}: {head['first_seq']} to {head['last_seq']} of {head['head_seq']}"
        + (f"; {chain.outside:,} take back some that lie before these" if chain.outside else ""),
        *said_of(sums),
        f"Statement  entries as the Exchange has them: {matched:,}; other lines: {count - matched:,}"
        + ("" if complete else f"; not all of it is here: {summary['statement'].get('reason')!r}"),
    ]


# ---- saying it ---------------------------------------------------------------------------------------------


def said_of(sums: Sums) -> list[str]:
    totals = sums.totals
    states = ", ".join(f"{counts['entries']:,} {state}" for state, counts in sorted(sums.states.items()))
    until = "the newest" if sums.until == "~" else sums.until
    return [
        f"Period     {sums.since or 'the first'} to {until}; entries: {totals['entries']:,}",
        f"Consumed   {totals['consumed_tokens']:,} tokens, {usd(totals['cost_nanos'])}",
        f"Supplied   {totals['supplied_tokens']:,} tokens, {usd(totals['revenue_nanos'])}",
        f"Net        {totals['net_tokens']:,} tokens; {totals['unpriced_tokens']:,} have no known price",
        f"Delivery   {states or 'nothing'}",
    ]


def usd(nanos: int) -> str:
    sign = "-" if nanos < 0 else ""
    return f"{sign}USD {abs(nanos) // 10**9:,}.{abs(nanos) % 10**9:09d}"


def say(report: Report, said: list[str], digest: str, expect: str | None) -> None:
    out = [*map(short, said), f"Digest     {digest or 'none'}", ""]
    if report.differences:
        out += ["The two books differ. The pack documents that, and holds all the same:"]
        out += [*(f"  {sentence}" for sentence in report.differences), ""]
    if report.count:
        out += [f"IT DOES NOT HOLD. Problems: {report.count:,}."]
        out += [f"  {sentence}" for sentence in report.problems]
        out += [f"  and {report.count - MOST_SHOWN:,} more"] if report.count > MOST_SHOWN else []
    else:
        out += ["It holds: every check passed."]
    if expect is None:
        out += [
            "WARNING: without --expect DIGEST nothing ties this pack to the one that was exported.",
            "Whoever could write the whole pack anew could have changed anything in it.",
        ]
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.stdout.write("\n".join(out) + "\n")


def expected_digest(text: str) -> str:
    """What was typed after --expect, as digests are written here."""
    digest = text.strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise argparse.ArgumentTypeError("a digest has 64 hexadecimal digits")
    return digest


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check a dispute pack of a Tokligence Gateway.")
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    parser.add_argument("pack", nargs="?", default=here, help="the zip, or the folder of its members")
    parser.add_argument(
        "--expect", metavar="DIGEST", type=expected_digest, help="as it was shown when the pack was made"
    )
    options = parser.parse_args(arguments)
    if not os.path.exists(options.pack):  # noqa: PTH110
        parser.error(f"there is no {options.pack!r}")
    report = Report()
    said: list[str] = []
    digest = ""
    try:
        pack: Any = Folder(options.pack) if os.path.isdir(options.pack) else Zip(options.pack)  # noqa: PTH112
        digest = check_members(pack, options.expect, report)
        said = check_books(pack, report)
    except Unreadable as error:
        report.problem(str(error))
    except Exception as error:  # noqa: BLE001 - whatever a hostile pack breaks, it does not hold
        report.problem(f"The pack cannot be read: {type(error).__name__}, {error}")
    say(report, said, digest, options.expect)
    return 1 if report.count else 0


if __name__ == "__main__":
    sys.exit(main())
