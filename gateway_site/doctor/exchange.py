"""The Exchange: does it answer, does its clock agree, how long is its certificate good, what has it proved?

Asked by one plain request of the doctor's own: what its clock and its certificate say is not for the client.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from catalog.models import Mirror
from gateway_site.doctor.books import condition, current
from gateway_site.doctor.findings import Finding, Subject, long

SUBJECT, CATALOGUE = Subject("Exchange"), Subject("Catalogue")
TIMEOUT = 5.0
SLOW = 2.0
"""Seconds that an answer may take before it is worth a word."""
SKEW, BAD_SKEW = timedelta(seconds=30), timedelta(minutes=5)
ENDS_SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one request brought: status, seconds, the Date header's time, when the certificate ends."""

    status: int
    seconds: float
    date: datetime | None
    certificate_ends: datetime | None
    location: str


def answers() -> Iterator[Finding]:
    """Whether it answers, how fast, and what its clock and its certificate say."""
    url: str = settings.TOKLIGENCE.base_url
    try:
        answer = ask(url)
    except ssl.SSLCertVerificationError as error:
        yield SUBJECT.problem(
            "certificate",
            f"The certificate of {url} is not to be trusted: {error.verify_message}.",
            "Nothing is sent to it. Tell its operator, and look at the clock of this machine.",
        )
        return
    except (OSError, http.client.HTTPException) as error:
        why = (
            error.strerror
            if isinstance(error, OSError) and error.strerror
            else str(error) or type(error).__name__
        )
        yield SUBJECT.problem(
            "reachable",
            f"{url} does not answer ({why}).",
            "Is it running, and is base_url right? What is recorded meanwhile is kept and delivered later.",
        )
        return
    yield from _status(url, answer)
    yield from _clock(answer)
    if answer.certificate_ends is not None:
        yield from _certificate(answer.certificate_ends)


def idempotency() -> Iterator[Finding]:
    """Whether it has proved that it counts a repeated report once."""
    exchange = current()
    if exchange is not None and exchange.idempotency_proved_at is not None:
        yield SUBJECT.ok("idempotency", "It has proved that it counts a repeated report once.")
    elif condition().delivered:
        yield SUBJECT.warning(
            "idempotency",
            "It has not proved that it counts a repeated report once.",
            "So an answer that is lost leaves an uncertain entry. Ask its operator for the Idempotency-Key "
            "extension of docs/exchange-contract.yaml.",
        )


def catalogue() -> Iterator[Finding]:
    """How old what is kept of its catalogue is."""
    exchange = current()
    mirror = Mirror.objects.filter(exchange=exchange).first() if exchange else None
    start = "Start `python manage.py sync_catalog --watch`, or see what it logs."
    if mirror is None or mirror.refreshed_at is None:
        yield CATALOGUE.warning("age", "The catalogue was never fetched.", start)
        return
    age = timezone.now() - mirror.refreshed_at
    if age > timedelta(seconds=3 * settings.TOKLIGENCE.catalog_max_age, minutes=10):
        why = f" The last try failed: {mirror.failure}" if mirror.failure else ""
        yield CATALOGUE.warning("age", f"It is {long(age)} old.{why}", start)
    else:
        yield CATALOGUE.ok("age", f"Fetched {long(age)} ago.")


def ask(url: str) -> Answer:
    """GET /providers once: no redirect, proxy or repeat. Raises OSError and http.client.HTTPException."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    asked: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
        asked = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
    else:
        asked = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    began = time.monotonic()
    try:
        asked.request("GET", f"{parts.path}/providers", headers={"User-Agent": "tokligence-gateway doctor"})
        ends = _certificate_of(asked.sock)
        response = asked.getresponse()
        return Answer(
            status=response.status,
            seconds=time.monotonic() - began,
            date=_date(response.getheader("Date", "")),
            certificate_ends=ends,
            location=response.getheader("Location", ""),
        )
    finally:
        asked.close()


def _status(url: str, answer: Answer) -> Iterator[Finding]:
    if answer.status >= 500:
        yield SUBJECT.problem(
            "reachable", f"{url} answers with status {answer.status}.", "It is in trouble: ask its operator."
        )
    elif 300 <= answer.status < 400:
        yield SUBJECT.problem(
            "reachable",
            f"{url} redirects, to {answer.location[:200] or 'nowhere'}.",
            "Redirects are not followed: set base_url to the address that answers.",
        )
    elif answer.status >= 400:
        yield SUBJECT.problem(
            "reachable",
            f"{url} refuses with status {answer.status}.",
            "Is base_url the root of an Exchange's API?",
        )
    elif answer.seconds > SLOW:
        yield SUBJECT.warning(
            "slow", f"{url} took {answer.seconds:.1f} seconds to answer.", "Deliveries are slow while it is."
        )
    else:
        yield SUBJECT.ok("reachable", f"{url} answers within {answer.seconds * 1000:.0f} ms.")


def _clock(answer: Answer) -> Iterator[Finding]:
    if answer.date is None:
        return
    skew = abs(datetime.now(UTC) - answer.date)
    told = f"Its clock and this machine's are {long(skew)} apart."
    advice = "Let both keep their clocks by NTP: entries are placed by the time at which they happened."
    if skew > BAD_SKEW:
        yield SUBJECT.problem("clock", told, advice)
    elif skew > SKEW:
        yield SUBJECT.warning("clock", told, advice)
    else:
        yield SUBJECT.ok("clock", "Its clock and this machine's agree.")


def _certificate(ends: datetime) -> Iterator[Finding]:
    left = ends - datetime.now(UTC)
    if left < ENDS_SOON:
        yield SUBJECT.warning(
            "certificate",
            f"Its certificate ends in {long(left)}.",
            "Its operator has to renew it, or delivery stops.",
        )
    else:
        yield SUBJECT.ok("certificate", f"Its certificate is good for {long(left)}.")


def _certificate_of(connected: socket.socket | None) -> datetime | None:
    if not isinstance(connected, ssl.SSLSocket):
        return None
    ends = (connected.getpeercert() or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC) if ends else None


def _date(header: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
