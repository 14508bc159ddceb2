from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from accounts.factories import make_account, make_api_key, make_user
from accounts.login_codes import keep
from accounts.models import (
    ApiKey,
    ApiKeySecret,
    Exchange,
    ExchangeAccount,
    Session,
    SignInAttempt,
    SignInCode,
    User,
)
from accounts.tests.helpers import is_signed_in, sign_in, text_of
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
ADD_USER = "/admin/accounts/user/add/"
LISTS = ["user", "exchange", "exchangeaccount", "apikey", "apikeysecret", "signinattempt"]
PAGES: dict[str, Callable[[], str]] = {
    "index": lambda: "/admin/",
    "app": lambda: "/admin/accounts/",
    "add user": lambda: ADD_USER,
    "change user": lambda: f"/admin/accounts/user/{pk_of(User)}/change/",
    "user history": lambda: f"/admin/accounts/user/{pk_of(User)}/history/",
    "exchange": lambda: f"/admin/accounts/exchange/{pk_of(Exchange)}/change/",
    "exchange account": lambda: f"/admin/accounts/exchangeaccount/{pk_of(ExchangeAccount)}/change/",
    "API key": lambda: f"/admin/accounts/apikey/{pk_of(ApiKey)}/change/",
    "API key secret": lambda: f"/admin/accounts/apikeysecret/{pk_of(ApiKeySecret)}/change/",
    "sign-in attempt": lambda: f"/admin/accounts/signinattempt/{pk_of(SignInAttempt)}/change/",
    **{f"list of {name}": (lambda name=name: f"/admin/accounts/{name}/") for name in LISTS},
    **{f"search in {name}": (lambda name=name: f"/admin/accounts/{name}/?q=ada") for name in LISTS},
    "users by state": lambda: "/admin/accounts/user/?is_active__exact=1&is_staff__exact=0",
    "attempts by outcome": lambda: "/admin/accounts/signinattempt/?outcome__exact=wrong",
    "accounts by exchange": lambda: f"/admin/accounts/exchangeaccount/?exchange__id__exact={pk_of(Exchange)}",
}
BROWSER_MARK = "b" * 32


def pk_of(model: type) -> int:
    return int(model._default_manager.order_by("pk").values_list("pk", flat=True)[0])


@pytest.fixture
def _something_everywhere() -> None:
    """A row of everything, with secrets that no page may show."""
    person = make_user(email="ada@example.com")
    make_account(user=person, provider=True)
    make_api_key(user=person, label="Night batch of ada")
    SignInAttempt.objects.create(
        email=person.email,
        network="192.0.2.7",
        browser=BROWSER_MARK,
        outcome=SignInAttempt.Outcome.WRONG,
        at=timezone.now(),
    )
    keep(person.email, "the browser's token", "407182", timezone.now())
    Client().force_login(person)


