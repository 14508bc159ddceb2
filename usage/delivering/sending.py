"""One report to the Exchange: outside every transaction, under the entry's hash as its key."""

from __future__ import annotations

import uuid

import structlog
from django.conf import settings

from accounts.exchanges import gateway_for, note_receipt
from accounts.models import Exchange, ExchangeAccount
from accounts.registration import ensure_registered
from exchange import (
    ExchangeError,
    ExchangeProtocolError,
    ExchangeRejected,
    GatewayError,
    RateLimited,
    UsageReceipt,
)
from usage.delivering import pause
from usage.delivering.leases import Claimed
from usage.delivering.marking import facts
from usage.delivering.outcomes import (
    Outcome,
    counted,
    failed,
    in_doubt,
    is_about_the_entry,
    storable,
    was_untried,
)
from usage.models import Delivery, LedgerEntry

log = structlog.get_logger("gateway.delivery")
State = Delivery.State


def report(claimed: Claimed, exchange: Exchange, seconds: float) -> Outcome:
    """Report the entry within so many seconds; what came of it. Raises nothing that is an answer.

    ``exchange`` says whether idempotency is proved, and learns it from the receipt.
    """
    if exchange.base_url != settings.TOKLIGENCE.base_url:
        raise ValueError("What was recorded for one Exchange is never sent to another.")
    entry, account = claimed.delivery.entry, claimed.delivery.account
    proved = exchange.idempotency_proved_at is not None
    context = structlog.contextvars.get_contextvars()
    with structlog.contextvars.bound_contextvars(request_id=context.get("request_id") or uuid.uuid4().hex):
        try:
            gateway = gateway_for(account, seconds)
            is_supply = entry.direction == LedgerEntry.Direction.SUPPLY
            record = gateway.record_supply if is_supply else gateway.record_consumption
            receipt = record(
                entry.service_id,
                entry.prompt_tokens,
                entry.completion_tokens,
                memo=entry.memo,
                idempotency_key=entry.hash,
                idempotency_proved=proved,
            )
        except (GatewayError, ValueError) as error:
            # nothing was sent: it makes no sense as things stand, or to the contract at all
            outcome = Outcome(state=State.PENDING, attempt=State.PENDING, waits=True, error=storable(error))
        except ExchangeError as error:
            outcome = failed(error, proved=proved, number=claimed.number)
        except Exception as error:
            log.exception("report_failed", account=account.pk, seq=entry.seq)
            outcome = in_doubt(proved=proved, error=storable(error))
        else:
            if receipt.idempotency_proved and not proved:
                _keep_proof(exchange, receipt)
            outcome = counted(receipt)
        _tell(claimed, outcome)
    return outcome


def register(account: ExchangeAccount, exchange: Exchange, seconds: float) -> bool:
    """Register an account whose entries wait; whether it is now. A refusal holds its entries alone, an
    Exchange in trouble pauses the queue.
    """
    try:
        registered = ensure_registered(account.user, deadline=seconds)
    except ExchangeError as error:
        refused = isinstance(error, ExchangeRejected) and not isinstance(error, RateLimited)
        if isinstance(error, ExchangeProtocolError) or refused:
            pause.hold(account, storable(error))
        judged = isinstance(error, ExchangeRejected) and is_about_the_entry(error)
        if not (judged or was_untried(error)):
            pause.note_trouble(exchange, storable(error), getattr(error, "retry_after", None))
        log.warning("registration_failed", account=account.pk, error=storable(error))
        return False
    pause.let_go(account)
    account.exchange_user_id = registered.exchange_user_id
    return account.is_registered


def probe(account: ExchangeAccount, exchange: Exchange, seconds: float) -> bool:
    """Whether the Exchange does its work again, asked by reading: where reports cannot be repeated, none is
    risked to find that out.
    """
    try:
        gateway_for(account, seconds).usage_snapshot()
    except RateLimited as error:
        pause.note_trouble(exchange, storable(error), error.retry_after)
    except (ExchangeRejected, ExchangeProtocolError):
        return True  # it answers, at least
    except ExchangeError as error:
        pause.note_trouble(exchange, storable(error))
    else:
        return True
    return False


def _keep_proof(exchange: Exchange, receipt: UsageReceipt) -> None:
    try:
        note_receipt(exchange, receipt)
    except Exception:  # the report is counted: that must be written down whatever happens here
        exchange.idempotency_proved_at = None
        log.exception("proof_not_written", exchange=exchange.base_url)


def _tell(claimed: Claimed, outcome: Outcome) -> None:
    say = log.info if outcome.state == State.DELIVERED else log.warning
    say("entry_reported", **facts(claimed, outcome))
