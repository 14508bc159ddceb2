"""The page of the quarantine: what waits, why, and what a person can do about it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account
from accounts.models import ApiKey, ExchangeAccount
from accounts.tests.helpers import text_of
from catalog.tests.mirrored import make_provider, make_service
from catalog.tests.wire import Wire
from usage.models import LedgerEntry, QuarantinedRow
from usage.models.quarantine import Reason
from usage.tests.litellm import make_row, placed, taken

pytestmark = pytest.mark.django_db
URL, RECORD, DISCARD = "/usage/quarantine/", "/usage/quarantine/record/", "/usage/quarantine/discard/"


@pytest.fixture(autouse=True)
def _asks_nobody(wire: Wire) -> object:
    wire.is_down()
    yield
    assert len(wire.calls) == 0


@pytest.fixture
def listed(db: None) -> None:
    make_service(provider=make_provider(number=3), number=11, name="o3")


def said(client: Client, path: str = URL, **asked: Any) -> str:
    response = client.get(path, asked)
    assert response.status_code == 200
    return text_of(response)


def hidden(html: str) -> dict[str, str]:
    """What the form says of which rows it speaks."""
    found = re.findall(r'<input type="hidden" name="(row|reason|model|up_to)" value="([^"]*)"', html)
    return dict(found)


def states() -> list[str]:
    return list(QuarantinedRow.objects.order_by("pk").values_list("state", flat=True))


def test_it_asks_for_a_sign_in(client: Client) -> None:
    assert client.get(URL)["Location"] == f"/accounts/login/?next={URL}"


def test_empty_it_says_so(signed_in: Client) -> None:
    assert "Nothing waits" in said(signed_in)


def test_what_waits_is_listed_by_reason_and_model(signed_in: Client, account: ExchangeAccount) -> None:
    taken(account, *(make_row(model="gpt <b>&x") for _number in range(1200)), make_row(prompt_tokens=None))
    html = said(signed_in)
    assert "gpt &lt;b&gt;&amp;x" in html
    assert "model=gpt%20%3Cb%3E%26x" in html
    for words in ("No service", "Tokens missing or impossible", "1,200", "36.0K"):
        assert words in html, words


@pytest.mark.parametrize("reason", Reason.values)
def test_a_group_says_why_it_waits_and_what_to_do(
    signed_in: Client, account: ExchangeAccount, listed: None, reason: str
) -> None:
    taken(account, make_row())
    QuarantinedRow.objects.update(reason=reason, detail="5", model="")
    html = said(signed_in, reason=reason, model="")
    assert "No model named" in html
    assert ('action="/usage/quarantine/record/"' in html) == (reason not in ("tokens", "unreadable"))
    assert 'action="/usage/quarantine/discard/"' in html
    assert "No model named" in said(signed_in, f"{URL}{QuarantinedRow.objects.get().pk}/")


def test_a_group_is_recorded_as_a_service(signed_in: Client, account: ExchangeAccount, listed: None) -> None:
    taken(account, make_row(), make_row(), make_row(model="other"))
    html = said(signed_in, reason="no_service", model="gpt-4o-mini")
    assert "Record 2 rows" in html
    assert "o3 · Northwind (#11)" in html
    response = signed_in.post(RECORD, {**hidden(html), "service_id": "11"}, follow=True)
    assert response.redirect_chain == [(URL, 302)]
    html = text_of(response)
    assert "Recorded: 2 rows, 60 tokens." in html
    assert 'href="/usage/logs/2/"' in html
    assert {entry.service_name for entry in LedgerEntry.objects.all()} == {"o3"}
    assert states() == ["recorded", "recorded", "waiting"]


def test_what_came_after_the_page_was_made_goes_on_waiting(
    signed_in: Client, account: ExchangeAccount
) -> None:
    taken(account, make_row())
    html = said(signed_in, reason="no_service", model="gpt-4o-mini")
    taken(account, make_row())
    signed_in.post(RECORD, {**hidden(html), "service_id": "11"})
    assert states() == ["recorded", "waiting"]


def test_one_row_is_recorded_alone(signed_in: Client, account: ExchangeAccount, listed: None) -> None:
    key = ApiKey.objects.create(user=account.user, label="agent-prod")
    taken(account, make_row(end_user="ada", request_tags=["nightly"]), make_row(), key=key)
    row = QuarantinedRow.objects.order_by("pk")[0]
    html = said(signed_in, f"{URL}{row.pk}/")
    for words in ("ada", "nightly", "agent-prod", "call-", "10 prompt", "20 completion"):
        assert words in html, words
    response = signed_in.post(RECORD, {**hidden(html), "service_id": "11"}, follow=True)
    assert "Recorded: 1 row, 30 tokens." in text_of(response)
    assert states() == ["recorded", "waiting"]
    html = said(signed_in, f"{URL}{row.pk}/")
    assert 'href="/usage/logs/1/"' in html
    assert "/record/" not in re.sub(r'href="[^"]*"', "", html)


def test_without_a_service_it_is_asked_for(signed_in: Client, account: ExchangeAccount, listed: None) -> None:
    taken(account, make_row())
    told = {"reason": "no_service", "model": "gpt-4o-mini"}
    for service in ("", "0", "x", "9" * 30):
        response = signed_in.post(RECORD, {**told, "service_id": service})
        assert response.status_code == 422
        assert "aria-invalid" in text_of(response)
    assert states() == ["waiting"]


def test_discarded_it_counts_nowhere_and_stays_to_be_seen(
    signed_in: Client, account: ExchangeAccount
) -> None:
    taken(account, make_row(), placed("x"))
    html = said(signed_in, reason="no_service", model="gpt-4o-mini")
    assert "Discard 1 row" in html
    response = signed_in.post(DISCARD, hidden(html), follow=True)
    html = text_of(response)
    assert "Discarded: 1 row." in html
    assert states() == ["discarded", "waiting"]
    assert "Settled lately" in html
    assert LedgerEntry.objects.count() == 0


def test_what_was_settled_meanwhile_is_said_to_be(signed_in: Client, account: ExchangeAccount) -> None:
    taken(account, make_row())
    told = {"reason": "no_service", "model": "gpt-4o-mini", "service_id": "11"}
    signed_in.post(RECORD, told)
    assert "Nothing of this waited any more" in text_of(signed_in.post(RECORD, told, follow=True))
    assert "Discarded: 0 rows." in text_of(signed_in.post(DISCARD, told, follow=True))
    assert "Nothing waits here any more" in said(signed_in, reason="no_service", model="gpt-4o-mini")
    assert LedgerEntry.objects.count() == 1


def test_what_cannot_be_recorded_is_said_to_wait(signed_in: Client, account: ExchangeAccount) -> None:
    taken(account, make_row(endTime=9e9))
    told = {"reason": "time", "model": "gpt-4o-mini", "service_id": "11"}
    assert "1 row could not be recorded, and waits." in text_of(signed_in.post(RECORD, told, follow=True))
    assert states() == ["waiting"]


def test_a_conflict_leads_to_the_entry_that_is_there(signed_in: Client, account: ExchangeAccount) -> None:
    row = placed(3)
    taken(account, row, {**row, "prompt_tokens": 99})
    html = said(signed_in, f"{URL}{QuarantinedRow.objects.get().pk}/")
    assert 'href="/usage/logs/1/"' in html
    assert "in your book as number 1" in html


def test_nobody_sees_or_settles_what_is_anothers(signed_in: Client, account: ExchangeAccount) -> None:
    other = make_account()
    taken(other, make_row(model="secret-model"))
    row = QuarantinedRow.objects.get()
    assert "secret-model" not in said(signed_in)
    assert "Nothing waits here any more" in said(signed_in, reason="no_service", model="secret-model")
    assert signed_in.get(f"{URL}{row.pk}/").status_code == 404
    for path in (RECORD, DISCARD):
        assert signed_in.post(path, {"row": row.pk, "service_id": "11"}).status_code == 404
        group = {"reason": "no_service", "model": "secret-model", "up_to": row.pk, "service_id": "11"}
        signed_in.post(path, group)
    assert (states(), LedgerEntry.objects.count()) == (["waiting"], 0)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"row": "x"},
        {"row": "0"},
        {"row": "9" * 30},
        {"row": "5"},
        {"reason": "x"},
        {"reason": ""},
        {"model": "a"},
        {"reason": "time", "model": "\x00"},
        {"reason": "time", "up_to": "x"},
    ],
)
def test_a_form_that_names_no_rows_finds_none(signed_in: Client, told: dict[str, str]) -> None:
    for path in (RECORD, DISCARD):
        assert signed_in.post(path, {**told, "service_id": "1"}).status_code == 404


@pytest.mark.parametrize("number", ["0", "9" * 30])
def test_a_row_that_is_not_there_is_not_found(signed_in: Client, number: str) -> None:
    assert signed_in.get(f"{URL}{number}/").status_code == 404


def test_the_form_targets_lead_a_reader_to_the_page(signed_in: Client) -> None:
    for path in (RECORD, DISCARD):
        assert signed_in.get(path)["Location"] == URL
        assert signed_in.put(path).status_code == 405
    assert signed_in.post(URL).status_code == 405


def test_the_logs_say_that_something_waits(signed_in: Client, account: ExchangeAccount) -> None:
    assert URL not in said(signed_in, "/usage/logs/")
    taken(account, make_row())
    html = said(signed_in, "/usage/logs/")
    assert "1 call that LiteLLM told waits until you say which service it was." in html
    assert f'href="{URL}"' in html
    QuarantinedRow.objects.update(state="discarded", settled_at="2026-01-01T00:00Z")
    assert URL not in said(signed_in, "/usage/logs/")


def test_its_queries(
    signed_in: Client,
    account: ExchangeAccount,
    listed: None,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    taken(account, *(make_row(model=f"m{number % 30}") for number in range(300)))
    taken(account, *(placed(1) for _number in range(3)))
    QuarantinedRow.objects.filter(model="m1").update(state="discarded", settled_at="2026-01-01T00:00Z")
    # 1 session, 2 user, 3 account with its Exchange, 4 the groups, 5 what was settled lately,
    # 6 whether the last reconciliation is to be warned of
    with django_assert_num_queries(6):
        signed_in.get(URL)
    # 1 to 3 as above, 4 the group, 5 its rows, 6 the services, 7 the warning
    with django_assert_num_queries(7):
        signed_in.get(URL, {"reason": "no_service", "model": "m2"})
    row = QuarantinedRow.objects.filter(model="m2")[0]
    # 1 to 3 as above, 4 the row, 5 its group, 6 the services, 7 the warning
    with django_assert_num_queries(7):
        signed_in.get(f"{URL}{row.pk}/")
