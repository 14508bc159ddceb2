"""What operators do in the admin, and how they read the trail there."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import audit
from accounts.factories import make_account, make_api_key, make_user
from accounts.models import AuditEvent, User
from accounts.models.audit import Action, Outcome, SubjectKind
from accounts.operating import audit as audit_admin
from accounts.operating.lists import ReadOnlyAdmin
from accounts.operating.noted import NotedAdmin
from accounts.tests.audited import noted, only
from accounts.tests.helpers import counted_queries, text_of

pytestmark = pytest.mark.django_db
LIST = "/admin/accounts/auditevent/"
USERS = "/admin/accounts/user/"
RIGHTS = {"is_active": "on", "is_staff": "on", "is_superuser": "on"}


@pytest.fixture
def boss() -> User:
    return make_user(email="boss@example.com", staff=True)


@pytest.fixture
def operator(client: Client, boss: User) -> Client:
    """A browser in which an operator is signed in."""
    client.force_login(boss)
    return client


def streamed(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


# what is done there


def test_every_page_that_changes_something_notes_it() -> None:
    """The one that comes next, too: whoever registers a model says which of the two it is."""
    unnoted = [
        model.__name__
        for model, page in admin.site._registry.items()
        if not isinstance(page, ReadOnlyAdmin | NotedAdmin)
    ]
    assert unnoted == []


def test_adding_a_person(operator: Client, boss: User) -> None:
    operator.post(f"{USERS}add/", {"email": "new@example.com", "display_name": "", "is_active": "on"})
    person = User.objects.get(email="new@example.com")
    event = only("person.added")
    assert event.subject == f"person {person.pk} «new@example.com»"
    assert (event.source, event.actor) == ("admin", boss)
    assert noted("person.operator_given") == []


def test_giving_and_taking_the_staff_flag(operator: Client, boss: User) -> None:
    person = make_user(email="ada@example.com")
    page = f"{USERS}{person.pk}/change/"
    operator.post(page, {"display_name": "", "is_active": "on", "is_staff": "on"})
    given = only("person.operator_given")
    assert (given.actor, given.subject, given.facts) == (
        boss,
        f"person {person.pk} «ada@example.com»",
        {"superuser": False},
    )
    changed = only("person.changed")
    assert changed.facts == {"changed": ["Operator"], "active": True, "operator": True, "superuser": False}
    operator.post(page, {"display_name": "", "is_active": "on"})
    assert only("person.operator_taken").actor == boss


def test_shutting_a_person_out_ends_their_sessions(operator: Client, boss: User) -> None:
    person = make_user(email="ada@example.com")
    Client().force_login(person)
    operator.post(f"{USERS}{person.pk}/change/", {"display_name": ""})
    event = only("session.all_ended")
    assert (event.actor, event.subject_name, event.facts) == (boss, "ada@example.com", {"sessions": 1})
    assert only("person.changed").facts["active"] is False


def test_what_was_refused_is_no_event(operator: Client, boss: User) -> None:
    operator.post(f"{USERS}{boss.pk}/change/", {"display_name": "", "is_active": "on"})
    assert noted() == [], "the last operator stays one"


def test_groups(operator: Client) -> None:
    operator.post("/admin/auth/group/add/", {"name": "Readers"})
    group = Group.objects.get()
    operator.post(f"/admin/auth/group/{group.pk}/change/", {"name": "Auditors"})
    operator.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})
    Group.objects.create(name="Others")
    selected = {"action": "delete_selected", "_selected_action": str(Group.objects.get().pk), "post": "yes"}
    operator.post("/admin/auth/group/", selected)
    assert [(event.action, event.subject_name) for event in noted()] == [
        ("admin.added", "Readers"),
        ("admin.changed", "Auditors"),
        ("admin.deleted", "Auditors"),
        ("admin.deleted", "Others"),
    ]
    assert not Group.objects.exists()


def test_several_are_deleted_and_noted_or_neither(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group.objects.create(name="Readers")

    def fail(*_args: object) -> None:
        raise KeyError

    monkeypatch.setattr(NotedAdmin, "delete_queryset", fail)
    selected = {"action": "delete_selected", "_selected_action": str(group.pk), "post": "yes"}
    with pytest.raises(KeyError):
        operator.post("/admin/auth/group/", selected)
    assert noted("admin.deleted") == []


# how it is read


def make_events() -> User:
    ada = make_user(email="ada@example.com")
    key = make_api_key(user=ada, label="First agent")
    audit.note("session.began", actor=ada)
    audit.note("key.revoked", actor=ada, subject=audit.of_key(key))
    detail = {"rules": ["PRICE_CEILING"]}
    subject = audit.Subject(SubjectKind.SERVICE, 70707, "acme-llama")
    audit.note("service.published", actor=ada, subject=subject, outcome=Outcome.REFUSED, detail=detail)
    audit.note("code.asked", email="eve@example.com")
    return ada


def shown(response: HttpResponse) -> list[str]:
    assert response.status_code == 200
    return [event.action for event in response.context["cl"].result_list]


def test_the_list_is_newest_first(operator: Client) -> None:
    make_events()
    response = operator.get(LIST)
    assert shown(response) == [
        "code.asked",
        "service.published",
        "key.revoked",
        "session.began",
        "key.made",
    ]
    page = text_of(response)
    for text in ("Refused: PRICE_CEILING", "«First agent»", "eve@example.com", "service 70707 «acme-llama»"):
        assert text in page
    # one statement for each: the session, the person; the count, the rows; the account, for the frame
    with counted_queries(5):
        operator.get(LIST)


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("q=eve@example.com", ["code.asked"]),
        ("q=EVE@example.com", ["code.asked"]),
        ("q=eve", []),
        ("q=service 70707", ["service.published"]),
        ("q=%2370707", ["service.published"]),
        ("q=first agent", ["key.revoked", "key.made"]),
        ("q=zzz", []),
        ("q=" + "0" * 32, []),
        ("q=%00", 5),
        ("q=" + "x" * 5000, []),
        ("action=code.asked", ["code.asked"]),
        ("action=zzz", 5),
        ("outcome=refused", ["service.published"]),
        ("source=page", []),
        ("source=system", 5),
        ("since=2020-01-01&until=2020-01-02", []),
        ("since=2020-01-01", 5),
        ("actor=zzz", []),
        ("actor=99999999999999999999", []),
        ("q=service 70707&action=code.asked", []),
    ],
)
def test_what_is_found(query: str, actions: Any, operator: Client) -> None:
    make_events()
    found = shown(operator.get(f"{LIST}?{query}"))
    assert (len(found) if isinstance(actions, int) else found) == actions


def test_the_events_of_a_person(operator: Client) -> None:
    ada = make_events()
    assert shown(operator.get(f"{LIST}?actor={ada.pk}")) == [
        "service.published",
        "key.revoked",
        "session.began",
    ]
    assert f"?actor={ada.pk}" in text_of(operator.get(LIST))


def test_the_events_of_a_request(operator: Client, user: User) -> None:
    operator.post(f"{USERS}{user.pk}/change/", {"display_name": "Ada", "is_active": "on"})
    operator.post(f"{USERS}{user.pk}/change/", {"display_name": "Eve", "is_active": "on"})
    first = noted()[0]
    assert shown(operator.get(LIST, {"q": first.request_id})) == ["person.changed"]


@pytest.mark.parametrize("given", ["8b1f6e0c-7f1e-4f60-9f0a-1d2c3b4a5968", "Edge-7.REQ_4711"])
def test_the_events_of_a_request_that_a_proxy_has_named(
    operator: Client, user: User, settings: Settings, given: str
) -> None:
    settings.TRUSTED_PROXIES = (ip_network("127.0.0.1"),)
    fields = {"display_name": "Ada", "is_active": "on"}
    operator.post(f"{USERS}{user.pk}/change/", fields, headers={"x-request-id": given})
    assert shown(operator.get(LIST, {"q": given})) == ["person.changed"]


def test_one_event_is_read_and_never_changed(operator: Client) -> None:
    make_events()
    event = only("service.published")
    page = f"{LIST}{event.pk}/change/"
    text = text_of(operator.get(page))
    assert "PRICE_CEILING" in text
    assert 'name="_save"' not in text
    assert operator.post(page, {"email": "x@example.com"}).status_code == 403
    assert operator.get(f"{LIST}{event.pk}/delete/").status_code == 403
    assert operator.get(f"{LIST}add/").status_code == 403
    assert operator.get(f"{LIST}{2**70}/change/").status_code == 302


def test_a_subject_leads_to_its_page(operator: Client) -> None:
    account = make_account()
    key = make_api_key()
    for subject, url in (
        (audit.of_key(key), f"/admin/accounts/apikey/{key.pk}/change/"),
        (audit.of_person(account.user), f"{USERS}{account.user.pk}/change/"),
        (audit.of_entry(5), f"/admin/usage/ledgerentry/?account={account.pk}&q=%235"),
        (audit.Subject(SubjectKind.RUN, 3), "/admin/usage/reconciliationrun/3/change/"),
        (audit.Subject(SubjectKind.SERVICE, 3), ""),
        (audit.Subject(SubjectKind.SESSION, "x"), ""),
    ):
        assert audit_admin.url_of(audit.note("key.made", account=account, subject=subject)) == url


def test_nobody_else_reads_it(signed_in: Client) -> None:
    audit.note("key.made", email="eve@example.com")
    response = signed_in.get(LIST, follow=True)
    assert (response.status_code, "eve@example.com" in text_of(response)) == (403, False)


def test_an_operator_without_the_right_to_see_it_does_not(client: Client) -> None:
    clerk = make_user()
    User.objects.filter(pk=clerk.pk).update(is_staff=True)
    client.force_login(clerk)
    assert client.get(LIST).status_code == 403
    assert client.post(LIST, {"action": "export_selected", "_selected_action": "1"}).status_code == 403


INDEXED = {
    "": "accounts_audit_at",
    "since=2026-01-01": "accounts_audit_at",
    "action=key.made": "accounts_audit_action",
    "source=api": "accounts_audit_source",
    "outcome=refused": "accounts_audit_outcome",
    "actor=1": "accounts_audit_actor",
    "q=ada@example.com": "accounts_audit_email",
    "q=key 12": "accounts_audit_subject",
    "q=" + "a" * 32: "accounts_audit_request",
}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what is in the table")
@pytest.mark.parametrize("query", INDEXED)
def test_each_list_is_read_along_an_index(query: str, operator: Client) -> None:
    make_events()
    with CaptureQueriesContext(connection) as captured:
        operator.get(f"{LIST}?{query}")
    statements = [
        one["sql"] for one in captured.captured_queries if 'FROM "accounts_auditevent"' in one["sql"]
    ]
    assert len(statements) == 2
    for sql in statements:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = " ".join(str(row[3]) for row in cursor.fetchall())
        assert INDEXED[query] in plan, plan
        assert "TEMP B-TREE" not in plan, plan


# taken along


def export(operator: Client, *events: AuditEvent, **more: str) -> Any:
    chosen = [str(event.pk) for event in events]
    return operator.post(LIST, {"action": "export_selected", "_selected_action": chosen, **more})


def test_the_export_is_csv_and_an_event_itself(operator: Client, boss: User) -> None:
    make_events()
    response = export(operator, *noted("service.published", "code.asked"))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="audit-')
    text = streamed(response)
    assert text.startswith("\ufeffat,action,outcome,")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [(row["action"], row["email"]) for row in rows] == [
        ("code.asked", "eve@example.com"),
        ("service.published", "ada@example.com"),
    ]
    assert rows[1]["detail"] == '{"rules":["PRICE_CEILING"]}'
    assert datetime.fromisoformat(rows[0]["at"]).tzinfo == UTC
    event = only("audit.exported")
    assert (event.actor, event.source) == (boss, "admin")


def test_all_that_fit(operator: Client) -> None:
    make_events()
    found = noted("code.asked")
    response = operator.post(
        f"{LIST}?source=system",
        {"action": "export_selected", "_selected_action": [str(found[0].pk)], "select_across": "1"},
    )
    assert len(streamed(response).splitlines()) == 1 + 5


def test_no_cell_is_a_formula(operator: Client) -> None:
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "|calc"):
        audit.note("key.made", email="=cmd@example.com", subject=audit.Subject(SubjectKind.KEY, 1, name))
    rows = list(csv.DictReader(io.StringIO(streamed(export(operator, *noted())).removeprefix("\ufeff"))))
    assert len(rows) == 5
    for row in rows:
        assert row["subject_name"].startswith("'")
        assert row["email"] == "'=cmd@example.com"


def test_the_export_is_bounded(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_admin, "MOST_EXPORTED", 2)
    make_events()
    assert len(streamed(export(operator, *noted())).splitlines()) == 1 + 2


@pytest.mark.parametrize("action", Action.values)
def test_every_action_has_words(action: str) -> None:
    assert Action(action).label != action
