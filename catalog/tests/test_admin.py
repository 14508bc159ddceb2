from __future__ import annotations

import html
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.core.paginator import Paginator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.factories import make_account, make_user
from catalog import admin
from catalog.mirror import refresh
from catalog.models import Mirror, PriceChange, Provider, Service
from catalog.tests.listing import Market, offering, seller

pytestmark = pytest.mark.django_db
MODELS = {"mirror": Mirror, "provider": Provider, "service": Service, "pricechange": PriceChange}
PAGES: dict[str, Callable[[], str]] = {
    "app": lambda: "/admin/catalog/",
    **{f"list of {name}": (lambda name=name: f"/admin/catalog/{name}/") for name in MODELS},
    **{f"search in {name}": (lambda name=name: f"/admin/catalog/{name}/?q=11") for name in MODELS},
    **{f"one {name}": (lambda name=name: page_of(name)) for name in MODELS},
    **{f"history of {name}": (lambda name=name: page_of(name, "history")) for name in MODELS},
    "listed services": lambda: "/admin/catalog/service/?listed=yes",
    "delisted services": lambda: "/admin/catalog/service/?listed=no",
    "services of a family": lambda: "/admin/catalog/service/?family=gpt-4o",
    "services of an exchange": lambda: f"/admin/catalog/service/?exchange__id__exact={exchange_pk()}",
    "services by price": lambda: "/admin/catalog/service/?o=3",
    "delisted providers": lambda: "/admin/catalog/provider/?listed=no",
    "providers of an exchange": lambda: f"/admin/catalog/provider/?exchange__id__exact={exchange_pk()}",
    "prices of an exchange": lambda: f"/admin/catalog/pricechange/?exchange={exchange_pk()}",
}


def page_of(name: str, page: str = "change") -> str:
    pk = MODELS[name].objects.order_by("pk").values_list("pk", flat=True)[0]  # type: ignore[attr-defined]
    return f"/admin/catalog/{name}/{pk}/{page}/"


def exchange_pk() -> int:
    return Mirror.objects.get().exchange_id


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_account(user=make_user(email="root@example.com", staff=True)).user)
    return client


@pytest.fixture(autouse=True)
def _catalogue(market: Market) -> None:
    """Three services, the last of another family and no longer listed, and one of an unknown provider."""
    market.providers = [seller(3, display_name="Northwind"), seller(4, display_name="Südwind")]
    gone = offering(13, provider_id=4, name="Gone", model_family="o3")
    market.services = [
        offering(11, price_per_1k_tokens=Decimal("0.000000001")),
        offering(12, price_per_1k_tokens=Decimal(10)),
        gone,
        offering(14, provider_id=99, name="Orphan"),
    ]
    refresh()
    market.services = [service for service in market.services if service is not gone]
    refresh()


def text_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def rows(client: Client, path: str) -> list[object]:
    """The rows of a list, in its order."""
    response = client.get(path)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def numbers(client: Client, query: str) -> list[int]:
    return [row.remote_id for row in rows(client, f"/admin/catalog/service/?{query}")]  # type: ignore[attr-defined]


@pytest.mark.parametrize("which", PAGES)
def test_an_operator_opens_every_page(which: str, operator: Client) -> None:
    assert operator.get(PAGES[which]()).status_code == 200


