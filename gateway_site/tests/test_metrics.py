"""/metrics: for whom, and what."""

from __future__ import annotations

import smtplib
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.mail import EmailMessage, get_connection
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.exchanges import client as exchange_client
from accounts.factories import make_account, make_user
from accounts.models import ExchangeAccount, SignInAttempt
from accounts.signals import exchange_asked
from exchange import (
    AmbiguousOutcome,
    CircuitBreaker,
    CircuitOpen,
    ExchangeError,
    ExchangeUnreachable,
    Outcome,
)
from gateway_site import __version__
from gateway_site.metrics import listening
from usage import triggers
from usage.factories import make_entries, make_entry
from usage.ledger import reverse
from usage.models import Delivery, DeliveryQueue, LedgerEntry, ReconciliationRun, VerificationRun

TOKEN = "a-token-for-prometheus-0123456789"
Figures = dict[str, float]


@pytest.fixture
def token(settings: Settings) -> str:
    settings.METRICS_TOKEN = TOKEN
    return TOKEN


@pytest.fixture(autouse=True)
def _no_call_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of this process have asked an Exchange; and these leave nothing behind."""
    monkeypatch.setattr(listening.last_call, "kind", None)
    monkeypatch.setattr(listening.last_call, "breaker", None)


def scrape(client: Client) -> Figures:
    """Every sample by its name and labels, as ``name{a="b"}``."""
    response = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    samples = {}
    for family in text_string_to_metric_families(response.content.decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return samples


def run_of(account: ExchangeAccount, status: str, *, hours_ago: float, **more: object) -> ReconciliationRun:
    at = timezone.now() - timedelta(hours=hours_ago)
    return ReconciliationRun.objects.create(
        account=account, started_at=at, finished_at=at, status=status, **more
    )


def test_nobody_is_told_without_a_token(client: Client, user: object) -> None:
    assert client.get("/metrics").status_code == 404
    for header in ("Bearer", "Bearer ", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}"):
        assert client.get("/metrics", headers={"authorization": header}).status_code == 404


@pytest.mark.django_db
def test_another_token_is_none(client: Client, token: str) -> None:
    for wrong in (TOKEN[:-1], f"{TOKEN}x", TOKEN.upper(), "töken", ""):
        assert client.get("/metrics", headers={"authorization": f"Bearer {wrong}"}).status_code == 404
    assert client.get("/metrics", headers={"authorization": f"bearer  {TOKEN} "}).status_code == 200


def test_a_signed_in_person_is_told_nothing_and_an_operator_everything(signed_in: Client) -> None:
    assert signed_in.get("/metrics").status_code == 404
    operator = Client()
    operator.force_login(make_user(staff=True))
    response = operator.get("/metrics")
    assert response.status_code == 200
    assert "tokligence_entries_recorded_total" in response.content.decode()


@pytest.mark.django_db
def test_prometheus_asks_by_address_without_tls_and_needs_no_session(
    client: Client, token: str, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    with CaptureQueriesContext(connection) as queries:
        response = client.get(
            "/metrics", headers={"authorization": f"Bearer {token}", "host": "10.1.2.3:8000"}
        )
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "no-store" in response["Cache-Control"]
    assert not [query for query in queries if "session" in query["sql"]]
    assert client.post("/metrics", headers={"authorization": f"Bearer {token}"}).status_code == 405


@pytest.mark.django_db
def test_the_ledgers_figures_are_those_of_all_accounts(client: Client, token: str) -> None:
    for number in range(2):
        account = make_account()
        make_entries(account, 3)
        make_entry(account=account, state="delivered")
        make_entry(account=account, state="uncertain", direction="supply")
        taken_back = make_entry(account=account)
        reverse(account, taken_back.seq, reason=f"by mistake {number}", source="page")
    found = scrape(client)
    assert found["tokligence_entries_recorded_total"] == 14
    assert found["tokligence_entries_delivered_total"] == 2
    assert found['tokligence_entries{direction="consume",state="pending"}'] == 6
    assert found['tokligence_entries{direction="supply",state="uncertain"}'] == 2
    assert found['tokligence_entries{direction="consume",state="withdrawn"}'] == 4
    assert found['tokligence_entries{direction="consume",state="rejected"}'] == 0
    assert found['tokligence_tokens{direction="consume",state="delivered"}'] == 3000
    assert found["tokligence_ledger_accounts"] == 2
    assert found["tokligence_database_up"] == 1


@pytest.mark.django_db
def test_how_delivery_and_the_worker_stand(client: Client, token: str, account: ExchangeAccount) -> None:
    assert scrape(client)["tokligence_worker_alive"] == 0
    make_entries(account, 2)
    now = timezone.now()
    DeliveryQueue.objects.filter(exchange=account.exchange).update(
        worker_seen_at=now, failures=3, paused_until=now + timedelta(minutes=1)
    )
    found = scrape(client)
    assert found["tokligence_worker_alive"] == 1
    assert found["tokligence_worker_last_seen_timestamp_seconds"] == pytest.approx(now.timestamp())
    assert found["tokligence_delivery_paused"] == 1
    assert found["tokligence_delivery_failures"] == 3
    assert now.timestamp() - found["tokligence_delivery_oldest_pending_timestamp_seconds"] < 60


@pytest.mark.django_db
def test_a_difference_is_open_until_it_is_acknowledged_or_gone(
    client: Client, token: str, account: ExchangeAccount
) -> None:
    make_entry(account=account)
    name = "tokligence_reconciliation_open_differences"
    assert scrape(client)[name] == 0
    different = run_of(account, "different", hours_ago=3)
    run_of(account, "unavailable", hours_ago=2)
    assert scrape(client)[name] == 1
    ReconciliationRun.objects.filter(pk=different.pk).update(acknowledged_at=timezone.now(), note="known")
    assert scrape(client)[name] == 0
    run_of(account, "different", hours_ago=1)
    assert scrape(client)[name] == 1
    run_of(account, "clean", hours_ago=0)
    assert scrape(client)[name] == 0


@pytest.mark.django_db
def test_the_age_of_the_last_clean_run_is_that_of_the_account_that_waits_longest(
    client: Client, token: str
) -> None:
    name = "tokligence_reconciliation_clean_age_seconds"
    assert scrape(client)[name] == 0
    for hours in (1, 5):
        account = make_account()
        make_entry(account=account)
        run_of(account, "clean", hours_ago=hours)
        run_of(account, "unavailable", hours_ago=0)
    assert scrape(client)[name] == pytest.approx(5 * 3600, abs=60)
    make_entry(account=make_account())  # a book that has just begun is not late
    assert scrape(client)[name] == pytest.approx(5 * 3600, abs=60)


@pytest.mark.django_db
def test_a_book_without_its_first_entry_hides_no_figure(client: Client, token: str) -> None:
    for _number in range(2):
        make_entries(make_account(), 2)
    with triggers.lifted(connection):
        first = LedgerEntry.objects.filter(seq=1).order_by("pk")[0]
        Delivery.objects.filter(entry=first).delete()
        LedgerEntry.objects.filter(pk=first.pk).delete()
    assert scrape(client)["tokligence_ledger_accounts"] == 2


@pytest.mark.django_db
def test_what_the_newest_verification_found(client: Client, token: str, account: ExchangeAccount) -> None:
    make_entry(account=account)
    for hours, problems in ((2, 7), (1, 2)):
        at = timezone.now() - timedelta(hours=hours)
        VerificationRun.objects.create(
            account=account,
            started_at=at,
            finished_at=at,
            ok=False,
            entries=1,
            head_seq=1,
            head_hash="0" * 64,
            problem_count=problems,
        )
    found = scrape(client)
    assert found["tokligence_verification_problems"] == 2
    assert found["tokligence_verification_age_seconds"] == pytest.approx(3600, abs=60)


@pytest.mark.django_db
def test_a_scrape_asks_as_often_whatever_there_is(
    client: Client, token: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(3):
        account = make_account()
        make_entries(account, 4)
        run_of(account, "clean", hours_ago=1)
    # 1. the Exchange; 2. tallies; 3. books; 4. quarantined rows; 5. tallies again, 6.-8. what waits longest;
    # 9. refused accounts; 10. the queue, and 11. again; 12. the catalogue
    with django_assert_num_queries(12):
        scrape(client)


@pytest.mark.django_db
def test_no_query_reads_all_entries(client: Client, token: str, account: ExchangeAccount) -> None:
    """So a million of them cost what ten cost. Held by the plans, for SQLite says where it scans."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL scans a small table on purpose")
    make_entries(account, 10)
    with CaptureQueriesContext(connection) as queries:
        scrape(client)
    scanned = []
    for query in queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            scanned += [row[3] for row in cursor.fetchall()]
    big = ("usage_ledgerentry", "usage_delivery", "usage_reconciliationrun", "usage_verificationrun")
    assert scanned
    assert not [
        step for step in scanned for table in big if step.startswith(f"SCAN {table}") and "tally" not in step
    ]


