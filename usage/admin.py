"""The ledger in the admin, for the operator: to look at, for only the program writes it."""

from usage.operating.deliveries import DeliveryAdmin, DeliveryQueueAdmin
from usage.operating.entries import LedgerEntryAdmin
from usage.operating.runs import (
    ChainAdmin,
    ReconciliationLineAdmin,
    ReconciliationRunAdmin,
    VerificationRunAdmin,
)

__all__ = [
    "ChainAdmin",
    "DeliveryAdmin",
    "DeliveryQueueAdmin",
    "LedgerEntryAdmin",
    "ReconciliationLineAdmin",
    "ReconciliationRunAdmin",
    "VerificationRunAdmin",
]
