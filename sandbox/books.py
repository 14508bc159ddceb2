"""The Exchange's books: one chain of entries for each account, with running totals."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from sandbox.chain import entry_hash
from sandbox.compliance import rules_broken_by_report
from sandbox.documents import entry_content
from sandbox.models import Account, Entry, Service
from sandbox.refusals import ComplianceRefusal, Conflict, Malformed, NotFound
from sandbox.shapes import UsageReport

PAGE_DEFAULT = 500
PAGE_LIMIT = 1000


@dataclass(frozen=True)
class Counted:
    """The entry of a report, and whether this report made it (or an earlier one with its key)."""

    entry: Entry
    is_new: bool


@dataclass(frozen=True)
class StatementPage:
    """Entries, oldest first, and the identifier after which the next page begins (None on the last)."""

    entries: Sequence[Entry]
    next_after_id: int | None


@transaction.atomic
def count_usage(report: UsageReport, key: str | None) -> Counted:
    """Add a report to the account's chain and totals; a `key` that was counted before is not counted again.

    The account's row is locked first, so that reports of one account come one after another and each finds
    the head that the last one left. Raises NotFound for an unknown account or service, Conflict where the
    key was used for another report, and ComplianceRefusal with every rule that is broken.
    """
    account = Account.objects.select_for_update().filter(pk=report.user_id).first()
    if account is None:
        raise _no_account(report.user_id)
    if key is not None and (earlier := account.entries.filter(idempotency_key=key).first()) is not None:
        if _report_of(earlier) != report:
            raise Conflict("This Idempotency-Key was used for another report. Use a new key for each report.")
        return Counted(earlier, is_new=False)
    service = Service.objects.select_related("provider").filter(pk=report.service_id).first()
    if service is None:
        raise NotFound(f"There is no service {report.service_id}.")
    broken = rules_broken_by_report(
        tokens=report.prompt_tokens + report.completion_tokens,
        supplies=report.direction == "supply",
        owns_service=service.provider.account_id == account.pk,
    )
    if broken:
        raise ComplianceRefusal(broken)
    return Counted(_append(account, report, key), is_new=True)


def account_of(user_id: int) -> Account:
    """The account, with its totals. Raises NotFound."""
    account = Account.objects.filter(pk=user_id).first()
    if account is None:
        raise _no_account(user_id)
    return account


def statement_page(user_id: int, *, after_id: int, limit: int) -> StatementPage:
    """Up to `limit` (1 to 1,000) of the account's entries that come after `after_id`.

    Raises NotFound for an unknown account and Malformed for another limit.
    """
    if not 1 <= limit <= PAGE_LIMIT:
        raise Malformed(f"limit: must be from 1 to {PAGE_LIMIT}")
    entries = list(account_of(user_id).entries.filter(pk__gt=after_id).order_by("pk")[: limit + 1])
    has_more = len(entries) > limit
    return StatementPage(entries[:limit], entries[limit - 1].pk if has_more else None)


def _append(account: Account, report: UsageReport, key: str | None) -> Entry:
    entry = Entry.objects.create(
        account=account,
        service_id=report.service_id,
        direction=report.direction,
        prompt_tokens=report.prompt_tokens,
        completion_tokens=report.completion_tokens,
        memo=report.memo,
        idempotency_key=key,
        created_at=timezone.now(),
        prev_hash=account.ledger_hash,
    )
    entry.hash = entry_hash(entry.prev_hash, entry_content(entry))
    entry.save(update_fields=["hash"])
    account.ledger_hash = entry.hash
    account.entry_count += 1
    tokens = report.prompt_tokens + report.completion_tokens
    if report.direction == "supply":
        account.supplied_tokens += tokens
    else:
        account.consumed_tokens += tokens
    account.save(update_fields=["ledger_hash", "entry_count", "consumed_tokens", "supplied_tokens"])
    return entry


def _report_of(entry: Entry) -> UsageReport:
    return UsageReport.model_validate(entry_content(entry))


def _no_account(user_id: int) -> NotFound:
    return NotFound(f"There is no account {user_id}. Register it first.")