@pytest.mark.django_db
def test_without_a_database_the_processes_figures_are_told(
    client: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError("gone")

    client.get("/accounts/login/")
    monkeypatch.setattr(connection, "cursor", fail)
    found = scrape(client)
    assert found["tokligence_database_up"] == 0
    assert found["django_http_requests_before_middlewares_total"] > 0
    assert "tokligence_entries_recorded_total" not in found


@pytest.mark.parametrize(
    ("error", "kind", "timed"),
    [
        (None, "ok", 1),
        (ExchangeUnreachable("no"), "unreachable", 1),
        (AmbiguousOutcome("who knows"), "ambiguous", 1),
        (CircuitOpen("no"), "circuit_open", 0),
    ],
)
@pytest.mark.django_db
def test_calls_to_the_exchange_are_counted_by_what_came_of_them(
    error: ExchangeError | None, kind: str, timed: int, client: Client, token: str
) -> None:
    counted = f'tokligence_exchange_calls_total{{operation="list_services",outcome="{kind}"}}'
    seconds = 'tokligence_exchange_call_duration_seconds_count{operation="list_services"}'
    before = scrape(client)
    exchange_asked.send(
        None, outcome=Outcome(error is None, error, "list_services", 12.5), breaker=CircuitBreaker()
    )
    after = scrape(client)
    assert after[counted] - before.get(counted, 0) == 1
    assert (
        after[seconds] - before.get(seconds, 0) == timed
        if timed
        else after.get(seconds) == before.get(seconds)
    )


@pytest.mark.django_db
def test_a_call_of_the_sites_own_client_is_counted_and_told_by_readyz(client: Client, token: str) -> None:
    """Nothing listens at the address that the tests are configured for."""
    name = 'tokligence_exchange_calls_total{operation="list_services",outcome="unreachable"}'
    before = scrape(client).get(name, 0)
    for _time in range(3):
        with pytest.raises(ExchangeUnreachable):
            exchange_client().list_services(deadline=0.5)
    after = scrape(client)
    assert after[name] - before >= 1
    assert after["tokligence_exchange_breaker_open"] == (listening.last_call.breaker_state() != "closed")
    assert client.get("/readyz").json()["exchange"]["last_outcome"] == "unreachable"


@pytest.mark.django_db
def test_an_open_breaker_is_told(client: Client, token: str) -> None:
    breaker = CircuitBreaker(failure_threshold=1)
    with breaker.enter() as permit:
        permit.failed()
    exchange_asked.send(None, outcome=Outcome(False, CircuitOpen("no"), "x", 1.0), breaker=breaker)
    assert scrape(client)["tokligence_exchange_breaker_open"] == 1
    assert client.get("/readyz").json()["exchange"]["breaker"] == "open"
    exchange_asked.send(None, outcome=Outcome(True, None, "x", 1.0), breaker=CircuitBreaker())
    assert scrape(client)["tokligence_exchange_breaker_open"] == 0


@pytest.mark.django_db
def test_attempts_to_sign_in_are_counted_once_each(client: Client, token: str) -> None:
    def told() -> dict[str, float]:
        found = scrape(client)
        return {
            outcome: found.get(f'tokligence_sign_in_attempts_total{{outcome="{outcome}"}}', 0)
            for outcome in SignInAttempt.Outcome.values
        }

    before = told()
    client.post("/accounts/login/", {"email": "ada@example.com"})
    client.post("/accounts/verify/", {"code": "000000"})
    after = told()
    changed = {
        outcome: after[outcome] - before[outcome] for outcome in after if after[outcome] != before[outcome]
    }
    assert changed == {"sent": 1, "wrong": 1}


@pytest.mark.parametrize(("refused", "outcome"), [(False, "sent"), (True, "failed")])
@pytest.mark.django_db
def test_mails_are_counted(
    refused: bool, outcome: str, client: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Server:
        def __init__(self, *_args: object, **_kwargs: object) -> None:
            pass

        def sendmail(self, *_args: object, **_kwargs: object) -> None:
            if refused:
                raise smtplib.SMTPDataError(550, b"no")

        def quit(self) -> None:
            pass

    monkeypatch.setattr(smtplib, "SMTP", Server)
    name = f'tokligence_mails_total{{outcome="{outcome}"}}'
    before = scrape(client)[name]
    backend = get_connection("gateway_site.metrics.mails.EmailBackend")
    message = EmailMessage("Hello", "you", "us@example.com", ["you@example.com"], connection=backend)
    if refused:
        with pytest.raises(smtplib.SMTPDataError):
            message.send()
    else:
        message.send()
    assert scrape(client)[name] - before == 1


def test_the_version_that_is_told_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == __version__
