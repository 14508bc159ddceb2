"""A person's registration at the Exchange: ensured at sign-in, kept as last told, extended to provider."""

from __future__ import annotations

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import BigIntegerField, CharField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, exchanges
from accounts.models import Exchange, ExchangeAccount, User
from accounts.models.audit import Outcome, SubjectKind
from accounts.prepared import Prepared, Slot
from exchange import (
    Account,
    ExchangeError,
    ExchangeProtocolError,
    ExchangeRejected,
    Gateway,
    RateLimited,
    Role,
)

PAGE_DEADLINE = 4.0
"""Seconds that a person who signs in, or looks at a page, waits for the Exchange at the most."""
LONGEST_NAME, LONGEST_DESCRIPTION = 500, 4000
MOST_ROLES, LONGEST_ROLE = 20, 50
_ACCOUNT = Prepared(
    lambda: ExchangeAccount.objects.select_related("exchange").filter(
        user=Slot("user", BigIntegerField()), exchange__base_url=Slot("base_url", CharField())
    )
)


def account_of(user: User) -> ExchangeAccount:
    """This person's account at the configured Exchange, registered or not yet. Asks only the database."""
    account = _ACCOUNT.first(user=user.pk, base_url=settings.TOKLIGENCE.base_url)
    if account is None:
        base = ExchangeAccount.objects.select_related("exchange", "user")
        account, _created = base.get_or_create(user=user, exchange=exchanges.current_exchange())
    account.user = user
    return account


def ensure_registered(
    user: User,
    *,
    provider: bool = False,
    display_name: str = "",
    description: str = "",
    deadline: float | None = None,
) -> ExchangeAccount:
    """Register this person at the Exchange, or fetch the registration that is there, and keep the answer.

    With ``provider`` the provider role is added; a role is never removed. ``deadline`` is the total of
    seconds. Raises exchange.ExchangeError; what was kept before then stays.
    """
    account = account_of(user)
    roles = (Role.CONSUMER, Role.PROVIDER) if provider or account.is_provider else (Role.CONSUMER,)
    gateway = Gateway(exchanges.client(), deadline=deadline)
    try:
        told = gateway.ensure_account(
            user.email,
            roles=roles,
            # repeated as it is there: an Exchange may take a new name for a wish to rename the provider
            display_name=_whole(display_name or account.provider_name or user.display_name, LONGEST_NAME),
            description=_whole(description or account.provider_description, LONGEST_DESCRIPTION),
        )
    except ExchangeRejected as error:
        # what a person asked for; what the program asks again and again by itself would fill the trail
        if provider and not account.is_provider and not isinstance(error, RateLimited):
            detail = {"rules": audit.rules_of(error.rules), "status": error.status}
            audit.note("account.provider", account=account, outcome=Outcome.REFUSED, detail=detail)
        raise
    _keep(account, told)
    return account


def ensure_at_sign_in(user: User) -> ExchangeError | None:
    """Ensure the registration while somebody waits to get in. Whatever goes wrong keeps nobody out.

    Gives back what waiting does not mend: a refusal, or an answer that cannot be right.
    """
    try:
        ensure_registered(user, deadline=PAGE_DEADLINE)
    except RateLimited:
        return None
    except (ExchangeRejected, ExchangeProtocolError) as error:
        return error
    except ExchangeError:
        return None
    return None


def account_of_request(request: HttpRequest) -> ExchangeAccount | None:
    """The account of who is signed in, looked up once a request; None for nobody."""
    if not isinstance(request.user, User):
        return None
    if not hasattr(request, "exchange_account"):
        request.exchange_account = account_of(request.user)  # type: ignore[attr-defined]
    account: ExchangeAccount = request.exchange_account  # type: ignore[attr-defined]
    return account


def _keep(account: ExchangeAccount, told: Account) -> None:
    if told.user.email.lower() != account.user.email:
        raise _untrue(account.exchange, _("it answered with the account of another address"))
    if len(told.user.roles) > MOST_ROLES or any(len(role) > LONGEST_ROLE for role in told.user.roles):
        raise _untrue(account.exchange, _("it gave more roles, or longer ones, than there can be"))
    now = timezone.now()
    was_registered, was_provider = account.is_registered, account.is_provider
    account.exchange_user_id = told.user.id
    account.roles = list(told.user.roles)
    account.provider_id = told.provider.id if told.provider else None
    account.provider_name = _cut(told.provider.display_name, LONGEST_NAME) if told.provider else ""
    account.provider_description = (
        _cut(told.provider.description, LONGEST_DESCRIPTION) if told.provider else ""
    )
    free = told.user.free_tokens
    account.free_granted, account.free_used = (free.granted, free.used) if free else (None, None)
    account.registered_at = account.registered_at or now
    account.refreshed_at = now
    try:
        with transaction.atomic():
            account.save()
            if not was_registered:
                _note("account.registered", account, told.user.id)
            if account.provider_id is not None and not was_provider:
                _note("account.provider", account, account.provider_id, account.provider_name)
    except IntegrityError:
        raise _untrue(account.exchange, _("it gave the same number to two people")) from None


def _note(action: str, account: ExchangeAccount, number: int, name: str = "") -> None:
    subject = audit.Subject(SubjectKind.ACCOUNT, number, name)
    audit.note(action, account=account, subject=subject, detail={"exchange": account.exchange.base_url})


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _whole(text: str, longest: int) -> str:
    """The text, or nothing if it was cut: repeated to the Exchange, that would be a wish to change it."""
    return "" if len(text) == longest and text.endswith("…") else text


def _untrue(exchange: Exchange, what: str) -> ExchangeProtocolError:
    return ExchangeProtocolError(
        _("The Exchange's answer cannot be right: %(what)s. Nothing was changed here; ask its operator.")
        % {"what": what},
        method="POST",
        url=f"{exchange.base_url}/users",
    )