@pytest.mark.parametrize("which", PAGES)
def test_who_is_no_operator_opens_none(which: str) -> None:
    client = Client()
    client.force_login(make_user())
    assert client.get(PAGES[which](), follow=True).status_code == 403


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_added_changed_or_deleted(name: str, operator: Client) -> None:
    pk = page_of(name).split("/")[-3]
    assert operator.get(f"/admin/catalog/{name}/add/").status_code == 403
    assert operator.post(page_of(name), {"name": "x"}).status_code == 403
    assert operator.post(f"/admin/catalog/{name}/{pk}/delete/", {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": pk, "post": "yes"}
    operator.post(f"/admin/catalog/{name}/", action)
    assert MODELS[name].objects.filter(pk=pk).exists()  # type: ignore[attr-defined]
    page = text_of(operator, page_of(name))
    assert 'name="_save"' not in page
    assert "deletelink" not in page


@pytest.mark.parametrize("name", MODELS)
def test_staff_see_what_they_have_the_right_to_see(name: str) -> None:
    person = make_user(staff=True)
    person.is_superuser = False
    person.save()
    client = Client()
    client.force_login(person)
    assert client.get(f"/admin/catalog/{name}/").status_code == 403
    person.user_permissions.add(Permission.objects.get(codename=f"view_{name}"))
    assert client.get(f"/admin/catalog/{name}/").status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [11, 12, 13]),
        ("q=12", [12]),
        ("q=offering", [11, 12]),
        ("q=O3", [13]),
        ("q=northwind", [11, 12]),
        ("listed=yes", [11, 12]),
        ("listed=no", [13]),
        ("listed=maybe", [11, 12, 13]),
        ("family=o3", [13]),
        ("family=o3&listed=yes", []),
        ("family=none", []),
        ("o=3", [11, 13, 12]),
        ("o=-3", [12, 13, 11]),
    ],
)
def test_services_are_found_and_sorted(query: str, found: list[int], operator: Client) -> None:
    assert numbers(operator, query) == found


def test_a_list_shows_what_it_is_about(operator: Client) -> None:
    page = text_of(operator, "/admin/catalog/service/")
    for shown in ("0.000000001", "Südwind", "gpt-4o (2)", "o3 (1)", "http://localhost:8080"):
        assert shown in page
    prices = text_of(operator, "/admin/catalog/pricechange/")
    assert "0.000000001" in prices
    assert "Gone" in prices
    assert "Orphan" in text_of(operator, page_of("mirror"))


@pytest.mark.parametrize("query", ["exchange=999", "exchange=x", "exchange=9" * 20])
def test_an_exchange_that_is_none_filters_nothing(query: str, operator: Client) -> None:
    assert len(rows(operator, f"/admin/catalog/pricechange/?{query}")) == 3


def test_prices_are_found_by_service(operator: Client) -> None:
    assert len(rows(operator, "/admin/catalog/pricechange/?q=12")) == 1
    assert len(rows(operator, "/admin/catalog/pricechange/?q=offering")) == 2


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("query", ["%00", "'", "a" * 5000, "%F0%9F%98%80", "9" * 30])
def test_the_search_takes_anything(name: str, query: str, operator: Client) -> None:
    assert operator.get(f"/admin/catalog/{name}/?q={query}").status_code == 200


@pytest.mark.parametrize(
    ("name", "queries"),
    [
        # session, user, the bounded count, the rows, the account that the page's frame names
        ("mirror", 5),
        # and the Exchanges of the filter
        ("provider", 6),
        ("pricechange", 6),
        # and the families of the filter
        ("service", 7),
    ],
)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    name: str, queries: int, operator: Client, market: Market
) -> None:
    market.providers = [seller(number) for number in range(1, 45)]
    market.services = [offering(number, provider_id=1 + number % 44) for number in range(200)]
    refresh(accept_shrink=True)
    with CaptureQueriesContext(connection) as captured:
        assert operator.get(f"/admin/catalog/{name}/").status_code == 200
    statements = [query["sql"] for query in captured]
    assert len(statements) == queries, "\n".join(statements)
    counts = [sql for sql in statements if sql.startswith("SELECT COUNT")]
    assert len(counts) == 1
    assert "LIMIT 10000" in counts[0]


def test_a_table_of_any_size_is_counted_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "MOST_ROWS", 2)
    assert admin.BoundedPaginator(Service.objects.order_by("pk"), 1).count == 2
    assert Paginator(Service.objects.order_by("pk"), 1).count == 3
    assert admin.BoundedPaginator(["a"], 1).count == 1  # type: ignore[list-item]


def test_only_the_largest_families_are_offered(monkeypatch: pytest.MonkeyPatch, operator: Client) -> None:
    monkeypatch.setattr(admin, "MOST_FAMILIES", 1)
    page = text_of(operator, "/admin/catalog/service/")
    assert "gpt-4o (2)" in page
    assert "o3 (1)" not in page
