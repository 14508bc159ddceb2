"""Appending to an account's chain, with all that depends on its entries. Only usage.ledger calls it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import BigIntegerField, UUIDField
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import ApiKey, ExchangeAccount
from accounts.prepared import Prepared, Slot
from usage import rollups, tallies
from usage.budgets import counting as budget_counting
from usage.canonical import FORMAT, digest, fields_of
from usage.delivering.settling import may_have_been_counted
from usage.memos import index as memo_index
from usage.models import Chain, Delivery, DeliveryQueue, LedgerEntry
from usage.writing.drafts import Draft, EntryInvalid, attributes_text
from usage.writing.inserting import FEW, at_once, insert, insert_one, update
from usage.writing.pricing import UNKNOWN, Offered, cost_nanos
from usage.writing.results import NotReversible, Result
from usage.writing.room import KeysShare, require_room
from usage.writing.turns import turn

State = Delivery.State
REPEATED = (
    "direction",
    "service_id",
    "service_name",
    "model_family",
    "provider_id",
    "provider_name",
    "price_per_1k_tokens",
    "cost_nanos",
    "currency",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "evidence",
    # in the same hour's and key's sums, so that they are as if neither had been
    "occurred_at",
    "occurred_at_given",
    "api_key_id",
)
"""What a reversal has from its entry."""
_ACCOUNT = Slot("account", BigIntegerField())
_CHAIN = Prepared(lambda: Chain.objects.select_for_update().filter(account=_ACCOUNT))
_ENTRY = Prepared(
    lambda: LedgerEntry.objects.filter(account=_ACCOUNT, entry_id=Slot("entry_id", UUIDField()))
)


@dataclass(frozen=True, kw_only=True)
class Writer:
    """One call's context: for whom, from where, under which key, and what is known of the services."""

    account: ExchangeAccount
    source: str
    api_key: ApiKey | None
    offers: dict[int, Offered]

    def append(self, judged: Sequence[Draft | Result]) -> list[Result]:
        with turn(), transaction.atomic(durable=True):
            chain = self._locked()
            there = self._there(one.entry_id for one in judged if isinstance(one, Draft))
            now = timezone.now()
            share = KeysShare(self.account.pk, self.api_key.pk if self.api_key else None)
            results, new = [], list[LedgerEntry]()
            for one in judged:
                result = one if isinstance(one, Result) else self._result(one, there, chain, share, now)
                if result.status == "recorded" and result.entry is not None:
                    there[result.entry.entry_id] = result.entry
                    new.append(result.entry)
                results.append(result)
            self._write(chain, new, [State.PENDING] * len(new))
            beyond = self._beyond_budget(results, new, now)
        return [replace(one, over_budget=one.seq in beyond) for one in results] if beyond else results

    def append_reversal(self, seq: int, reason: str) -> LedgerEntry:
        with turn(), transaction.atomic(durable=True):
            chain = self._locked()
            entry = LedgerEntry.objects.get(account=self.account, seq=seq)
            delivery = Delivery.objects.select_for_update().get(entry=entry)
            self._check_reversible(entry, delivery)
            reversal = self._reversal_of(entry, reason, timezone.now())
            require_room(chain, reversal)
            self._chained(chain, reversal)
            counted = delivery.state == State.DELIVERED
            self._write(chain, [reversal], [State.LOCAL if counted else State.WITHDRAWN])
            if not counted:
                before, delivery.state = delivery.state, State.WITHDRAWN
                delivery.settled_at, delivery.settled_by = timezone.now(), Delivery.SettledBy.REVERSAL
                delivery.next_attempt_at = None
                delivery.save(update_fields=["state", "settled_at", "settled_by", "next_attempt_at"])
                tallies.move(self.account.pk, [tallies.move_of(entry, before, State.WITHDRAWN)])
            detail = {"reversal": reversal.seq, "counted_there": counted}
            audit.note("entry.reversed", account=self.account, subject=audit.of_entry(seq), detail=detail)
        return reversal

    def _beyond_budget(
        self, results: Sequence[Result], new: Sequence[LedgerEntry], now: datetime
    ) -> set[int | None]:
        """The numbers of those with which a key went beyond its budget, now or when they came first."""
        beyond = set[int | None]()
        if self.api_key is not None and new:
            beyond.update(budget_counting.judge(self.api_key, new, now))
        before = [one.entry.pk for one in results if one.status == "duplicate" and one.entry]
        if before:
            beyond.update(budget_counting.marked(before))
        return beyond

    def _locked(self) -> Chain:
        chain = _CHAIN.first(account=self.account.pk)
        if chain is None:
            Chain.objects.bulk_create([Chain(account=self.account)], ignore_conflicts=True)
            # with the first entry: a backup without it could not be told from one in which nothing was sent
            queue = DeliveryQueue(exchange_id=self.account.exchange_id)
            DeliveryQueue.objects.bulk_create([queue], ignore_conflicts=True)
            chain = Chain.objects.select_for_update().get(account=self.account)
        return chain

    def _there(self, entry_ids: Iterable[UUID | None]) -> dict[UUID, LedgerEntry]:
        wanted = [one for one in entry_ids if one is not None]
        if len(wanted) <= FEW:
            rows = [row for one in wanted for row in _ENTRY.rows(account=self.account.pk, entry_id=one)]
        else:
            rows = list(LedgerEntry.objects.filter(account=self.account, entry_id__in=wanted))
        return {entry.entry_id: entry for entry in rows}

    def _result(
        self, draft: Draft, there: dict[UUID, LedgerEntry], chain: Chain, share: KeysShare, now: datetime
    ) -> Result:
        was = there.get(draft.entry_id) if draft.entry_id else None
        if was is not None:
            if draft.is_told_by(was):
                return Result(entry_id=was.entry_id, status="duplicate", entry=was)
            error = _("Another entry was recorded under this id, with other content: number %(seq)s.") % {
                "seq": was.seq
            }
            return Result(entry_id=was.entry_id, status="conflict", entry=was, field="entry_id", error=error)
        entry = self._entry_of(draft, now)
        try:
            require_room(chain, entry)
            share.take(chain, entry)
        except EntryInvalid as refused:
            return Result(
                entry_id=draft.entry_id, status="invalid", field=refused.field, error=refused.sentence
            )
        self._chained(chain, entry)
        return Result(entry_id=entry.entry_id, status="recorded", entry=entry)

    def _entry_of(self, draft: Draft, now: datetime) -> LedgerEntry:
        offer = self.offers.get(draft.service_id, UNKNOWN)
        price = offer.price_per_1k_tokens
        return LedgerEntry(
            account_id=self.account.pk,
            entry_id=draft.entry_id or uuid4(),
            v=FORMAT,
            direction=draft.direction,
            service_id=draft.service_id,
            service_name=offer.service_name,
            model_family=offer.model_family,
            provider_id=offer.provider_id,
            provider_name=offer.provider_name,
            price_per_1k_tokens=price,  # type: ignore[misc]  # a PriceField takes a Decimal
            cost_nanos=None
            if price is None
            else cost_nanos(
                price, prompt_tokens=draft.prompt_tokens, completion_tokens=draft.completion_tokens
            ),
            prompt_tokens=draft.prompt_tokens,
            completion_tokens=draft.completion_tokens,
            cached_tokens=draft.cached_tokens,
            reasoning_tokens=draft.reasoning_tokens,
            memo=draft.memo,
            attributes=attributes_text(draft.attributes),
            evidence=draft.evidence,
            source=self.source,
            api_key=self.api_key,
            occurred_at=draft.occurred_at or now,
            occurred_at_given=draft.occurred_at is not None,
            recorded_at=now,
        )

    def _reversal_of(self, entry: LedgerEntry, reason: str, now: datetime) -> LedgerEntry:
        return LedgerEntry(
            account_id=self.account.pk,
            entry_id=uuid4(),
            v=FORMAT,
            memo=reason,
            attributes="{}"
            if self.api_key is None
            else attributes_text({"reversed_by_key": self.api_key.pk}),
            source=self.source,
            recorded_at=now,
            reverses_seq=entry.seq,
            **{name: getattr(entry, name) for name in REPEATED},
        )

    def _check_reversible(self, entry: LedgerEntry, delivery: Delivery) -> None:
        if entry.is_reversal:
            raise NotReversible(_("A reversal cannot be reversed. Record the usage again instead."))
        if LedgerEntry.objects.filter(account=self.account, reverses_seq=entry.seq).exists():
            raise NotReversible(_("This entry has been reversed already."))
        if may_have_been_counted(delivery):
            raise NotReversible(
                _("It is not settled whether the Exchange has counted this entry. Settle that first.")
            )

    def _chained(self, chain: Chain, entry: LedgerEntry) -> None:
        """Give the entry its place, and move the chain on."""
        entry.seq, entry.prev_hash = chain.seq + 1, chain.hash
        entry.hash = digest(
            fields_of(entry, chain_id=chain.chain_id, exchange=self.account.exchange.base_url)
        )
        chain.seq, chain.hash, chain.recorded_at = entry.seq, entry.hash, entry.recorded_at
        tokens, nanos = entry.total_tokens, entry.cost_nanos or 0
        chain.gross_tokens += tokens
        chain.gross_nanos += nanos
        if entry.direction == LedgerEntry.Direction.CONSUME:
            chain.consumed_tokens += entry.sign * tokens
            chain.cost_nanos += entry.sign * nanos
        else:
            chain.supplied_tokens += entry.sign * tokens
            chain.revenue_nanos += entry.sign * nanos

    def _write(self, chain: Chain, entries: Sequence[LedgerEntry], states: Sequence[str]) -> None:
        if not entries:
            return
        self._insert(entries)
        placed = list(zip(entries, states, strict=True))
        with at_once() as checks:
            update(chain, checks)
            rollups.add(self.account.pk, entries)
            budget_counting.add(entries)
            memo_index.add((entry.pk, self.account.pk, entry.memo) for entry in entries if entry.memo)
            insert([self._delivery_of(entry, state) for entry, state in placed])
            tallies.move(self.account.pk, [tallies.move_of(entry, None, state) for entry, state in placed])

    def _insert(self, entries: Sequence[LedgerEntry]) -> None:
        """Insert them, and give each its key."""
        if len(entries) <= FEW and connection.features.can_return_columns_from_insert:
            for entry in entries:
                insert_one(entry)
            return
        insert(entries)
        there = LedgerEntry.objects.filter(account=self.account, seq__range=(entries[0].seq, entries[-1].seq))
        keys = dict(there.values_list("seq", "pk"))
        for entry in entries:
            entry.pk = keys[entry.seq]
            entry._state.adding = False

    def _delivery_of(self, entry: LedgerEntry, state: str) -> Delivery:
        settled = state != State.PENDING
        return Delivery(
            entry_id=entry.pk,
            account_id=self.account.pk,
            exchange_id=self.account.exchange_id,
            seq=entry.seq,
            occurred_at=entry.occurred_at,
            state=state,
            settled_at=entry.recorded_at if settled else None,
            settled_by=Delivery.SettledBy.REVERSAL if settled else "",
        )
