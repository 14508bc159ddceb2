from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, reverse

from accounts.factories import make_account, make_user
from accounts.models import ExchangeAccount, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    """A browser in which an operator is signed in."""
    client.force_login(make_account(user=make_user(email="boss@example.com", staff=True)).user)
    return client


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/user/", "/admin/accounts/user/add/?x=1&y=2"])
def test_a_stranger_is_led_to_the_sign_in_and_back(path: str, client: Client) -> None:
    response = client.get(path, follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/?next=/admin/")
    assert response.resolver_match.view_name == "accounts:login"
    assert response.context["form"].initial["next"] == path


def test_who_is_no_operator_is_told_so(signed_in: Client, account: ExchangeAccount) -> None:
    response = signed_in.get("/admin/", follow=True)
    assert response.status_code == 403
    assert "accounts/not_staff.html" in [template.name for template in response.templates]
    assert account.user.email in response.content.decode()


def test_who_is_no_operator_sees_nothing_of_an_admin_page(signed_in: Client) -> None:
    make_user(email="hidden@example.com")
    response = signed_in.get("/admin/accounts/user/", follow=True)
    assert response.status_code == 403
    assert "hidden@example.com" not in response.content.decode()


def test_an_operator_comes_to_the_page_that_was_wanted(operator: Client) -> None:
    response = operator.get("/admin/login/", {"next": "/admin/accounts/user/?q=ada"})
    assert (response.status_code, response["Location"]) == (302, "/admin/accounts/user/?q=ada")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/admin/",
        "/\\evil.example",
        "javascript:alert(1)",
        "https:///evil.example",
        "admin/",
        "/accounts/settings/",
        "",
    ],
)
def test_an_operator_is_not_led_anywhere_else(wanted: str, operator: Client) -> None:
    response = operator.get("/admin/login/", {"next": wanted})
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_a_line_break_in_the_wanted_page_becomes_no_header(operator: Client) -> None:
    response = operator.get("/admin/login/", {"next": "/admin/\r\nX-Evil: 1"})
    assert response.status_code == 302
    assert "X-Evil" not in response
    assert "\n" not in response["Location"]


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_a_stranger_is_not_led_away_by_the_sign_in(wanted: str, client: Client) -> None:
    response = client.get("/admin/login/", {"next": wanted})
    assert response["Location"].startswith("/accounts/login/?next=")
    client.force_login(make_user())
    after = client.get(response["Location"])
    assert (after.status_code, after["Location"]) == (302, "/")


def test_signing_out_takes_a_post(operator: Client) -> None:
    assert operator.get("/admin/logout/").status_code == 405
    assert operator.get("/admin/").status_code == 200
    response = operator.post("/admin/logout/")
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/")
    assert operator.get("/admin/").status_code == 302


def test_signing_out_takes_the_forms_token() -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_user(staff=True))
    assert browser.post("/admin/logout/").status_code == 403
    assert browser.get("/admin/").status_code == 200


@pytest.mark.parametrize("name", ["password_change", "password_change_done"])
def test_there_are_no_password_pages(name: str, operator: Client) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:{name}")
    assert operator.get(f"/admin/{name}/").status_code == 404


@pytest.mark.parametrize("path", ["/admin/password_change/", "/admin/accounts/user/1/password/"])
def test_no_page_asks_for_a_password(path: str, operator: Client) -> None:
    assert b'type="password"' not in operator.get(path, follow=True).content


def pages() -> list[str]:
    """Every admin page that needs no object."""
    found = ["admin:index", "admin:jsi18n"]
    for model, model_admin in admin.site._registry.items():
        info = (model._meta.app_label, model._meta.model_name)
        found.append("admin:{}_{}_changelist".format(*info))
        if "ReadOnly" not in "".join(base.__name__ for base in type(model_admin).__mro__):
            found.append("admin:{}_{}_add".format(*info))
    return found


@pytest.mark.parametrize("view", pages())
def test_every_page_opens_for_an_operator(view: str, operator: Client) -> None:
    response = operator.get(reverse(view))
    assert response.status_code == 200
    assert "unsafe" not in response["Content-Security-Policy"]


def test_the_index_has_the_sites_look_and_leads_back(operator: Client) -> None:
    html = operator.get("/admin/").content.decode()
    assert "Tokligence Gateway" in html
    assert "css/admin.css" in html
    assert f'href="{reverse("usage:dashboard")}"' in html
    assert "password_change" not in html


def test_an_operator_who_is_no_longer_active_is_out(operator: Client) -> None:
    User.objects.filter(email="boss@example.com").update(is_active=False)
    assert operator.get("/admin/").status_code == 302
