from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from django.urls import resolve, reverse

from accounts.factories import make_account, make_user
from accounts.models import ExchangeAccount, User
from gateway_site.navigation import Item, shell
from usage.factories import make_entry

pytestmark = pytest.mark.django_db


def shell_at(view: str, user: User | AnonymousUser) -> dict[str, tuple[Item, ...]]:
    path = reverse(view)
    request = RequestFactory().get(path)
    request.user = user
    request.resolver_match = resolve(path)
    found: dict[str, Any] = shell(request)
    return found


def titles(items: tuple[Item, ...]) -> list[str]:
    return [item.title for item in items]


def flat(items: tuple[Item, ...]) -> list[Item]:
    return [each for item in items for each in (item, *item.children)]


def test_a_stranger_has_none() -> None:
    assert shell_at("accounts:login", AnonymousUser()) == {"nav": (), "tabs": ()}


def test_a_request_without_a_person_has_none() -> None:
    """An error page may be rendered before anybody has looked who asks."""
    assert shell(RequestFactory().get("/")) == {"nav": (), "tabs": ()}


def test_a_consumer_sees_what_a_consumer_may_do(account: ExchangeAccount) -> None:
    nav = shell_at("usage:dashboard", account.user)["nav"]
    assert titles(nav) == ["Dashboard", "Catalogue", "Usage", "Settings"]
    assert titles(nav[1].children) == ["Providers", "Services", "Compare"]
    assert titles(nav[2].children) == ["Summary", "Logs", "Reconciliation", "Record usage"]
    assert titles(nav[3].children) == ["Account", "API keys"]


def test_a_provider_may_publish(user: User) -> None:
    make_account(user=user, provider=True)
    nav = shell_at("usage:dashboard", user)["nav"]
    assert titles(nav[1].children) == ["Providers", "Services", "Compare", "Publish a service"]


def test_an_operator_sees_the_admin() -> None:
    operator = make_account(user=make_user(staff=True)).user
    nav = shell_at("usage:dashboard", operator)["nav"]
    assert (nav[-1].title, nav[-1].url) == ("Admin", "/admin/")


PAGES = [
    # the page, what is current, which section is open, which tab is lit
    ("usage:dashboard", "Dashboard", "Dashboard", "Home"),
    ("usage:summary", "Summary", "Usage", "Usage"),
    ("usage:logs", "Logs", "Usage", "Usage"),
    ("usage:logs_export", None, "Usage", "Usage"),
    ("usage:reconciliation", "Reconciliation", "Usage", "Usage"),
    ("usage:record", "Record usage", "Usage", "Usage"),
    ("usage:snapshot", None, "Usage", "Usage"),
    ("catalog:providers", "Providers", "Catalogue", "Catalogue"),
    ("catalog:services", "Services", "Catalogue", "Catalogue"),
    ("catalog:compare", "Compare", "Catalogue", "Catalogue"),
    ("catalog:publish", "Publish a service", "Catalogue", "Catalogue"),
    ("accounts:settings", "Account", "Settings", "Settings"),
    ("accounts:keys", "API keys", "Settings", "Settings"),
    ("accounts:key_new", None, "Settings", "Settings"),
    ("accounts:profile", None, "Settings", "Settings"),
    ("admin:index", "Admin", "Admin", "Admin"),
    ("admin:accounts_user_changelist", None, "Admin", "Admin"),
]


@pytest.mark.parametrize(("view", "current", "section", "tab"), PAGES)
def test_each_page_is_marked_once(view: str, current: str | None, section: str, tab: str | None) -> None:
    user = make_account(user=make_user(staff=True), provider=True).user
    found = shell_at(view, user)
    assert [item.title for item in flat(found["nav"]) if item.current] == ([current] if current else [])
    assert [item.title for item in found["nav"] if item.open] == [section]
    assert [item.title for item in found["tabs"] if item.open] == ([tab] if tab else [])


@pytest.mark.parametrize("provider", [False, True])
@pytest.mark.parametrize("staff", [False, True])
def test_a_narrow_screen_has_room_for_its_tabs(provider: bool, staff: bool) -> None:
    user = make_account(user=make_user(staff=staff), provider=provider).user
    tabs = shell_at("catalog:publish", user)["tabs"]
    assert len(tabs) <= 5
    assert all(item.icon and not item.children for item in tabs)


def test_every_link_leads_somewhere_and_every_first_level_has_an_icon() -> None:
    user = make_account(user=make_user(staff=True), provider=True).user
    found = shell_at("usage:dashboard", user)
    for item in [*flat(found["nav"]), *found["tabs"]]:
        assert resolve(item.url).view_name == item.view
    assert all(item.icon for item in found["nav"])


def test_the_page_shows_it(signed_in: Client) -> None:
    html = signed_in.get(reverse("accounts:settings")).content.decode()
    assert html.count('aria-current="page"') == 3  # at the side, on top of the page and in the tabs
    assert html.count('href="/accounts/settings/" aria-current="page"') == 3
    assert reverse("catalog:publish") not in html.partition("<main")[0]


def test_a_page_that_is_not_there_is_rendered_too(signed_in: Client) -> None:
    assert signed_in.get("/no/such/page").status_code == 404


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/usage/evidence/", "Reconciliation"),
        ("/usage/logs/1/", "Logs"),
        ("/accounts/keys/new/", "API keys"),
    ],
)
def test_a_page_under_another_shows_where_it_belongs(
    signed_in: Client, account: ExchangeAccount, path: str, title: str
) -> None:
    make_entry(account=account)
    page = signed_in.get(path).content.decode()
    assert re.search(rf'<a href="[^"]+" aria-current="true">{title}</a>', page)
