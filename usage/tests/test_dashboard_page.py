from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_exchange
from accounts.models import Exchange, ExchangeAccount
from catalog.tests.kept import fetched, keep_provider, keep_service
from catalog.tests.wire import Wire
from usage import ledger
from usage.factories import make_draft, make_entries, make_entry
from usage.models import ReconciliationRun, VerificationRun
from usage.tests.factories import make_snapshot

pytestmark = pytest.mark.django_db
LOADS_BY_ITSELF = 'hx-trigger="load once, behind"'


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
    assert LOADS_BY_ITSELF in signed_in.get("/").content.decode()


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


def test_it_shows_the_way_in(signed_in: Client) -> None:
    html = signed_in.get("/").content.decode()
    assert "Get started" in html
    assert "1 of 5" in html
    assert html.count('class="done"') == html.count('class="next" aria-current="step"') == 1
    assert "curl http://testserver/api/v1/usage" in html
    assert "All set" not in html


def test_once_an_entry_is_delivered_the_way_in_is_gone(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    assert "3 of 5" in signed_in.get("/").content.decode()
    make_entry(account=account, state="delivered")
    html = signed_in.get("/").content.decode()
    assert "Get started" not in html
    assert "All set" not in html


def test_an_account_that_waits_for_registration_is_told(client: Client) -> None:
    client.force_login(make_account(registered=False).user)
    assert "You are not registered at the Exchange yet." in client.get("/").content.decode()


def test_a_person_who_was_never_here_gets_an_account_row(client: Client) -> None:
    user = make_account().user
    ExchangeAccount.objects.all().delete()
    client.force_login(user)
    assert client.get("/").status_code == 200
    assert ExchangeAccount.objects.get().user == user


def test_its_queries_before_the_first_entry(
    signed_in: Client, account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_snapshot(account=account)
    # 1 session, 2 user, 3 account with its Exchange, 4 our chain, 5 snapshot, 6 what stands in which state,
    # 7 the opening balance, the way in: 8 keys, 9 a service; 10 the last check, 11 delivery's counts, 12 its
    # queue, 13 the last reconciliation, 14 an open difference
    with django_assert_num_queries(14):
        signed_in.get("/")


@pytest.mark.parametrize("many", [1, 40])
def test_its_queries(
    signed_in: Client,
    account: ExchangeAccount,
    django_assert_num_queries: DjangoAssertNumQueries,
    many: int,
) -> None:
    make_snapshot(account=account, consumed=1500)
    fetched()
    keep_service(1)
    make_entries(account, many)
    make_entry(account=account, state="delivered")
    # the twelve of an empty book without the way in; 13 whether it has been gone to its end, 14 the oldest
    # that waits, 15 whether delivery is held; 16 by day, 17 the time before, 18 by service, provider, family
    # and key; lock-in: 19 how old the catalogue is, 20 the services used, 21 how families are spelt, 22 their
    # lowest prices, 23 who has them, 24 those; 25 the newest entries with their deliveries
    with django_assert_num_queries(25):
        signed_in.get("/")
    # 21 to 23 are kept for this catalogue
    with django_assert_num_queries(22):
        signed_in.get("/")


def test_our_figures_come_first_against_the_time_before(signed_in: Client, account: ExchangeAccount) -> None:
    keep_service(7, price="0.005")
    now = timezone.now()
    for at, tokens in ((now, 3_000_000), (now - timedelta(days=30), 2_000_000)):
        make_entry(account=account, service_id=7, prompt_tokens=tokens, completion_tokens=0, occurred_at=at)
    html = signed_in.get("/").content.decode()
    totals = html.partition('aria-label="Totals"')[2].partition("</section>")[0]
    assert "3,000,000 tokens" in totals
    assert "50.0\N{NO-BREAK SPACE}%" in totals
    assert "$15.00 USD" in totals
    # and all of the time, beneath
    assert "5,000,000 tokens" in totals
    assert html.index('aria-label="Totals"') < html.index('id="snapshot"')


@pytest.mark.parametrize(("period", "bars"), [("24h", 24), ("7d", 7), ("30d", 30), ("90d", 90), ("x", 30)])
def test_its_period_can_be_chosen(
    signed_in: Client, account: ExchangeAccount, period: str, bars: int
) -> None:
    make_entry(account=account)
    html = signed_in.get("/", {"period": period}).content.decode()
    assert html.count('class="bar-of"') == bars


def test_theirs_stand_beside_ours_with_the_difference_and_its_reason(
    signed_in: Client, account: ExchangeAccount
) -> None:
    make_snapshot(account=account, consumed=1500)
    make_entry(account=account, state="delivered")
    make_entry(account=account, prompt_tokens=433, completion_tokens=0)
    card = signed_in.get("/").content.decode().partition('id="snapshot"')[2].partition("</section>")[0]
    for shown in ("1,933 tokens", "1,500 tokens", "+<span", "433 tokens", "1 entry waits for delivery"):
        assert shown in card
    assert "another reason" not in card


def test_the_newest_entries_are_shown_as_they_stand(signed_in: Client, account: ExchangeAccount) -> None:
    keep_service(7, name="Sonnet", price="0.003", provider=keep_provider(3, "Northwind"))
    make_entries(account, [make_draft(memo=f"n{n}") for n in range(9)])
    entry = make_entry(account=account, service_id=7, state="delivered")
    ledger.reverse(account, entry.seq, reason="twice", source="page")
    recent = signed_in.get("/").content.decode().partition('id="recent-title"')[2].partition("</section>")[0]
    assert recent.count("<li ") == 10
    assert 'href="/usage/logs/11/"' in recent
    assert 'href="/usage/logs/1/"' not in recent
    assert "Sonnet · Northwind" in recent
    assert "reverses 10" in recent
    assert 'title="−$0.0045 USD"' in recent
    assert [state in recent for state in ("Delivered", "Local only", "Pending")] == [True, True, True]


def test_the_books_are_said_to_be_intact_or_not(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    now = timezone.now()
    told = {"account": account, "started_at": now, "finished_at": now}
    VerificationRun.objects.create(**told, ok=False, entries=1, head_seq=1, head_hash="ab", problem_count=2)
    ReconciliationRun.objects.create(**told, status="different", lines={"matched": 0})
    html = signed_in.get("/").content.decode()
    assert '<span class="chip bad">2 problems</span>' in html
    assert '<span class="chip bad">Differs</span>' in html
    assert "1 pending" in html
    assert html.count("differ.</b>") == 1


def test_a_book_without_entries_shows_no_empty_charts(signed_in: Client) -> None:
    html = signed_in.get("/").content.decode()
    assert "Get started" in html
    assert 'class="plot"' not in html
    assert "Recent entries" not in html
    assert "Nothing to deliver" in html


def test_it_fits_the_wire(signed_in: Client, account: ExchangeAccount) -> None:
    """Sixty kilobytes in all with styles and scripts; the page's own part is this."""
    now = timezone.now()
    make_entries(
        account,
        [make_draft(service_id=n % 40 + 1, occurred_at=now - timedelta(days=n % 90)) for n in range(180)],
    )
    page = signed_in.get("/", {"period": "90d"}, HTTP_ACCEPT_ENCODING="gzip")
    assert page["Content-Encoding"] == "gzip"
    assert len(page.content) < 16_000


def test_it_is_read_only(signed_in: Client) -> None:
    assert signed_in.post("/").status_code == 405
