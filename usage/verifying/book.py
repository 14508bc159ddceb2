"""An account's books against themselves: entries, head, sums, deliveries, reversals, triggers."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection

from accounts.models import ExchangeAccount
from usage import triggers
from usage.models import Chain, Delivery, LedgerEntry
from usage.verifying import sums as verifying_sums
from usage.verifying.chain import Walk
from usage.verifying.content import fault_of
from usage.verifying.problems import Kind, Problems
from usage.verifying.rows import AT, SEQ, STATE, Row, digester, pages
from usage.writing.appending import REPEATED

Progress = Callable[[int, int], None]
"""Told how many entries have been looked at, and how many there are."""

MOST_BEYOND = 100
"""Entries after the head that are named one by one."""

_DELIVERY, _REVERSES = AT["delivery"], AT["reverses_seq"]
_OF_A_REVERSAL = (Delivery.State.LOCAL.value, Delivery.State.WITHDRAWN.value)
_LOCAL = Delivery.State.LOCAL.value


@dataclass(frozen=True, slots=True)
class Looked:
    """How far the books go: the number of entries, and the head as it was kept."""

    chain: Chain
    entries: int


def look_through(account: ExchangeAccount, problems: Problems, progress: Progress | None) -> Looked:
    """Go through all that the database holds of this account. Call it inside a snapshot."""
    chain = Chain.objects.filter(account=account).first()
    if chain is None:
        return _look_without_a_chain(account, problems)
    walk = Walk(digester(chain.chain_id, account.exchange.base_url), problems)
    adder = verifying_sums.Adder()
    beyond = array("q")
    delivered = 0
    for rows in pages(account.pk, account.exchange_id):
        for row in rows:
            delivered += row[_DELIVERY] is not None
            if type(row[SEQ]) is int and row[SEQ] > chain.seq:
                beyond.append(row[SEQ])
                continue
            fits = walk.step(row)
            try:
                adder.add(row)
                fault = fault_of(row) if fits else None
            except (TypeError, ValueError):
                fault = "holds text where there must be a number, or the reverse"
            if fault and fits:
                problems.add(row[SEQ], Kind.CONTENT, f"Entry {row[SEQ]} {fault}.")
            if row[_DELIVERY] != 1 or (row[_REVERSES] is not None) != (row[STATE] in _OF_A_REVERSAL):
                _judge_delivery(row, problems)
        if progress:
            progress(walk.entries, chain.seq)
    walk.finish()
    _compare_head(chain, walk, problems)
    _say_beyond(chain, beyond, problems)
    verifying_sums.compare(account, chain, adder, problems)
    _find_orphans(account, delivered, problems)
    _compare_reversals(account, problems)
    _find_unpaired(account, problems)
    for name in triggers.missing(connection):
        problems.add(None, Kind.TRIGGER, f"The database trigger {name} is missing, off, or another one.")
    return Looked(chain, walk.entries + len(beyond))


def _look_without_a_chain(account: ExchangeAccount, problems: Problems) -> Looked:
    entries = LedgerEntry.objects.filter(account=account).count()
    if entries:
        problems.add_break(1, Kind.HEAD, f"There are {entries:,} entries, and no head of the chain.")
    return Looked(Chain(account=account), entries)


def _say_beyond(chain: Chain, beyond: Sequence[int], problems: Problems) -> None:
    stand = f"after the chain's head, number {chain.seq}"
    if len(beyond) > MOST_BEYOND:
        first, last = min(beyond), max(beyond)
        problems.add_break(
            first, Kind.INSERTED, f"{len(beyond):,} entries, {first} to {last}, stand {stand}."
        )
        return
    for seq in beyond:
        problems.add_break(seq, Kind.INSERTED, f"Entry {seq} stands {stand}.")


def _judge_delivery(row: Row, problems: Problems) -> None:
    seq, copies, state = row[SEQ], row[_DELIVERY], row[STATE]
    if copies is None:
        problems.add(seq, Kind.DELIVERY, f"Entry {seq} has no delivery: it would never be reported.")
    elif copies != 1:
        problems.add(
            seq,
            Kind.DELIVERY,
            f"The delivery of entry {seq} names another account, Exchange, number or time than the entry.",
        )
    elif row[_REVERSES] is not None:
        problems.add(seq, Kind.DELIVERY, f"Entry {seq} is a reversal, and its delivery is {state}.")
    elif state == _LOCAL:
        problems.add(seq, Kind.DELIVERY, f"Entry {seq} is no reversal, and its delivery is local only.")


def _compare_head(chain: Chain, walk: Walk, problems: Problems) -> None:
    last = walk.last_seq
    if last < chain.seq:
        which = f"Entry {chain.seq} is" if last == chain.seq - 1 else f"Entries {last + 1} to {chain.seq} are"
        problems.add_break(
            last + 1, Kind.MISSING, f"{which} missing: the chain's head is number {chain.seq}."
        )
    elif walk.last_fits and chain.hash != walk.last_hash:
        problems.add_break(
            max(chain.seq, 1),
            Kind.HEAD,
            f"The chain's head has another hash than entry {chain.seq}: one of them was replaced.",
        )


def _find_orphans(account: ExchangeAccount, delivered: int, problems: Problems) -> None:
    deliveries = Delivery.objects.filter(account=account)
    # an index is counted; only if there are more than were met, those are looked for
    if deliveries.count() == delivered:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT d.entry_id, d.seq FROM {Delivery._meta.db_table} d "  # noqa: S608 - names of our own
            f"LEFT JOIN {LedgerEntry._meta.db_table} e ON e.id = d.entry_id "
            "WHERE d.account_id = %s AND (e.id IS NULL OR e.account_id <> d.account_id) ORDER BY d.seq",
            [account.pk],
        )
        for entry_id, seq in cursor.fetchall():
            problems.add(
                seq, Kind.DELIVERY, f"There is a delivery of entry {seq} (row {entry_id}), and no such entry."
            )


def _compare_reversals(account: ExchangeAccount, problems: Problems) -> None:
    other = "IS DISTINCT FROM" if connection.vendor == "postgresql" else "IS NOT"
    unlike = " OR ".join(f"was.{name} {other} r.{name}" for name in REPEATED)
    entries = LedgerEntry._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT r.seq, r.reverses_seq FROM {entries} r "  # noqa: S608 - names of our own
            f"LEFT JOIN {entries} was ON was.account_id = r.account_id AND was.seq = r.reverses_seq "
            "WHERE r.account_id = %s AND r.reverses_seq IS NOT NULL "
            f"AND (was.id IS NULL OR was.reverses_seq IS NOT NULL OR {unlike}) ORDER BY r.seq",
            [account.pk],
        )
        for seq, reverses in cursor.fetchall():
            problems.add(
                seq, Kind.REVERSAL, f"Entry {seq} does not repeat entry {reverses}, which it says to reverse."
            )


def _find_unpaired(account: ExchangeAccount, problems: Problems) -> None:
    """Withdrawn are an entry and its reversal together; what a local reversal takes back is delivered."""
    entries, deliveries = LedgerEntry._meta.db_table, Delivery._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT d.seq, d.state, NULL FROM {deliveries} d "  # noqa: S608 - names of our own
            f"JOIN {entries} e ON e.id = d.entry_id AND e.reverses_seq IS NULL "
            "WHERE d.account_id = %s AND d.state = 'withdrawn' AND NOT EXISTS (SELECT 1 "
            f"FROM {entries} r WHERE r.account_id = d.account_id AND r.reverses_seq = d.seq) "
            f"UNION ALL SELECT d.seq, d.state, back.state FROM {entries} r "
            f"JOIN {deliveries} back ON back.entry_id = r.id "
            f"JOIN {entries} e ON e.account_id = r.account_id AND e.seq = r.reverses_seq "
            f"JOIN {deliveries} d ON d.entry_id = e.id "
            "WHERE r.account_id = %s AND r.reverses_seq IS NOT NULL AND e.reverses_seq IS NULL "
            "AND ((back.state = 'withdrawn' AND d.state <> 'withdrawn') "
            "OR (back.state = 'local' AND d.state <> 'delivered')) ORDER BY 1",
            [account.pk, account.pk],
        )
        for seq, state, of_reversal in cursor.fetchall():
            other = f"that of its reversal {of_reversal}" if of_reversal else "nothing reverses it"
            problems.add(seq, Kind.DELIVERY, f"The delivery of entry {seq} is {state}, and {other}.")
