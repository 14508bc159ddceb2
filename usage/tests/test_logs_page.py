from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account
from accounts.models import ApiKey, ExchangeAccount
from catalog.tests.mirrored import make_provider, make_service
from catalog.tests.wire import Wire
from usage import ledger
from usage.factories import make_draft, make_entries, make_entry, mark
from usage.logs import tail as log_tail
from usage.logs.places import PAGE_SIZE

pytestmark = pytest.mark.django_db
URL, TAIL = "/usage/logs/", "/usage/logs/tail/"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def _asks_nobody(wire: Wire) -> object:
    wire.is_down()
    yield
    assert len(wire.calls) == 0


def links(html: str) -> list[str]:
    """The numbers of the entries that are listed, in order."""
    return re.findall(r'<a class="clamp one" href="/usage/logs/(\d+)/"', html)


def address(html: str, name: str) -> str:
    """Where the link with this id leads."""
    found = re.search(rf'id="{name}"[^>]* href="([^"]+)"', html)
    assert found, name
    return found[1].replace("&amp;", "&")


def test_it_asks_for_a_sign_in(client: Client) -> None:
    assert client.get(URL)["Location"] == f"/accounts/login/?next={URL}"
    assert client.get(TAIL).status_code == 302


def test_the_book_is_empty(signed_in: Client) -> None:
    html = signed_in.get(URL).content.decode()
    assert "The book is empty" in html
    assert 'href="/usage/record/"' in html


def test_a_row_says_what_was_recorded(signed_in: Client, account: ExchangeAccount) -> None:
    make_service(provider=make_provider(number=3), number=11, name="o3")
    key = ApiKey.objects.create(user=account.user, label="agent-prod")
    entry = make_entry(
        account=account,
        service_id=11,
        memo="<b>夜间</b> run",
        source="api",
        api_key=key,
        prompt_tokens=18_204,
    )
    mark(entry, "rejected", rules=[{"id": "TOKEN_CEILING", "message": "Too many."}])
    html = signed_in.get(URL).content.decode()
    assert links(html) == ["1"]
    for words in (
        ">o3<",
        "Northwind",
        "&lt;b&gt;夜间&lt;/b&gt; run",
        "agent-prod",
        "18,504",
        "18,204 + 300",
        "$0.0962",
        "Rejected",
        "TOKEN_CEILING",
    ):
        assert words in html, words
    assert "<b>夜间" not in html
    assert "over budget" not in html


def test_what_went_beyond_its_keys_budget_is_marked(signed_in: Client, account: ExchangeAccount) -> None:
    key = ApiKey.objects.create(
        user=account.user, label="agent", budget_unit="tokens", budget_period="total", budget_limit=2000
    )
    make_entry(account=account, source="api", api_key=key)
    assert "over budget" not in signed_in.get(URL).content.decode()
    make_entry(account=account, source="api", api_key=key)
    make_entry(account=account)
    html = signed_in.get(URL).content.decode()
    assert html.count("over budget") == 1
    assert (
        html.index('href="/usage/logs/2/"') < html.index("over budget") < html.index('href="/usage/logs/1/"')
    )
    part = signed_in.get(TAIL, {"after": "1"}, **HTMX).content.decode()
    assert part.count("over budget") == 1


def test_what_is_not_known_is_not_made_up(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, service_id=12)
    html = signed_in.get(URL).content.decode()
    assert ">#12<" in html
    assert "provider unknown" in html
    assert "$0.0000" not in html


