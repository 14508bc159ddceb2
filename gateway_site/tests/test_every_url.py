"""Who may open which address: every pattern of the URL configuration, by every method, for who may not.

A new address fails here until it says what it takes: in ``urls_asked.OBJECTS`` whose its object is, in
``PUBLIC`` that everybody may open it.
"""

from __future__ import annotations

import pytest
from django.apps import apps
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from accounts.factories import make_account, make_user
from accounts.models import User
from accounts.tests.api import ALL, CSRF, Caller, person, program
from catalog.tests.wire import wire
from gateway_site.tests.test_api_scopes import ANYBODY, OPERATIONS
from gateway_site.tests.urls_asked import (
    ADMIN,
    API,
    EVERY,
    EVERYBODYS,
    IN_ADMIN,
    OBJECTS,
    SERVICE,
    WITH_OBJECT,
    Firm,
    asked,
    changed,
    everything,
    firm,
    page_of,
    path_of,
    read,
    row_of,
)
from gateway_site.tests.urls_there import METHODS, UNSAFE

pytestmark = pytest.mark.django_db
__all__ = ["firm", "wire"]

CHANGED_BY_OWNER = {"/api/v1/services/<int:service_id>": ("PATCH",)}
IN_A_FORM = {
    "/usage/quarantine/record/": lambda ada: {"row": row_of(ada).pk, "service_id": SERVICE},
    "/usage/quarantine/discard/": lambda ada: {"row": row_of(ada).pk},
}
"""Addresses whose form names an object."""
PUBLIC = {
    "/accounts/login/",
    "/accounts/verify/",
    "/accounts/verify/resend/",
    "/accounts/logout/",
    "/accounts/theme/",
    "/accounts/language/",
    "/admin/login/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/docs",
    "/api/v1/openapi.json",
    "/api/v1/auth/login",
    "/api/v1/auth/verify",
}
"""Addresses that whoever is not signed in may open; what each of them tells is tested where it is."""
WITHOUT_THE_COOKIE = {"/api/v1/auth/login", "/api/v1/auth/verify"}
"""Operations in which no cookie speaks for anybody: each brings what it is judged by in its body, as JSON."""
ROOT = "/api/v1/"
"""Of the API: an address for others to begin with, and nothing at it."""


def leads_to_sign_in(response: HttpResponse) -> bool:
    to = response.get("Location", "")
    return response.status_code == 302 and to.partition("?")[0] in ("/accounts/login/", "/admin/login/")


def test_every_address_is_known_here() -> None:
    there = {one.template for one in EVERY}
    known = set(OBJECTS) | set(EVERYBODYS)
    assert {one.template for one in EVERY if one.parameters and not one.is_admin} == known
    assert {name for one in IN_ADMIN for name in one.parameters} == set(ADMIN)
    assert there >= PUBLIC | set(IN_A_FORM) | WITHOUT_THE_COOKIE
    assert len(there) > 150


def test_anothers_object_is_not_found_and_nothing_is_changed(firm: Firm) -> None:
    browser, caller = page_of(firm.eve.user), person(firm.eve.user)
    key = program(firm.eve.user)
    wrong, before = [], everything()
    for address in WITH_OBJECT:
        path = path_of(address, firm.ada)
        callers = [caller, key] if address.is_api else [Caller(browser)]
        for one in callers:
            for method in METHODS:
                response = asked(one.client, method, path, headers=one.headers)
                status, to = response.status_code, response.get("Location", "")
                read(response)
                # a form's address that is opened leads to its page, whoever asks for it
                fine = status in (404, 405) or (status == 302 and method == "GET" and to != path)
                # people alone manage keys: which key it is does not matter then
                fine = fine or (one is key and "/keys/" in path and status == 403)
                if not fine:
                    wrong.append((method, path, status, to))
        if tables := changed(before):
            wrong.append(("any", path, tables))
    assert wrong == []


def test_nor_by_a_form_that_names_it(firm: Firm) -> None:
    browser = page_of(firm.eve.user)
    before = everything()
    for template, form in IN_A_FORM.items():
        assert browser.post(template, form(firm.ada)).status_code == 404, template
        assert changed(before) == []


def test_what_everybody_reads_is_changed_by_its_owner_alone(firm: Firm) -> None:
    callers = person(firm.eve.user), program(firm.eve.user)
    before = everything()
    for template, methods in CHANGED_BY_OWNER.items():
        path = template.replace("<int:service_id>", str(SERVICE))
        for caller in callers:
            for method in methods:
                assert asked(caller.client, method, path, headers=caller.headers).status_code == 404
            assert changed(before) == []


def test_its_owner_finds_it(firm: Firm) -> None:
    """Without this, a wrong number would look like a refusal above."""
    answered = {}
    for address in WITH_OBJECT:
        path = path_of(address, firm.ada)
        caller = person(firm.ada.user) if address.is_api else Caller(page_of(firm.ada.user))
        form = {"reason": "x", "seen": "pending"} if "reverse" in path else {}
        for method in METHODS:
            response = asked(caller.client, method, path, form, headers=caller.headers)
            read(response)
            if response.status_code != 405:
                answered[method, address.template] = response.status_code
    assert {where: status for where, status in answered.items() if status in (401, 403, 404)} == {}
    assert {where[1] for where in answered} == set(OBJECTS)
    for template, form in IN_A_FORM.items():
        assert page_of(firm.ada.user).post(template, form(firm.ada)).status_code == 302
    for template in EVERYBODYS:
        address = next(one for one in EVERY if one.template == template)
        path = path_of(address, firm.ada)
        caller = person(firm.eve.user) if address.is_api else Caller(page_of(firm.eve.user))
        assert asked(caller.client, "GET", path, headers=caller.headers).status_code == 200, template