def signed_in_as(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def helper(*rights: str) -> User:
    """Staff with these rights alone, such as ``change_user``."""
    person = make_user(staff=True)
    person.is_superuser = False
    person.save()
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return person


@pytest.mark.usefixtures("_something_everywhere")
@pytest.mark.parametrize("which", PAGES)
def test_a_superuser_opens_every_page_and_no_secret_is_in_it(which: str) -> None:
    client = signed_in_as(make_user(email="root@example.com", staff=True))
    response = client.get(PAGES[which]())
    assert response.status_code == 200
    code = SignInCode.objects.get()
    secrets = [code.code_hash, code.browser, "407182", BROWSER_MARK, ApiKeySecret.objects.get().sha256]
    secrets += Session.objects.values_list("session_key", flat=True)
    assert len(secrets) == 7
    assert not [secret for secret in secrets if secret in text_of(response)]


@pytest.mark.usefixtures("_something_everywhere")
@pytest.mark.parametrize("which", PAGES)
def test_staff_without_rights_see_the_index_and_nothing_else(which: str) -> None:
    response = signed_in_as(helper()).get(PAGES[which]())
    if which == "index":
        assert response.status_code == 200
        assert "You don’t have permission to view or edit anything." in text_of(response)
    else:
        assert response.status_code in (403, 404)
    assert "ada@example.com" not in text_of(response)


@pytest.mark.usefixtures("_something_everywhere")
@pytest.mark.parametrize("which", PAGES)
def test_who_is_no_operator_is_told_so_and_not_sent_in_circles(which: str) -> None:
    person = make_user(email="grace@example.com")
    response = signed_in_as(person).get(PAGES[which](), follow=True)
    assert response.status_code == 403
    assert len(response.redirect_chain) <= 1
    assert "This part is for administrators" in text_of(response)
    assert "grace@example.com" in text_of(response)
    assert "ada@example.com" not in text_of(response)


@pytest.mark.usefixtures("_something_everywhere")
@pytest.mark.parametrize("which", PAGES)
def test_who_is_not_signed_in_comes_to_the_sites_own_sign_in(which: str) -> None:
    path = PAGES[which]()
    response = Client().get(path, follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/?next=")
    assert response.status_code == 200
    assert response.templates[0].name == "accounts/login.html"


def test_signing_in_leads_back_to_the_admin_page(client: Client, desk: Desk) -> None:
    make_user(email="root@example.com", staff=True)
    page = client.get("/admin/accounts/user/", follow=True)
    wanted = page.context["form"]["next"].value()
    assert sign_in(client, "root@example.com", wanted=wanted)["Location"] == "/admin/accounts/user/"


def test_an_operator_who_asks_for_the_login_page_is_sent_on() -> None:
    client = signed_in_as(make_user(staff=True))
    assert client.get("/admin/login/")["Location"] == "/admin/"
    assert client.get("/admin/login/?next=/admin/accounts/")["Location"] == "/admin/accounts/"
    assert client.get("/admin/login/?next=https://evil.example/")["Location"] == "/admin/"


def test_signing_out_of_the_admin_takes_a_post(client: Client, desk: Desk) -> None:
    make_user(email="root@example.com", staff=True)
    sign_in(client, "root@example.com")
    client.get("/admin/logout/")
    assert is_signed_in(client)
    assert client.post("/admin/logout/")["Location"] == "/accounts/login/"
    assert not is_signed_in(client)


@pytest.mark.parametrize("path", ["password_change/", "password_change/done/"])
def test_there_is_no_page_for_a_password(path: str) -> None:
    assert signed_in_as(make_user(staff=True)).get(f"/admin/{path}", follow=True).status_code == 404


@pytest.mark.parametrize("model", ["session", "signincode"])
def test_sessions_and_codes_have_no_page(model: str) -> None:
    assert signed_in_as(make_user(staff=True)).get(f"/admin/accounts/{model}/").status_code == 404


def test_an_operator_adds_who_may_sign_in(configure: Callable[..., None], desk: Desk) -> None:
    configure(sign_up="closed")
    client = signed_in_as(make_user(staff=True))
    response = client.post(ADD_USER, {"email": " Grace@Example.com ", "display_name": "", "is_active": "on"})
    assert response.status_code == 302
    person = User.objects.get(email="grace@example.com")
    assert (person.is_active, person.is_staff) == (True, False)
    assert sign_in(Client(), "grace@example.com").status_code == 302


def test_an_address_that_is_there_is_not_added_again_in_capitals() -> None:
    make_user(email="ada@example.com")
    client = signed_in_as(make_user(staff=True))
    response = client.post(ADD_USER, {"email": "ADA@example.com", "is_active": "on"})
    assert response.status_code == 200
    assert "already exists" in text_of(response)


def change(client: Client, person: User, **values: str) -> int:
    """Send the form of this person's page with these values, and nothing else ticked."""
    return client.post(
        f"/admin/accounts/user/{person.pk}/change/", {"display_name": "", **values}
    ).status_code


def test_who_is_made_inactive_is_signed_out_everywhere(client: Client, desk: Desk) -> None:
    sign_in(client)
    person = User.objects.get()
    assert change(signed_in_as(make_user(staff=True)), person) == 302
    assert not is_signed_in(client)
    assert not Session.objects.filter(user=person).exists()
    person.refresh_from_db()
    assert not person.is_active
    assert change(signed_in_as(make_user(staff=True)), person, is_active="on") == 302
    assert not is_signed_in(client), "not even when the person is let in again"


def test_who_stays_active_stays_signed_in(client: Client, desk: Desk) -> None:
    sign_in(client)
    person = User.objects.get()
    assert change(signed_in_as(make_user(staff=True)), person, display_name="Ada", is_active="on") == 302
    assert is_signed_in(client)


def test_an_address_is_never_changed() -> None:
    person = make_user(email="ada@example.com")
    change(signed_in_as(make_user(staff=True)), person, email="eve@example.com", is_active="on")
    person.refresh_from_db()
    assert person.email == "ada@example.com"


def test_a_superuser_hands_out_rights() -> None:
    person, group = make_user(), Group.objects.create(name="Support")
    client = signed_in_as(make_user(staff=True))
    change(client, person, is_active="on", is_staff="on", is_superuser="on", groups=str(group.pk))
    person.refresh_from_db()
    assert (person.is_staff, person.is_superuser, list(person.groups.all())) == (True, True, [group])


def test_staff_who_may_change_people_cannot_hand_out_rights_not_even_to_themselves() -> None:
    group = Group.objects.create(name="Support")
    helping = helper("change_user", "view_user", "add_user")
    client = signed_in_as(helping)
    wanted = {"is_active": "on", "is_staff": "on", "is_superuser": "on", "groups": str(group.pk)}
    for person in (make_user(), helping):
        assert change(client, person, **wanted, user_permissions="1") == 302
        before = person.is_staff
        person.refresh_from_db()
        assert (person.is_staff, person.is_superuser, person.groups.count()) == (before, False, 0)
    client.post(ADD_USER, {"email": "new@example.com", **wanted})
    new = User.objects.get(email="new@example.com")
    assert (new.is_staff, new.is_superuser, new.groups.count()) == (False, False, 0)


def test_staff_cannot_shut_a_superuser_out() -> None:
    root = make_user(staff=True)
    assert change(signed_in_as(helper("change_user", "view_user")), root) == 403
    root.refresh_from_db()
    assert root.is_active


def test_nobody_is_deleted_and_what_the_program_writes_is_not_changed() -> None:
    make_api_key(user=make_account().user)
    client = signed_in_as(make_user(staff=True))
    for model in (User, Exchange, ExchangeAccount, ApiKey, ApiKeySecret):
        name, pk = model._meta.model_name, pk_of(model)
        assert client.post(f"/admin/accounts/{name}/{pk}/delete/", {"post": "yes"}).status_code == 403
        if model is not User:
            assert client.post(f"/admin/accounts/{name}/{pk}/change/", {"base_url": "x"}).status_code == 403
            assert client.get(f"/admin/accounts/{name}/add/").status_code == 403


@pytest.mark.parametrize("query", ["%00", "'", "a" * 5000, "%F0%9F%98%80"])
def test_the_search_takes_anything(query: str) -> None:
    client = signed_in_as(make_user(staff=True))
    for name in LISTS:
        assert client.get(f"/admin/accounts/{name}/?q={query}").status_code == 200


OPERATOR = {"is_active": "on", "is_staff": "on", "is_superuser": "on"}


@pytest.mark.parametrize("lost", OPERATOR)
def test_the_last_operator_cannot_be_shut_out(lost: str) -> None:
    root = make_user(staff=True)
    make_user(staff=True, active=False)
    helper("change_user")
    client = signed_in_as(root)
    kept = {name: value for name, value in OPERATOR.items() if name != lost}
    path = f"/admin/accounts/user/{root.pk}/change/"
    response = client.post(path, {"display_name": "", **kept})
    assert response.status_code == 200
    assert "This is the last person who can do everything here." in text_of(response)
    root.refresh_from_db()
    assert (root.is_active, root.is_staff, root.is_superuser) == (True, True, True)
    other = signed_in_as(make_user(staff=True))
    assert change(other, root, **kept) == 302, "with two of them it is allowed"


def test_the_last_operator_can_be_renamed() -> None:
    root = make_user(staff=True)
    assert change(signed_in_as(root), root, display_name="Root", **OPERATOR) == 302
    root.refresh_from_db()
    assert root.display_name == "Root"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("a@bücher.example", "a@xn--bcher-kva.example"), ("a@localhost", None), ('"a b"@example.com', None)],
)
def test_an_address_is_added_in_the_form_in_which_signing_in_looks_for_it(
    typed: str, kept: str | None
) -> None:
    client = signed_in_as(make_user(email="root@example.com", staff=True))
    client.post(ADD_USER, {"email": typed, "is_active": "on"})
    added = User.objects.exclude(email="root@example.com").values_list("email", flat=True)
    assert list(added) == ([kept] if kept else [])
