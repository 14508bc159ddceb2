"""Mail: does the server take us, and what could not be sent?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from smtplib import SMTPAuthenticationError, SMTPException

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend
from django.utils import timezone

from accounts.models import SignInAttempt
from gateway_site.checks import NO_MAIL_SERVER
from gateway_site.doctor.findings import Finding, Subject, many
from usage.budgets.mailing import MOST_ATTEMPTS
from usage.models import BudgetNotice

SUBJECT = Subject("Mail")
TIMEOUT = 5.0
LATELY = timedelta(days=1)
ADVICE = "Nobody can sign in without a mail: look at EMAIL_URL, and at the mail server's log."


def server() -> Iterator[Finding]:
    """Whether the mail server lets us in: connect, EHLO, STARTTLS, login; nothing is sent."""
    if settings.EMAIL_BACKEND in NO_MAIL_SERVER:
        if not settings.LIVE:  # in live a system check says it
            yield SUBJECT.ok(
                "server", "No mail server: mails go to the terminal or a file, as is usual in development."
            )
        return
    backend = get_connection(timeout=TIMEOUT)
    if not isinstance(backend, SmtpBackend):
        yield SUBJECT.ok("server", f"Mails go by {settings.EMAIL_BACKEND}, which cannot be asked.")
        return
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        backend.open()
    except SMTPAuthenticationError:
        yield SUBJECT.problem(
            "server",
            f"{where} refuses our user name and password.",
            "Set them anew in EMAIL_URL (or EMAIL_URL_FILE).",
        )
        return
    except (SMTPException, OSError) as error:
        yield SUBJECT.problem("server", f"{where} cannot be used: {_why(error)}.", ADVICE)
        return
    finally:
        backend.close()
    secured = "over TLS" if settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL else "without TLS"
    told = f"{where} lets us in, {secured}."
    if not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL) and settings.EMAIL_HOST_PASSWORD:
        yield SUBJECT.warning(
            "server",
            f"{told} The password can be read on the way.",
            "Use smtp+tls:// or smtp+ssl:// in EMAIL_URL.",
        )
    else:
        yield SUBJECT.ok("server", told)


def mails_that_failed() -> Iterator[Finding]:
    """Mails of the last day that did not leave, and those of budgets that were given up."""
    since = timezone.now() - LATELY
    failed = SignInAttempt.objects.filter(at__gt=since, outcome=SignInAttempt.Outcome.MAIL_FAILED).count()
    if failed:
        yield SUBJECT.warning(
            "sign_in", f"{many(failed, 'sign-in mail')} could not be sent within a day.", ADVICE
        )
    given_up = BudgetNotice.objects.filter(sent_at=None, attempts__gte=MOST_ATTEMPTS).count()
    if given_up:
        yield SUBJECT.warning(
            "budgets",
            f"{many(given_up, 'mail')} about a budget {'was' if given_up == 1 else 'were'} given up.",
            "The admin's list of budget notices says whose.",
        )


def test_mail(address: str) -> Callable[[], Iterable[Finding]]:
    """A probe that sends a mail to this address."""

    def send() -> Iterator[Finding]:
        message = EmailMessage(
            "A test mail of Tokligence Gateway",
            "This mail was sent by `manage.py doctor`. Whoever reads it can be sent sign-in codes.\n",
            to=[address],
            connection=get_connection(timeout=TIMEOUT),
        )
        try:
            message.send()
        except (SMTPException, OSError) as error:
            yield SUBJECT.problem("test", f"The test mail to {address} was not taken: {_why(error)}.", ADVICE)
        else:
            yield SUBJECT.ok("test", f"A test mail to {address} was handed over: look whether it arrives.")

    return send


def _why(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
