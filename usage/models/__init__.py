"""What usage keeps: the ledger and its totals, its delivery, and what was found by comparing and checking."""

from usage.models.budget import BudgetNotice, KeyDay, OverBudget
from usage.models.chain import Chain
from usage.models.delivery import Delivery, DeliveryAttempt, DeliveryQueue, DeliveryTally
from usage.models.delivery_hold import DeliveryHold
from usage.models.entry import LedgerEntry
from usage.models.evidence import EvidenceExport, EvidencePart
from usage.models.opening import OpeningBalance
from usage.models.quarantine import QuarantinedRow
from usage.models.reconciliation import ReconciliationLine, ReconciliationRun
from usage.models.rollup import UsageRollup
from usage.models.snapshot import UsageSnapshot
from usage.models.turn import Turn
from usage.models.verification import VerificationRun

__all__ = [
    "BudgetNotice",
    "Chain",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryHold",
    "DeliveryQueue",
    "DeliveryTally",
    "EvidenceExport",
    "EvidencePart",
    "KeyDay",
    "LedgerEntry",
    "OpeningBalance",
    "OverBudget",
    "QuarantinedRow",
    "ReconciliationLine",
    "ReconciliationRun",
    "Turn",
    "UsageRollup",
    "UsageSnapshot",
    "VerificationRun",
]
