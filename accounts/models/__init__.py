"""What accounts keeps: people, their sessions, sign-in codes and attempts, registrations at Exchanges,
API keys."""

from accounts.models.api_key import ApiKey, ApiKeySecret
from accounts.models.exchange import Exchange, ExchangeAccount
from accounts.models.session import Session
from accounts.models.sign_in import SignInAttempt, SignInCode
from accounts.models.user import User

__all__ = [
    "ApiKey",
    "ApiKeySecret",
    "Exchange",
    "ExchangeAccount",
    "Session",
    "SignInAttempt",
    "SignInCode",
    "User",
]
