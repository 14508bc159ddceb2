from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.conf import settings as site
from django.test import Client
from django.urls import resolve
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_api_key
from accounts.models import Exchange, ExchangeAccount, Session
from accounts.session_store import FACTS
from accounts.sessions import NOTE_EVERY
from catalog.models import Mirror
from usage.factories import make_entries, make_entry, mark
from usage.models import DeliveryQueue, ReconciliationRun, VerificationRun
from usage.tests.factories import make_snapshot

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("asks_nobody")]
URL = "/usage/live/"
DASHBOARD = {"period": "30d"}


def version(client: Client, **asked: str) -> str:
    return str(client.get(URL, asked)["X-Version"])


def is_new(client: Client, seen: str, **asked: str) -> bool:
    return client.get(URL, {**asked, "v": seen}).status_code == 200


def keep_run(account: ExchangeAccount, status: str) -> ReconciliationRun:
    now = timezone.now()
    told = {"account": account, "started_at": now, "finished_at": now}
    return ReconciliationRun.objects.create(**told, status=status, lines={"matched": 0})


def test_it_asks_for_a_sign_in(client: Client) -> None:
    # the page's script sees that it was led elsewhere, and asks no more
    assert client.get(URL)["Location"].startswith("/accounts/login/")


def test_where_nothing_changed_there_is_no_answer(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, state="delivered")
    for asked in ({}, DASHBOARD):
        seen = version(signed_in, **asked)
        answer = signed_in.get(URL, {**asked, "v": seen})
        assert (answer.status_code, answer.content) == (204, b"")
        assert "no-store" in answer["Cache-Control"]


def test_any_page_is_told_of_a_difference_and_of_its_end(signed_in: Client, account: ExchangeAccount) -> None:
    seen = version(signed_in)
    run = keep_run(account, "different")
    html = signed_in.get(URL, {"v": seen}).content.decode()
    assert html.count('data-say="Your book and the Exchange\'s differ."') == 1
    assert 'data-live="totals"' not in html
    seen = version(signed_in)
    ReconciliationRun.objects.filter(pk=run.pk).update(acknowledged_at=timezone.now())
    assert "differ." not in signed_in.get(URL, {"v": seen}).content.decode()


def test_any_page_is_told_of_the_exchange_and_the_registration(client: Client) -> None:
    account = make_account(registered=False)
    client.force_login(account.user)
    seen = version(client)
    Exchange.objects.update(failed_at=timezone.now())
    html = client.get(URL, {"v": seen}).content.decode()
    assert "Exchange unreachable" in html
    assert "You are not registered at the Exchange yet." in html
    seen = version(client)
    ExchangeAccount.objects.filter(pk=account.pk).update(exchange_user_id=77)
    assert "You are not registered" not in client.get(URL, {"v": seen}).content.decode()


def test_other_pages_are_not_told_of_entries(signed_in: Client, account: ExchangeAccount) -> None:
    seen = version(signed_in)
    make_entry(account=account)
    assert not is_new(signed_in, seen)


def test_the_dashboard_is_told_of_an_entry_and_of_its_delivery(
    signed_in: Client, account: ExchangeAccount
) -> None:
    seen = version(signed_in, **DASHBOARD)
    entry = make_entry(account=account)
    html = signed_in.get(URL, {**DASHBOARD, "v": seen}).content.decode()
    for part in ("guide", "books", "figures", "exchange", "totals", "chart", "recent", "lock-in"):
        assert html.count(f'data-live="{part}"') == 1
    assert 'data-settled="0"' in html
    seen = version(signed_in, **DASHBOARD)
    mark(entry, "delivered")
    html = signed_in.get(URL, {**DASHBOARD, "v": seen}).content.decode()
    assert 'data-settled="1"' in html
    assert "All delivered" in html


def test_a_rejection_is_to_be_read_out(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, state="rejected")
    assert 'data-say="Delivery: 1 rejected"' in signed_in.get(URL, DASHBOARD).content.decode()


