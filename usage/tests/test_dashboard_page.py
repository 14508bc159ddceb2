from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_exchange
from accounts.models import Exchange, ExchangeAccount
from catalog.tests.wire import Wire
from usage.tests.factories import make_snapshot

pytestmark = pytest.mark.django_db
LOADS_BY_ITSELF = 'hx-trigger="load once"'


@pytest.fixture(autouse=True)
def _asks_nobody(wire: Wire) -> object:
    """Whatever the dashboard shows, it is there at once: no request leaves it."""
    wire.is_down()
    yield
    assert len(wire.calls) == 0


def test_it_asks_for_a_sign_in(client: Client) -> None:
    assert client.get("/")["Location"] == "/accounts/login/?next=/"


def test_it_shows_the_last_figures_with_their_time(signed_in: Client, account: ExchangeAccount) -> None:
    kept = make_snapshot(
        account=account, consumed=1_234_567, supplied=1500, entry_count=42, age=timedelta(hours=2)
    )
    page = signed_in.get("/")
    html = page.content.decode()
    assert page.status_code == 200
    assert "1,234,567 tokens" in html
    assert "1,500 tokens" in html
    assert "−1,233,067 tokens" in html
    assert "42 entries" in html
    assert "2\xa0hours ago" in html
    assert f'datetime="{timezone.localtime(kept.fetched_at).isoformat()}"' in html


def test_old_figures_are_asked_for_again_after_the_page(signed_in: Client, account: ExchangeAccount) -> None:
    make_snapshot(account=account, age=timedelta(minutes=1))
    assert LOADS_BY_ITSELF in signed_in.get("/").content.decode()


def test_figures_are_asked_for_anew_however_fresh(signed_in: Client, account: ExchangeAccount) -> None:
    make_snapshot(account=account)  # usage may have been recorded since, a second ago, elsewhere
    assert 'hx-trigger="load once"' in signed_in.get("/").content.decode()


def test_before_the_first_figures_it_says_that_there_are_none(signed_in: Client) -> None:
    html = signed_in.get("/").content.decode()
    assert LOADS_BY_ITSELF in html
    assert "Not fetched yet: press Refresh." in html


def test_it_shows_nobody_elses_figures(signed_in: Client) -> None:
    make_snapshot(account=make_account(), consumed=987_654)
    assert "987,654" not in signed_in.get("/").content.decode()


def test_figures_of_another_exchange_are_not_shown_as_this_ones(
    signed_in: Client, account: ExchangeAccount
) -> None:
    elsewhere = make_account(user=account.user, exchange=make_exchange(base_url="http://other.test"))
    make_snapshot(account=elsewhere, consumed=987_654)
    html = signed_in.get("/").content.decode()
    assert "987,654" not in html
    assert "http://other.test" not in html


def test_it_says_that_the_exchange_was_away_when_last_asked(signed_in: Client) -> None:
    Exchange.objects.update(failed_at=timezone.now(), failure="connection refused")
    html = signed_in.get("/").content.decode()
    assert "Exchange unreachable" in html


def test_it_shows_the_next_steps(signed_in: Client) -> None:
    html = signed_in.get("/").content.decode()
    assert "First steps" in html
    assert 'href="/usage/record/"' in html


def test_once_all_is_done_the_steps_are_gone(signed_in: Client, account: ExchangeAccount) -> None:
    make_snapshot(account=account, consumed=1)
    assert "First steps" not in signed_in.get("/").content.decode()


def test_an_account_that_waits_for_registration_is_told(client: Client) -> None:
    client.force_login(make_account(registered=False).user)
    assert "You are not registered at the Exchange yet." in client.get("/").content.decode()


def test_a_person_who_was_never_here_gets_an_account_row(client: Client) -> None:
    user = make_account().user
    ExchangeAccount.objects.all().delete()
    client.force_login(user)
    assert client.get("/").status_code == 200
    assert ExchangeAccount.objects.get().user == user


def test_its_queries(
    signed_in: Client, account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_snapshot(account=account)
    # 1 session, 2 user, 3 account with its Exchange, 4 snapshot
    with django_assert_num_queries(4):
        signed_in.get("/")


def test_it_is_read_only(signed_in: Client) -> None:
    assert signed_in.post("/").status_code == 405
