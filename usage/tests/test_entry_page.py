from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_exchange
from accounts.models import ApiKey, ExchangeAccount
from catalog.tests.mirrored import make_provider, make_service
from catalog.tests.wire import Wire
from usage import ledger
from usage.factories import make_entries, make_entry, mark
from usage.models import Delivery, DeliveryAttempt, LedgerEntry

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def _asks_nobody(wire: Wire) -> object:
    wire.is_down()
    yield
    assert len(wire.calls) == 0


def url(seq: int) -> str:
    return f"/usage/logs/{seq}/"


def attempt(entry: LedgerEntry, number: int = 1, **more: Any) -> DeliveryAttempt:
    return DeliveryAttempt.objects.create(
        delivery=entry.delivery, number=number, started_at=timezone.now(), **more
    )


def test_it_asks_for_a_sign_in(client: Client) -> None:
    assert client.get(url(1))["Location"] == f"/accounts/login/?next={url(1)}"


def test_it_shows_everything_that_is_known(signed_in: Client, account: ExchangeAccount) -> None:
    make_service(provider=make_provider(number=3), number=11, name="o3")
    key = ApiKey.objects.create(user=account.user, label="agent-prod")
    entry = make_entry(
        account=account,
        service_id=11,
        source="api",
        api_key=key,
        prompt_tokens=18_204,
        cached_tokens=17_000,
        reasoning_tokens=21,
        memo="<i>夜间</i> " + "x" * 480,
        evidence="estimated",
        attributes={"team": "red<br>"},
        occurred_at=timezone.now() - timedelta(days=2),
    )
    mark(
        entry,
        "delivered",
        exchange_entry_id=9137,
        receipt={"id": 9137},
        settled_by=Delivery.SettledBy.ANSWER,
    )
    attempt(entry, outcome="delivered", status=201, request_id="req-77", ended_at=timezone.now())
    html = signed_in.get(url(entry.seq)).content.decode()
    for words in (
        entry.hash,
        entry.prev_hash,
        str(entry.entry_id),
        "18,504",
        "17,000 of them cached",
        "21 of them reasoning",
        "$0.0962",
        "at $0.0052 per 1K tokens",
        f'API · <a class="link" href="/accounts/keys/{key.pk}/">agent-prod</a>',
        "Estimated",
        "&lt;i&gt;夜间&lt;/i&gt;",
        "red&lt;br&gt;",
        "9137",
        "req-77",
        "HTTP 201",
        "The Exchange has counted it.",
        "Northwind #3",
    ):
        assert words in html, words
    assert html.count(f'data-copy="{entry.hash}"') == 1


def test_one_that_went_beyond_its_keys_budget_says_so(signed_in: Client, account: ExchangeAccount) -> None:
    key = ApiKey.objects.create(
        user=account.user, label="agent", budget_unit="tokens", budget_period="total", budget_limit=2000
    )
    for _ in range(2):
        make_entry(account=account, source="api", api_key=key)
    within, beyond = (signed_in.get(url(seq)).content.decode() for seq in (1, 2))
    assert "Over budget" not in within
    assert beyond.count("Over budget") == 1
    assert "3,000 of 2,000 tokens" in beyond
    ApiKey.objects.update(budget_unit="usd", budget_limit=10**9)
    key.refresh_from_db()
    make_service(provider=make_provider(number=3), number=1, price="1")
    make_entry(account=account, source="api", api_key=key)
    html = signed_in.get(url(3)).content.decode()
    assert "Over budget" in html
    assert "$1.00 USD" in html


def test_what_nobody_told_is_said_to_be_unknown(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, service_id=99)
    html = signed_in.get(url(1)).content.decode()
    assert "cached: not told" in html
    assert "the price was not known" in html
    assert "not known when it was recorded" in html
    assert "$0" not in html


@pytest.mark.parametrize("seq", [2, 77, 2**63, 10**40])
def test_a_number_that_is_not_there_is_not_found(
    signed_in: Client, account: ExchangeAccount, seq: int
) -> None:
    make_entry(account=account)
    assert signed_in.get(url(seq)).status_code == 404


def test_anothers_entry_is_not_found(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=make_account(), memo="secret")
    elsewhere = make_account(user=account.user, exchange=make_exchange(base_url="http://other.test"))
    make_entry(account=elsewhere)
    for more in ({}, HTMX):
        page = signed_in.get(url(1), **more)
        assert page.status_code == 404
        assert b"secret" not in page.content


def test_it_leads_to_its_neighbours(signed_in: Client, account: ExchangeAccount) -> None:
    make_entries(account, 3)
    middle = signed_in.get(url(2)).content.decode()
    assert f'href="{url(1)}"' in middle
    assert f'href="{url(3)}"' in middle
    assert 'rel="prev"' not in signed_in.get(url(1)).content.decode()
    assert 'rel="next"' not in signed_in.get(url(3)).content.decode()


