from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_exchange
from accounts.models import ExchangeAccount
from catalog import consumption
from catalog.tests.kept import fetched, keep_provider, keep_service
from catalog.tests.wire import Wire

pytestmark = pytest.mark.django_db
URL = "/catalog/compare/"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _market(db: None, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    # wire: whatever would be asked of the Exchange fails the test
    monkeypatch.setattr(consumption, "_source", None)
    fetched()
    north, harbour = keep_provider(3, "Northwind"), keep_provider(8, "Harbour")
    keep_service(11, provider=north, name="GPT EU", price="0.006", trial=20_000, prices={40 * DAY: "0.006"})
    keep_service(
        12,
        provider=harbour,
        name="Bulk",
        price="0.004",
        prices={60 * DAY: "0.009", 31 * DAY: "0.005", 3 * DAY: "0.0045", DAY: "0.004"},
    )
    keep_service(
        13, provider=harbour, name="Llama", family="llama", price="0.0007", prices={3 * DAY: "0.0007"}
    )
    keep_service(14, provider=north, name="Old one", price="0.001", delisted=True, prices={50 * DAY: "0.001"})


def text_of(client: Client, *numbers: object, **parameters: str) -> str:
    """The words of the page's content, one space between them."""
    page = client.get(URL, {"service": list(numbers), **parameters})
    assert page.status_code == 200
    main = page.content.decode().partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def words_of(html: str) -> str:
    html = re.sub(r'<span class="narrow.*?</span>', " ", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def columns_of(client: Client, *numbers: object, **parameters: str) -> list[str]:
    """The words of each service: its head, then each fact with its name."""
    page = client.get(URL, {"service": list(numbers), **parameters}).content.decode()
    table = page.partition('<table class="versus">')[2].partition("</table>")[0]
    head, *facts = [re.split(r"<t[hd][ >]", row)[1:] for row in table.split("<tr")[1:]]
    return [
        " ".join([words_of("<th " + cell), *(words_of(f"<th {row[0]} <td {row[place]}") for row in facts)])
        for place, cell in enumerate(head[1:], start=1)
    ]


def rows_of(client: Client, **parameters: str) -> list[str]:
    """The words of each row of a family."""
    page = client.get(URL, parameters).content.decode()
    return [
        words_of("<tr " + row)
        for row in page.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr")[1:]
    ]


def test_it_asks_for_a_sign_in(client: Client) -> None:
    response = client.get(URL)
    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={URL}")


def test_it_is_read_only(signed_in: Client) -> None:
    assert signed_in.post(URL).status_code == 405


def test_services_stand_side_by_side_in_the_order_asked(signed_in: Client) -> None:
    first, second = columns_of(signed_in, 11, 12)
    assert first == (
        "GPT EU Record usage of GPT EU Remove GPT EU Per 1K tokens $0.006 50% over the cheapest "
        "Per 1M tokens $6.00 Your last 30 days Not known yet Price in 30 days Unchanged Trial tokens 20,000 "
        "Model family gpt-4o Provider Northwind"
    )
    assert second == (
        "Bulk Record usage of Bulk Remove Bulk Per 1K tokens $0.004 Cheapest Per 1M tokens $4.00 "
        "Your last 30 days Not known yet Price in 30 days Down $0.001 (20%) Trial tokens None "
        "Model family gpt-4o Provider Harbour"
    )
    assert "What you consumed is not known yet" in text_of(signed_in, 11, 12)
    assert columns_of(signed_in, 12, 11, 12)[0].startswith("Bulk")


def test_a_young_service_is_new(signed_in: Client) -> None:
    assert "New: first seen 3 days ago" in columns_of(signed_in, 12, 13)[1]


def test_different_models_are_called_so(signed_in: Client) -> None:
    assert "These are different models." in text_of(signed_in, 11, 13)
    assert "These are different models." not in text_of(signed_in, 11, 12)
    assert "These are different models." not in text_of(signed_in, family="gpt-4o")


def test_what_does_not_differ_steps_back(signed_in: Client) -> None:
    html = signed_in.get(URL, {"service": [11, 12]}).content.decode()
    [alike] = re.findall(r'<tr class="alike">\s*<th scope="row">([^<]*)</th>', html)
    assert alike == "Model family"
    assert "alike" not in signed_in.get(URL, {"service": [11]}).content.decode()


def test_what_is_delisted_is_marked_and_is_not_the_cheapest(signed_in: Client) -> None:
    [gone, other, third] = columns_of(signed_in, 14, 11, 12)
    assert "Delisted" in gone
    assert "Cheapest" not in gone
    assert "Record usage" not in gone
    assert "Cheapest" not in other
    assert "Cheapest" in third


def test_what_was_consumed_is_priced_at_each(
    signed_in: Client, account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 14 is delisted and of the family all the same; 13 is of another; 999 nobody knows
    consumed = {11: 1_000_000, 14: 234_567, 13: 5, 999: 9}
    monkeypatch.setattr(consumption, "_source", lambda *_: consumed)
    first, second = columns_of(signed_in, 11, 12)
    assert "Your last 30 days $7.41" in first
    assert "Your last 30 days $4.94" in second
    assert "you consumed 1,234,567 tokens of gpt-4o" in text_of(signed_in, 11, 12)
    monkeypatch.setattr(consumption, "_source", lambda *_: {13: 5})
    assert "You consumed no tokens of gpt-4o" in text_of(signed_in, 11, 12)


def test_ones_own_is_marked(seller: Client, provider: ExchangeAccount) -> None:
    keep_service(20, provider=keep_provider(provider.provider_id or 0, "Acme"), name="Mine")
    own, other = columns_of(seller, 20, 11)
    assert "Yours" in own
    assert "Yours" not in other


def test_offerings_are_added_and_removed_by_links(signed_in: Client) -> None:
    html = signed_in.get(URL, {"service": [13, 11]}).content.decode()
    assert f'href="{URL}?service=11"' in html
    assert f'href="{URL}?service=13"' in html
    assert f'href="{URL}?service=13&amp;service=11&amp;service=12"' in html
    assert "service=14" not in html  # delisted: not offered


def test_one_alone_asks_for_another(signed_in: Client) -> None:
    text = text_of(signed_in, 11)
    assert "Add one more to compare" in text
    assert "Cheapest" not in text
    html = signed_in.get(URL, {"service": 11}).content.decode()
    assert f'href="{URL}"' in html.partition('<table class="versus">')[2]


def test_more_than_five_says_which_are_left_out(signed_in: Client) -> None:
    for number in range(30, 35):
        keep_service(number)
    text = text_of(signed_in, 11, 12, *range(30, 35))
    assert "Left out: Service 33 , Service 34 ." in text
    assert len(columns_of(signed_in, 11, 12, *range(30, 35))) == 5
    assert "Remove one to add another" in text
    assert "Add another" not in text


@pytest.mark.parametrize("number", ["999", "abc", "-1", "1.5", "٣", "9" * 30, "<b>"])
def test_an_unknown_number_is_left_aside_and_said(signed_in: Client, number: str) -> None:
    assert f"No service {number} is known here; it was left aside." in text_of(signed_in, 11, number, 12)
    assert len(columns_of(signed_in, 11, number, 12)) == 2


def test_only_unknown_numbers_are_said_and_it_tells_how_to_choose(signed_in: Client) -> None:
    text = text_of(signed_in, 998, 999)
    assert "No services 998, 999 are known here" in text
    assert "Choose what to compare" in text


def test_another_exchanges_services_are_unknown_here(signed_in: Client) -> None:
    other = make_exchange(base_url="http://other.example")
    keep_service(77, provider=keep_provider(1, exchange=other))
    assert "No service 77 is known here" in text_of(signed_in, 77)


def test_nothing_chosen_tells_how_to_choose(signed_in: Client) -> None:
    text = text_of(signed_in)
    assert "Choose what to compare" in text
    assert "gpt-4o 2 offers" in text
    assert "llama" not in text  # one offer of a family is nothing to compare
    assert f'href="{URL}?family=gpt-4o"' in signed_in.get(URL).content.decode()


def test_all_of_a_family_stand_side_by_side_the_cheapest_first(signed_in: Client) -> None:
    assert rows_of(signed_in, family="GPT-4O") == [
        "Bulk Harbour $0.004 Cheapest None Down $0.001 (20%) Not known yet",
        "GPT EU Northwind $0.006 50% over the cheapest 20,000 Unchanged Not known yet",
    ]
    assert "2 offers of gpt-4o, the cheapest first." in text_of(signed_in, family="gpt-4o")
    html = signed_in.get(URL, {"family": "gpt-4o"}).content.decode()
    assert 'type="checkbox" name="service" value="12"' in html


def test_a_large_family_is_paged_and_its_cheapest_is_of_them_all(signed_in: Client) -> None:
    for number in range(100, 125):
        keep_service(number, price=f"0.{number}")
    assert "Page 2 of 2" in text_of(signed_in, family="gpt-4o", page="2")
    rows = rows_of(signed_in, family="gpt-4o", page="2")
    assert len(rows) == 7
    assert "Cheapest" not in " ".join(rows)
    assert "29.5 × the cheapest" in rows[0]
    assert rows_of(signed_in, family="gpt-4o", page="nonsense") == rows_of(signed_in, family="gpt-4o")


def test_an_unknown_family_says_so(signed_in: Client) -> None:
    text = text_of(signed_in, family="<i>o9</i>")
    assert "Nothing of the model family <i>o9</i> is on offer." in text
    assert "Choose what to compare" in text
    assert "<i>o9" not in signed_in.get(URL, {"family": "<i>o9</i>"}).content.decode()


def test_what_was_never_fetched_is_not_called_empty(signed_in: Client, account: ExchangeAccount) -> None:
    account.exchange.mirror.delete()
    text = text_of(signed_in, 11, 999)
    assert "The catalogue has not been fetched yet" in text
    assert "No service" not in text


def test_names_are_escaped(signed_in: Client) -> None:
    keep_service(40, name="<script>alert(1)</script>", provider=keep_provider(9, "<script>x"))
    assert "<script>alert" not in signed_in.get(URL, {"service": [40, 11]}).content.decode()
    assert "<script>x" not in signed_in.get(URL, {"service": [40, 11]}).content.decode()


@pytest.mark.parametrize(
    ("query", "count"), [({}, 6), ({"service": [11, 12, 13, 14]}, 8), ({"family": "gpt-4o"}, 11)]
)
def test_its_queries_are_few_and_do_not_grow_with_the_market(
    query: dict[str, object],
    count: int,
    signed_in: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(consumption, "_source", lambda *_: {11: 5})
    for number in range(100, 160):
        keep_service(number, provider=keep_provider(number))
    # 1 session, 2 user, 3 the account, 4 the mirror's age; then for numbers: 5 the services with their prices
    # then, 6 the families of what was consumed, 7 others to add; for a family: 5 how many it has, 6 a page,
    # 7 those with their prices then, 8 lowest rank, 9 lowest price, 10 as 6 above; for none: 5 the families;
    # and last of all whether the books differ
    with django_assert_num_queries(count):
        signed_in.get(URL, query)
