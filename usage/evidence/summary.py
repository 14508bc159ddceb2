"""What the pack says in short: as a document, and as a page for people. English, whoever asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.models import ExchangeAccount
from usage.canonical import moment
from usage.evidence.books import Segment
from usage.evidence.statement import Fetched
from usage.evidence.verify import FORMAT, Sums, usd
from usage.models import ReconciliationRun

RULE = "-" * 72


def period_of(since: datetime | None, until: datetime | None) -> dict[str, str | None]:
    """From ``since`` up to ``until`` without it; None: from the first, to the newest."""
    return {"since": moment(since) if since else None, "until": moment(until) if until else None}


def document_of(
    account: ExchangeAccount, sums: Sums, period: Mapping[str, str | None], fetched: Fetched
) -> dict[str, Any]:
    """summary.json: what the verifier adds up again, and whose books these are."""
    return {
        "format": FORMAT,
        "account": {
            "email": account.user.email,
            "display_name": account.user.display_name,
            "exchange_user_id": account.exchange_user_id,
            "provider_id": account.provider_id,
        },
        "period": dict(period),
        "totals": sums.totals,
        "states": sums.states,
        "statement": {"complete": fetched.complete, "lines": fetched.lines, "reason": fetched.reason},
    }


def text_of(document: Mapping[str, Any], segment: Segment, runs: list[ReconciliationRun]) -> str:
    """summary.txt: the same for people, with how to check it."""
    who, period, totals = document["account"], document["period"], document["totals"]
    name = f"{who['display_name']} <{who['email']}>" if who["display_name"] else who["email"]
    number = who["exchange_user_id"]
    lines = [
        "INDEPENDENT LEDGER: EVIDENCE OF USAGE",
        RULE,
        f"Account     {name}",
        f"Exchange    {segment.exchange}{f', user {number}' if number is not None else ''}",
        f"Period      {period['since'] or 'from the first entry'} to {period['until'] or 'the newest entry'}",
        f"Entries     {_range(segment)}",
        f"Chain       {segment.chain_id or 'none yet'}",
        f"Newest      {segment.head_hash}",
        RULE,
        _figure("Consumed", totals["consumed_tokens"], usd(totals["cost_nanos"])),
        _figure("Supplied", totals["supplied_tokens"], usd(totals["revenue_nanos"])),
        _figure("Net", totals["net_tokens"], "supplied minus consumed"),
    ]
    if totals["unpriced_tokens"]:
        lines.append(_figure("No price", totals["unpriced_tokens"], "their cost is in no sum"))
    lines += [
        "Net of reversals. Cost and revenue are the sums of the entries' own, by the price of their time.",
        RULE,
        "How the entries stand at the Exchange:",
        *(f"  {state:<10} {counts['entries']:>12,}" for state, counts in sorted(document["states"].items())),
        *(["  none"] if not document["states"] else []),
        "",
        f"The Exchange's statement: {_statement(document['statement'])}",
        *_reconciliation(runs),
        RULE,
        "To check this pack: python3 -I verify.py --expect DIGEST PACK.zip",
        "DIGEST is what was shown when the pack was made. README.txt says more.",
    ]
    return "\n".join(lines) + "\n"


def _range(segment: Segment) -> str:
    if segment.first_seq is None or segment.last_seq is None:
        return "none"
    part = "" if segment.is_whole else f", of {segment.head_seq:,}"
    return f"{segment.first_seq:,} to {segment.last_seq:,}{part}"


def _figure(name: str, tokens: int, more: str) -> str:
    return f"{name:<10} {tokens:>22,} tokens   {more}"


def _statement(statement: Mapping[str, Any]) -> str:
    lines = f"{statement['lines']:,} lines"
    return f"{lines}, all there is." if statement["complete"] else f"{lines}. {statement['reason']}"


def _reconciliation(runs: list[ReconciliationRun]) -> list[str]:
    if not runs:
        return ["The books were not compared yet."]
    return [
        f"Compared at {moment(run.finished_at)}: {run.status}.{f' {run.reason}' if run.reason else ''}"
        for run in runs
    ]