def test_an_entry_and_its_reversal_lead_to_each_other(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    ledger.reverse(account, 1, reason="<b>twice", source="page")
    was, reversal = (signed_in.get(url(seq)).content.decode() for seq in (1, 2))
    assert "taken back by" in was
    assert "&lt;b&gt;twice" in was
    assert f'href="{url(2)}"' in was
    assert "takes another one back" in reversal
    assert "−1,500" in reversal
    for html in (was, reversal):
        assert "Reverse this entry" not in html
        assert "Withdrawn" in html


@pytest.mark.parametrize(
    ("state", "words", "reversible", "to_settle"),
    [
        ("pending", "waits to be reported", True, False),
        ("delivered", "has counted it", True, False),
        ("rejected", "refused it", True, False),
        ("uncertain", "nobody knows", False, True),
    ],
)
def test_each_state_says_what_it_means_and_what_can_be_done(
    signed_in: Client, account: ExchangeAccount, state: str, words: str, *, reversible: bool, to_settle: bool
) -> None:
    make_entry(account=account, state=state)
    html = signed_in.get(url(1)).content.decode()
    assert words in html
    assert ("Reverse this entry" in html) is reversible
    assert ("Did the Exchange count it?" in html) is to_settle


def test_what_is_asked_about_again_is_not_offered_to_be_reversed(
    signed_in: Client, account: ExchangeAccount
) -> None:
    entry = make_entry(account=account)
    attempt(entry, outcome="uncertain", ended_at=timezone.now())
    mark(entry, "pending", attempts=1)
    assert "Reverse this entry" not in signed_in.get(url(1)).content.decode()


def test_a_refusal_shows_each_rule(signed_in: Client, account: ExchangeAccount) -> None:
    rules = [{"id": "TOKEN_CEILING", "message": "Too <many>."}, {"id": "R2", "message": ""}]
    mark(make_entry(account=account), "rejected", rules=rules, error="Refused.")
    html = signed_in.get(url(1)).content.decode()
    assert "<code>TOKEN_CEILING</code> Too &lt;many&gt;." in html
    assert "<code>R2</code>" in html


def test_attempts_are_listed_the_last_one_first(signed_in: Client, account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    attempt(entry, 1, outcome="pending", error="It was away.", ended_at=timezone.now())
    attempt(entry, 2)
    html = signed_in.get(url(1)).content.decode()
    assert html.index("Under way") < html.index("It was away.")


def test_what_still_moves_looks_again_by_itself(signed_in: Client, account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    html = signed_in.get(url(1)).content.decode()
    assert 'hx-get="/usage/logs/1/?seen=pending-0-0" hx-trigger="every 3s"' in html
    # nothing moved: what a person types meanwhile is left alone
    assert signed_in.get(url(1), {"seen": "pending-0-0"}, **HTMX).status_code == 204
    mark(entry, "delivered")
    page = signed_in.get(url(1), {"seen": "pending-0-0"}, **HTMX)
    part = page.content.decode()
    assert "<html" not in part
    assert 'data-announce="Delivery: Delivered"' in part
    assert "every" not in part
    assert "HX-Request" in page["Vary"]


def test_what_waits_for_long_is_looked_at_less_often(signed_in: Client, account: ExchangeAccount) -> None:
    mark(make_entry(account=account), "pending", next_attempt_at=timezone.now() + timedelta(minutes=5))
    html = signed_in.get(url(1)).content.decode()
    assert 'hx-trigger="every 20s"' in html
    assert "Next attempt" in html


def test_its_queries(
    signed_in: Client, account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_entries(account, 3)
    # 1 session, 2 user, 3 account with its Exchange, 4 the entry with delivery, key and whether it went
    # beyond that key's budget, 5 the chain
    # 6 its reversal, 7 the attempts, 8 whether the last reconciliation is to be warned of
    with django_assert_num_queries(8):
        signed_in.get(url(2))
    # 1 to 4 as above
    with django_assert_num_queries(4):
        signed_in.get(url(2), {"seen": "pending-0-0"}, **HTMX)


def test_it_is_read_only(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    assert signed_in.post(url(1)).status_code == 405


def test_a_refusal_is_said_once(signed_in: Client, account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    mark(entry, "rejected", error="It says: too many.")
    attempt(entry, 1, outcome="pending", error="It was away.", ended_at=timezone.now())
    attempt(entry, 2, outcome="rejected", error="It says: too many.", ended_at=timezone.now())
    html = signed_in.get(url(1)).content.decode()
    assert html.count("It says: too many.") == 1
    assert "It was away." in html


def test_a_time_is_said_once_where_it_is_the_same(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    make_entry(account=account, occurred_at=timezone.now() - timedelta(days=3))
    same, other = (signed_in.get(url(seq)).content.decode() for seq in (1, 2))
    assert "Occurred and recorded</dt>" in same
    assert "Occurred</dt>" not in same
    assert "Occurred</dt>" in other
    assert "Recorded</dt>" in other


def test_taking_back_names_what_it_takes_off(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    make_service(provider=make_provider(number=3), number=11)
    make_entry(account=account, service_id=11)
    unpriced, priced = (signed_in.get(url(seq)).content.decode() for seq in (1, 2))
    assert "takes 1,500 tokens off your totals" in unpriced
    assert "takes 1,500 tokens and" in priced
    assert "This cannot be undone:" in priced