def test_its_period_is_the_pages(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    for period, bars in (("24h", 24), ("90d", 90), ("nonsense", 30)):
        assert signed_in.get(URL, {"period": period}).content.decode().count('class="bar-of"') == bars


def test_the_end_of_the_way_in_is_seen_where_it_was_on_the_page(
    signed_in: Client, account: ExchangeAccount
) -> None:
    make_entry(account=account, state="delivered")
    assert "All set" not in signed_in.get(URL, DASHBOARD).content.decode()
    html = signed_in.get(URL, {**DASHBOARD, "guide": "1"}).content.decode()
    assert "5 of 5" in html
    assert html.count('class="done"') == 5


def test_a_page_of_who_was_signed_in_before_is_told_nothing(
    signed_in: Client, account: ExchangeAccount
) -> None:
    assert signed_in.get(URL, {"whose": str(account.pk)}).status_code == 200
    answer = signed_in.get(URL, {**DASHBOARD, "whose": str(account.pk + 1)})
    assert (answer.status_code, answer.content) == (409, b"")


@pytest.mark.parametrize("what", ["snapshot", "check", "run", "key", "worker", "catalogue"])
def test_the_dashboard_is_told_of(signed_in: Client, account: ExchangeAccount, what: str) -> None:
    seen = version(signed_in, **DASHBOARD)
    now = timezone.now()
    if what == "snapshot":
        make_snapshot(account=account)
    elif what == "check":
        told = {"started_at": now, "finished_at": now, "head_seq": 0, "entries": 0, "ok": True}
        VerificationRun.objects.create(account=account, **told)
    elif what == "run":
        keep_run(account, "clean")
    elif what == "key":
        make_api_key(user=account.user)
    elif what == "catalogue":
        Mirror.objects.create(exchange=account.exchange, refreshed_at=now)
    else:
        DeliveryQueue.objects.create(exchange=account.exchange, worker_seen_at=now)
    assert is_new(signed_in, seen, **DASHBOARD)


def test_it_is_told_of_nobody_else(signed_in: Client, account: ExchangeAccount) -> None:
    seen = version(signed_in, **DASHBOARD)
    other = make_account()
    make_entry(account=other, state="delivered")
    make_snapshot(account=other)
    keep_run(other, "different")
    make_api_key(user=other.user)
    assert not is_new(signed_in, seen, **DASHBOARD)


@pytest.mark.parametrize("asked", [URL, "/usage/logs/tail/?after=0"])
def test_a_page_that_is_open_is_no_use_of_the_session(
    asked: str, signed_in: Client, account: ExchangeAccount
) -> None:
    signed_in.get("/")
    session = signed_in.session
    long_ago = timezone.now() - NOTE_EVERY - timedelta(minutes=1)
    at = long_ago.isoformat()
    named = {"public_id": str(uuid.uuid4()), "label": "", "network": ""}
    session[FACTS] = {**named, "started_at": at, "seen_at": at}
    session.save()
    before = Session.objects.values("expire_date", "seen_at").get()
    assert site.SESSION_COOKIE_NAME not in signed_in.get(asked, headers={"HX-Request": "true"}).cookies
    assert Session.objects.values("expire_date", "seen_at").get() == before
    # a page is one
    signed_in.get("/catalog/compare/")
    assert Session.objects.values("expire_date", "seen_at").get() != before


def test_a_secret_of_the_site_is_changed_under_an_open_page_and_the_person_stays(
    signed_in: Client, settings: pytest.FixtureRequest
) -> None:
    signed_in.get("/")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-0123456789-abcdefghijklmnopqrstuvwxyz"
    assert signed_in.get(URL).status_code == 200
    assert signed_in.get(URL).status_code == 200


@pytest.mark.parametrize("path", [URL, "/usage/logs/tail/", "/usage/snapshot/"])
def test_what_a_page_asks_by_itself_is_marked_so(path: str) -> None:
    assert getattr(resolve(path).func, "is_asked_by_the_page", False)
    assert not getattr(resolve("/").func, "is_asked_by_the_page", False)


def test_its_queries(
    signed_in: Client, account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_entries(account, 40)
    # 1 session, 2 user, 3 account with its Exchange, 4 an open difference
    seen = version(signed_in)
    with django_assert_num_queries(4):
        assert signed_in.get(URL, {"v": seen}).status_code == 204
    # and 5 what else there is, 6 what stands in which state
    seen = version(signed_in, **DASHBOARD)
    with django_assert_num_queries(6):
        assert signed_in.get(URL, {**DASHBOARD, "v": seen}).status_code == 204


def test_it_is_read_only(signed_in: Client) -> None:
    assert signed_in.post(URL).status_code == 405
