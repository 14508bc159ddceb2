"""One-time codes: kept as a hash, bound to the browser that asked, tried at most five times, used once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import SignInCode

VALID_FOR = timedelta(minutes=10)
RESEND_AFTER = timedelta(seconds=60)
TRIES = 5
DIGITS, DIGITS_WHILE_GUESSED = 6, 8


class CodeError(Exception):
    """The code does not sign anybody in."""


class WrongCodeError(CodeError):
    """Another code was sent; ``tries_left`` more may be tried."""

    def __init__(self, tries_left: int) -> None:
        self.tries_left = tries_left
        super().__init__(f"{tries_left} tries left")


class SpentCodeError(CodeError):
    """No code of this browser can be used: it is over ten minutes old, was used, or was tried five times."""


def new_browser_token() -> str:
    """What the asking browser's session keeps, and nobody else knows."""
    return secrets.token_urlsafe(32)


def new_code(digits: int = DIGITS) -> str:
    """So many random digits."""
    return f"{secrets.randbelow(10**digits):0{digits}}"


def keep(email: str, browser_token: str, code: str, now: datetime, *, sent: bool = True) -> None:
    """Let this browser sign in to the address with the code, in place of the code it may have had.

    With ``sent`` false no code is kept that could match: for an address that may not sign in, so that all
    else happens as for one that may.
    """
    browser = _browser(browser_token)
    SignInCode.objects.filter(expires_at__lt=now - timedelta(days=1)).delete()
    SignInCode.objects.update_or_create(
        browser=browser,
        defaults={
            "email": email,
            "code_hash": _hash(code, email, browser) if sent else "",
            "sent_at": now,
            "expires_at": now + VALID_FOR,
            "tries": 0,
            "used_at": None,
        },
    )


def redeem(browser_token: str, code: str, now: datetime) -> str:
    """Use up the code and return the address that it was sent to. Raises WrongCodeError or SpentCodeError.

    A try is counted before the code is compared, by one statement, so that tries at the same instant all
    count.
    """
    row = SignInCode.objects.filter(browser=_browser(browser_token)).first()
    if row is None:
        raise SpentCodeError
    usable = SignInCode.objects.filter(pk=row.pk, used_at=None, expires_at__gt=now, sent_at=row.sent_at)
    if not usable.filter(tries__lt=TRIES).update(tries=F("tries") + 1):
        raise SpentCodeError
    hashes = [_hash(code, row.email, row.browser, secret) for secret in _secrets()]
    if not any(constant_time_compare(one, row.code_hash) for one in hashes):
        raise WrongCodeError(max(TRIES - row.tries - 1, 0))
    if not usable.update(used_at=now):
        raise SpentCodeError
    return row.email


def address_of(browser_token: str) -> str:
    """The address to which a code was sent for this token; "" for a token for which none was."""
    row = SignInCode.objects.filter(browser=_browser(browser_token)).first()
    return row.email if row else ""


def resend_in(browser_token: str, now: datetime) -> int:
    """Seconds until another code may be asked for; 0 when it may be now."""
    row = SignInCode.objects.filter(browser=_browser(browser_token)).first()
    if row is None:
        return 0
    return max(int((row.sent_at + RESEND_AFTER - now).total_seconds() + 0.999), 0)


def _browser(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _secrets() -> tuple[str | bytes, ...]:
    # a code that was sent a moment ago is still good when the site's key is exchanged
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


def _hash(code: str, email: str, browser: str, secret: str | bytes | None = None) -> str:
    value = f"{code}:{email}:{browser}"
    return salted_hmac("accounts.login_codes", value, secret=secret, algorithm="sha256").hexdigest()
