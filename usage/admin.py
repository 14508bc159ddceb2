"""The ledger in the admin, for the operator: to look at, for only the program writes it."""

from usage.operating.budgets import BudgetNoticeAdmin, KeyDayAdmin, OverBudgetAdmin
from usage.operating.deliveries import DeliveryAdmin, DeliveryQueueAdmin
from usage.operating.entries import LedgerEntryAdmin
from usage.operating.quarantine import QuarantinedRowAdmin
from usage.operating.runs import (
    ChainAdmin,
    ReconciliationLineAdmin,
    ReconciliationRunAdmin,
    VerificationRunAdmin,
)

__all__ = [
    "BudgetNoticeAdmin",
    "ChainAdmin",
    "DeliveryAdmin",
    "DeliveryQueueAdmin",
    "KeyDayAdmin",
    "LedgerEntryAdmin",
    "OverBudgetAdmin",
    "QuarantinedRowAdmin",
    "ReconciliationLineAdmin",
    "ReconciliationRunAdmin",
    "VerificationRunAdmin",
]