def test_a_reversal_and_what_it_reverses_are_marked(signed_in: Client, account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    ledger.reverse(account, entry.seq, reason="twice", source="page")
    html = signed_in.get(URL).content.decode()
    assert "reverses number 1" in html
    assert "<b>reversed</b>" in html
    assert "−1,500" in html
    assert html.count("Withdrawn</span>") == 2


def test_nobody_elses_entries_are_listed(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=make_account(), memo="secret", service_id=77)
    assert "The book is empty" in signed_in.get(URL).content.decode()
    make_entry(account=account)
    html = signed_in.get(URL, {"q": "secret"}).content.decode()
    assert "No entry fits" in html
    assert "#77" not in html


def test_older_newer_and_newest(signed_in: Client, account: ExchangeAccount) -> None:
    make_entries(account, 2 * PAGE_SIZE + 5)
    first = signed_in.get(URL).content.decode()
    assert len(links(first)) == PAGE_SIZE
    assert 'id="page-newer"' not in first
    second = signed_in.get(address(first, "page-older")).content.decode()
    third = signed_in.get(address(second, "page-older")).content.decode()
    assert links(first) + links(second) + links(third) == [str(n) for n in range(105, 0, -1)]
    assert 'id="page-older"' not in third
    assert 'id="tail"' not in third
    assert links(signed_in.get(address(third, "page-newer")).content.decode()) == links(second)
    assert links(signed_in.get(address(third, "page-newest")).content.decode()) == links(first)


def test_filters_stand_in_the_address_and_in_every_link(signed_in: Client, account: ExchangeAccount) -> None:
    make_entries(account, PAGE_SIZE + 5)
    html = signed_in.get(
        URL, {"direction": "consume", "q": "entry", "service": "", "least": "7"}
    ).content.decode()
    assert "direction=consume" in address(html, "page-older")
    assert "least=7" in address(html, "page-older")
    assert "service=" not in address(html, "page-older")
    assert "/usage/logs/export/?format=csv&amp;direction=consume&amp;q=entry&amp;least=7" in html
    assert '<option value="consume" selected>' in html
    older = signed_in.get(address(html, "page-older")).content.decode()
    assert len(links(older)) == 5


def set_filters(html: str) -> dict[str, tuple[str, str]]:
    """What is said to be set, by name: its words, and where the list is without it."""
    found = re.findall(r'id="without-(\w+)" href="([^"]+)"[^>]*><span class="clip" title="([^"]*)">', html)
    return {name: (words, url.replace("&amp;", "&")) for name, url, words in found}


def test_each_filter_that_is_set_can_be_taken_off(signed_in: Client, account: ExchangeAccount) -> None:
    make_service(provider=make_provider(number=3), number=11, name="o3")
    key = ApiKey.objects.create(user=account.user, label="agent")
    make_entry(account=account, service_id=11, memo="night", source="api", api_key=key)
    asked = {
        "since": "2026-01-02",
        "until": "2030-01-31T09:41",
        "direction": "consume",
        "service": "11",
        "provider": "3",
        "family": "gpt-4o",
        "key": str(key.pk),
        "source": "api",
        "state": "pending",
        "q": "night",
        "least": "1000",
    }
    whole = set_filters(signed_in.get(URL, asked).content.decode())
    part = set_filters(signed_in.get(URL, asked, **HTMX).content.decode())
    assert {name: words for name, (words, _url) in whole.items()} == {
        "since": "From 2 Jan 2026",
        "until": "To 31 Jan 2030 09:41 UTC",
        "direction": "Consumed",
        "service": "o3",
        "provider": "Northwind",
        "family": "gpt-4o",
        "key": "agent",
        "source": "API",
        "state": "Pending",
        "q": "“night”",
        "least": "At least 1,000 tokens",
    }
    assert part == whole
    for name, (_words, url) in whole.items():
        fewer = set_filters(signed_in.get(url).content.decode())
        assert set(fewer) == set(asked) - {name}, name


def test_what_is_not_known_can_be_taken_off_too(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    asked = {"service": "99", "provider": "0", "key": "0"}
    for more in ({}, HTMX):
        found = set_filters(signed_in.get(URL, asked, **more).content.decode())
        words = {name: words for name, (words, _url) in found.items()}
        assert words == {"service": "#99", "provider": "Unknown provider", "key": "Without a key"}


def test_the_form_is_told_when_a_filter_is_taken_off(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    oob = 'id="filters" hx-swap-oob="true"'
    asked = {"source": "api"}
    assert oob not in signed_in.get(URL, asked, **HTMX).content.decode()
    part = signed_in.get(URL, asked, **HTMX, HTTP_HX_TRIGGER="without-direction").content.decode()
    assert oob in part
    assert '<option value="api" selected>' in part


def test_rare_filters_are_folded_out_where_one_of_them_is_set(
    signed_in: Client, account: ExchangeAccount
) -> None:
    make_entry(account=account)
    opened = 'class="unfold-rare sr-only" type="checkbox" checked'
    for asked, is_open in (
        ({}, False),
        ({"direction": "consume", "since": "2026-01-01"}, False),
        ({"source": "api"}, True),
        ({"least": "x"}, True),
    ):
        assert (opened in signed_in.get(URL, asked).content.decode()) is is_open, asked


def test_options_are_what_the_entries_have(signed_in: Client, account: ExchangeAccount) -> None:
    make_service(provider=make_provider(number=3), number=11, name="o3")
    ApiKey.objects.create(user=account.user, label="agent")
    ApiKey.objects.create(user=make_account().user, label="a stranger's")
    make_entry(account=account, service_id=11)
    make_entry(account=account, service_id=99)
    make_entry(account=make_account(), service_id=55)
    html = signed_in.get(URL, {"service": "1234"}).content.decode()
    for option in (
        '"11">o3',
        '"99">#99',
        '"1234" selected>#1234',
        '"3">Northwind',
        '"gpt-4o">gpt-4o',
        ">agent<",
    ):
        assert option in html, option
    assert "#55" not in html
    assert "stranger" not in html


@pytest.mark.parametrize(
    ("field", "label", "text"),
    [
        ("since", "From", "yesterday"),
        ("until", "To", "2026-02-30"),
        ("service", "Service", "o3"),
        ("state", "Delivery", "gone"),
        ("q", "Memo", "!!!"),
        ("least", "Least tokens", "-1"),
    ],
)
def test_what_is_not_understood_is_named_kept_and_left_out(
    signed_in: Client, account: ExchangeAccount, field: str, label: str, text: str
) -> None:
    make_entry(account=account)
    page = signed_in.get(URL, {field: text})
    html = page.content.decode()
    assert page.status_code == 200
    assert f"<b>{label}</b>" in html
    assert "This was left out." in html
    assert links(html) == ["1"]
    if field != "state":
        assert f'value="{text}"' in html


@pytest.mark.parametrize("typed", ['"', "'", "a* OR b", "NEAR(", "%", "夜", "\x00", "a" * 5000, ":*", "\\'"])
def test_whatever_is_typed_is_never_an_error(signed_in: Client, account: ExchangeAccount, typed: str) -> None:
    make_entry(account=account, memo="night")
    for name in ("q", "since", "family", "older_than", "newer_than", "key"):
        assert signed_in.get(URL, {name: typed}).status_code == 200
        assert signed_in.get(TAIL, {name: typed, "after": typed}, **HTMX).status_code in (200, 204)


def test_a_rare_match_can_be_looked_for_further(
    signed_in: Client, account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_entries(account, [make_draft(prompt_tokens=10**6), *[make_draft() for _ in range(30)]])
    from usage.logs import pages as log_pages
    from usage.logs.places import Window

    whole = log_pages.page
    monkeypatch.setattr(
        "usage.views.logs.page",
        lambda *given, **more: whole(*given, **more, window=Window(size=50, looked_at=20)),
    )
    html = signed_in.get(URL, {"least": "1000000"}).content.decode()
    assert "Searched as far as" in html
    assert "Nothing was found up to there yet." in html
    further = signed_in.get(address(html, "page-older")).content.decode()
    assert links(further) == ["1"]
    assert "Searched as far as" not in further


def test_htmx_gets_the_part_with_its_address(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    page = signed_in.get(URL, {"direction": "consume", "q": ""}, **HTMX)
    html = page.content.decode()
    assert "<html" not in html
    assert 'data-announce="1 entry on this page"' in html
    assert page["HX-Push-Url"] == f"{URL}?direction=consume"
    assert "HX-Request" in page["Vary"]
    back = signed_in.get(URL, **HTMX, HTTP_HX_HISTORY_RESTORE_REQUEST="true")
    assert "<html" in back.content.decode()


def test_times_are_shown_in_the_browsers_zone(signed_in: Client, account: ExchangeAccount) -> None:
    at = timezone.now().replace(hour=10, minute=0, second=5, microsecond=0) - timedelta(days=1)
    make_entry(account=account, occurred_at=at)
    signed_in.cookies["tz"] = "Asia/Shanghai"
    html = signed_in.get(URL).content.decode()
    assert "18:00:05" in html
    assert "Asia/Shanghai" in html


# the live tail


def test_the_tail_brings_only_what_is_new_and_fits(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, memo="old")
    html = signed_in.get(URL, {"q": "night"}).content.decode()
    assert "after=1&amp;empty=1" in html
    assert signed_in.get(TAIL, {"after": "1", "q": "night"}, **HTMX).status_code == 204
    make_entry(account=account, memo="day")
    make_entry(account=account, memo="night", occurred_at=timezone.now() - timedelta(days=300))
    make_entry(account=make_account(), memo="night")
    page = signed_in.get(TAIL, {"after": "1", "q": "night"}, **HTMX)
    html = page.content.decode()
    assert links(html) == ["3"]
    assert "after=3" in html
    assert 'hx-swap-oob="afterbegin:#log-rows"' in html
    assert 'data-announce="1 new entry"' in html
    assert signed_in.get(TAIL, {"after": "3", "q": "night"}, **HTMX).status_code == 204


def test_what_does_not_fit_moves_the_tail_on_in_silence(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, direction="supply")
    page = signed_in.get(TAIL, {"after": "0", "direction": "consume"}, **HTMX)
    html = page.content.decode()
    assert "after=1" in html
    assert "data-announce" not in html
    assert links(html) == []


def test_an_empty_list_is_loaded_again_when_the_first_entry_comes(
    signed_in: Client, account: ExchangeAccount
) -> None:
    make_entry(account=account)
    page = signed_in.get(TAIL, {"after": "0", "empty": "1"}, **HTMX)
    assert page["HX-Refresh"] == "true"


def test_the_tail_can_be_paused_and_goes_on_where_it_was(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    paused = signed_in.get(TAIL, {"after": "1", "paused": "1"}, **HTMX).content.decode()
    assert "every 3s" not in paused
    assert "Resume live tail" in paused
    make_entry(account=account)
    resumed = signed_in.get(address(paused, "tail-toggle"), **HTMX).content.decode()
    assert links(resumed) == ["2"]
    assert "every 3s" in resumed
    # nothing came: it runs all the same
    again = signed_in.get(TAIL, {"after": "2", "resume": "1"}, **HTMX).content.decode()
    assert "every 3s" in again


def test_more_than_can_be_shown_is_said(
    signed_in: Client, account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_tail, "MOST_SHOWN", 3)
    make_entries(account, 5)
    html = signed_in.get(TAIL, {"after": "0"}, **HTMX).content.decode()
    assert links(html) == ["5", "4", "3"]
    assert "More came than is shown" in html


def test_a_time_that_is_over_has_no_tail(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    assert 'id="tail"' not in signed_in.get(URL, {"until": "2026-01-01"}).content.decode()


def test_without_htmx_the_tail_is_the_list(signed_in: Client) -> None:
    assert signed_in.get(TAIL, {"after": "3", "q": "night"})["Location"] == f"{URL}?q=night"


def test_its_queries(
    signed_in: Client, account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_entries(account, PAGE_SIZE + 1)
    # 1 session, 2 user, 3 account with its Exchange, 4 the newest number, 5 the entries,
    # 6 what reverses them, 7 services, 8 providers, 9 families, 10 keys to choose from,
    # 11 what waits in quarantine, 12 whether the last reconciliation is to be warned of
    with django_assert_num_queries(12):
        signed_in.get(URL)
    # 1 to 6 as above, 7 where enough has been looked at
    with django_assert_num_queries(7):
        signed_in.get(URL, {"direction": "consume", "least": "5"}, **HTMX)
    # 1 to 4 as above, 5 and 6 first and last key, 7 the memo index, 8 the entries, 9 what reverses them
    with django_assert_num_queries(9):
        signed_in.get(URL, {"q": "entry"}, **HTMX)
    # 1 to 3 as above, 4 what is new: nothing
    with django_assert_num_queries(4):
        signed_in.get(TAIL, {"after": str(PAGE_SIZE + 1)}, **HTMX)
    # 1 to 3 as above, 4 what is new, 5 what of it fits, 6 what reverses it
    with django_assert_num_queries(6):
        signed_in.get(TAIL, {"after": "1"}, **HTMX)
    key = ApiKey.objects.create(user=account.user, label="agent")
    make_entry(account=account, source="api", api_key=key)
    # and one look more where an entry of a key is shown: which of them went beyond its budget
    with django_assert_num_queries(13):
        signed_in.get(URL)
    with django_assert_num_queries(7):
        signed_in.get(TAIL, {"after": str(PAGE_SIZE + 1)}, **HTMX)


def test_it_is_read_only(signed_in: Client) -> None:
    assert signed_in.post(URL).status_code == 405
    assert signed_in.post(TAIL).status_code == 405


def test_a_row_that_waits_is_shown_as_delivered_once_it_is(
    signed_in: Client, account: ExchangeAccount
) -> None:
    waiting, done = make_entry(account=account), make_entry(account=account)
    theirs = make_entry(account=make_account())
    page = signed_in.get(URL).content.decode()
    assert page.count("data-open>") == 2
    assert 'hx-include="#results"' in page
    mark(done, "delivered")
    mark(theirs, "delivered")
    asked = {"after": 2, "open": [waiting.seq, done.seq, 999, "x", -1]}
    part = signed_in.get(TAIL, asked, HTTP_HX_REQUEST="true").content.decode()
    assert f'id="state-{done.seq}" hx-swap-oob="true"' in part
    assert part.count("hx-swap-oob") == 1
    assert "Delivered" in part
    # nothing moved, and nothing came
    asked["open"] = [waiting.seq]
    assert signed_in.get(TAIL, asked, HTTP_HX_REQUEST="true").status_code == 204