def test_whoever_is_not_signed_in_is_sent_to_the_sign_in(firm: Firm) -> None:
    stranger, before, wrong = Client(), everything(), []
    for address in EVERY:
        if address.template in PUBLIC:
            continue
        path = path_of(address, firm.ada)
        for method in METHODS:
            response = asked(stranger, method, path)
            fine = response.status_code in (401, 405) if address.is_api else leads_to_sign_in(response)
            if path in (ROOT, "/admin/logout/"):
                fine = response.status_code in (302, 404, 405)
            if not fine:
                wrong.append((method, path, response.status_code, response.get("Location", "")))
    assert wrong == []
    assert changed(before) == []


def test_every_operation_says_401_by_some_method(firm: Firm) -> None:
    for address in API:
        if address.template not in PUBLIC | {ROOT}:
            path = path_of(address, firm.ada)
            assert 401 in {asked(Client(), method, path).status_code for method in METHODS}, path


def test_who_is_no_operator_gets_nothing_of_the_admin(firm: Firm) -> None:
    browser = page_of(firm.eve.user)
    before, wrong = everything(), []
    for address in IN_ADMIN:
        path = path_of(address, firm.ada)
        if path == "/admin/logout/":
            continue  # the same sign-out as on every page
        for method in METHODS:
            response = asked(browser, method, path)
            if response.status_code not in (403, 405) and not leads_to_sign_in(response):
                wrong.append((method, path, response.status_code))
    assert wrong == []
    assert changed(before) == []
    assert browser.get("/admin/", follow=True).status_code == 403


def test_an_operator_without_rights_sees_no_table(firm: Firm) -> None:
    clerk = make_user()
    User.objects.filter(pk=clerk.pk).update(is_staff=True)
    make_account(user=clerk)
    clerk.refresh_from_db()
    browser, wrong = page_of(clerk), []
    before = everything()
    for address in IN_ADMIN:
        _admin, app, model = [*address.template.strip("/").split("/"), "", ""][:3]
        if not model or "<" in app + model:
            continue  # the front page, the sign-in, the catch-all
        there = apps.get_model(app, model)._base_manager.order_by("pk").first()
        path = address.filled({"object_id": there.pk if there else "none"})
        for method in ("GET", "POST"):
            response = asked(browser, method, path)
            # of what is not there it is told that; and an address without its last word leads to the page
            fine = response.status_code == 302 and (not there or response["Location"].endswith("/change/"))
            if response.status_code not in (403, 405) and not fine:
                wrong.append((method, path, response.status_code))
    assert wrong == []
    assert changed(before) == []


def test_a_key_acts_within_its_scopes_alone(firm: Firm) -> None:
    callers = {scope: program(firm.ada.user, scope) for scope in ALL}
    before, wrong, refused = everything(), [], 0
    for operation, who in OPERATIONS.items():
        method, _space, template = operation.partition(" ")
        if who is ANYBODY:
            continue
        address = next(one for one in API if one.template == f"/api/v1{ninja(template)}")
        for scope in set(ALL) - who:
            caller = callers[scope]
            response = asked(caller.client, method, path_of(address, firm.ada), headers=caller.headers)
            refused += 1
            if response.status_code != 403:
                wrong.append((operation, scope, response.status_code))
    assert wrong == []
    assert refused > 40
    assert changed(before) == []


def ninja(template: str) -> str:
    """``/keys/{key_id}`` of the description as the URL configuration writes it."""
    return template.replace("{", "<int:").replace("}", ">")


def test_no_change_by_cookie_without_the_csrf_token(firm: Firm) -> None:
    """A page of somebody else that sends a form in the name of who is signed in here."""
    browser = page_of(firm.ada.user, checks_csrf=True)
    caller = person(firm.ada.user)
    operator = page_of(make_account(user=make_user(staff=True)).user, checks_csrf=True)
    before, wrong = everything(), []
    for address in EVERY:
        path = path_of(address, firm.ada)
        if address.template in WITHOUT_THE_COOKIE or address.template in ("/healthz", "/readyz"):
            continue
        for method in UNSAFE:
            client = caller.client if address.is_api else operator if address.is_admin else browser
            status = asked(client, method, path).status_code
            # what answers the method at all refuses it
            if status != 403 and not (address.is_api and status == 405):
                wrong.append((method, path, status))
    assert wrong == []
    assert changed(before) == []


def test_the_same_changes_go_through_with_it(firm: Firm) -> None:
    """Without this, a cookie that nobody knows would look like a refusal above."""
    answer = person(firm.ada.user).post("/keys", {"label": "by cookie"})
    assert answer.status_code == 201
    browser = page_of(firm.ada.user, checks_csrf=True)
    browser.cookies[settings.CSRF_COOKIE_NAME] = CSRF
    form = {"csrfmiddlewaretoken": CSRF, "theme": "dark"}
    assert browser.post("/accounts/theme/", form).status_code == 302


@pytest.mark.parametrize("path", sorted(WITHOUT_THE_COOKIE))
def test_where_no_cookie_speaks_a_form_of_another_site_is_not_read(path: str) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"):
        response = Client().generic("POST", path, b'{"email": "ada@example.com"}', content_type=kind)
        assert response.status_code == 415, kind
