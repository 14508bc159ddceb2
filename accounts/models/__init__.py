"""What accounts keeps: people, their sessions, sign-in codes and attempts, registrations at Exchanges,
API keys, and the audit trail of what they do."""

from accounts.models.api_key import ApiKey, ApiKeySecret
from accounts.models.audit import AuditEvent
from accounts.models.exchange import Exchange, ExchangeAccount
from accounts.models.session import Session
from accounts.models.sign_in import SignInAttempt, SignInCode
from accounts.models.user import User

__all__ = [
    "ApiKey",
    "ApiKeySecret",
    "AuditEvent",
    "Exchange",
    "ExchangeAccount",
    "Session",
    "SignInAttempt",
    "SignInCode",
    "User",
]
