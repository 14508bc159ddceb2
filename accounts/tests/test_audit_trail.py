from __future__ import annotations

import json
from typing import Any

import pytest
import structlog
from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction
from django.test import Client
from structlog.testing import capture_logs

from accounts import audit, profile
from accounts.auditing import origin
from accounts.auditing.details import canonical
from accounts.auditing.triggers import AUDIT, REFUSED
from accounts.factories import make_account, make_user
from accounts.models import AuditEvent, ExchangeAccount, User
from accounts.models.audit import LONGEST_DETAIL, Outcome, SubjectKind
from accounts.tests.audited import noted, only, told
from accounts.tests.helpers import CHROME, counted_queries, refused

pytestmark = pytest.mark.django_db
TABLE = AUDIT.table
sqlite_only = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own way of writing")
postgres_only = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has none")


# what an event says


def test_an_event_is_one_statement() -> None:
    user = make_user()
    with counted_queries(1):
        audit.note("key.made", actor=user, subject=audit.Subject(SubjectKind.KEY, 12, "First agent"))
    event = only("key.made")
    assert event.subject == "key 12 «First agent»"
    assert (event.actor, event.email, event.source) == (user, user.email, "system")


def test_only_what_is_in_the_list_is_noted() -> None:
    with pytest.raises(ValueError, match=r"key\.eaten"):
        audit.note("key.eaten")
    assert noted() == []


def test_it_tells_of_the_request(client: Client, account: ExchangeAccount) -> None:
    client.force_login(account.user)
    response = client.post(
        "/accounts/settings/profile/",
        {"display_name": "Ada"},
        HTTP_USER_AGENT=CHROME,
        REMOTE_ADDR="2001:db8:1:2:3:4:5:6",
    )
    event = only("person.renamed")
    assert (event.source, event.actor) == ("page", account.user)
    assert (event.network, event.agent) == ("2001:db8:1:2::/64", "Chrome on Linux")
    assert event.request_id == response["X-Request-ID"]


def test_a_name_that_stays_is_no_event(signed_in: Client) -> None:
    for _ in range(2):
        signed_in.post("/accounts/settings/profile/", {"display_name": "Ada"})
    assert len(noted("person.renamed")) == 1


def test_nothing_of_a_request_stays_for_the_next_one(signed_in: Client, account: ExchangeAccount) -> None:
    signed_in.get("/accounts/settings/")
    audit.note("site.bootstrapped")
    event = only("site.bootstrapped")
    assert (event.source, event.actor, event.network, event.agent) == ("system", None, "", "")


def test_a_command_acts_for_the_configured_person_and_is_named(configure: Any) -> None:
    configure(email="ops@example.com")
    call_command("create_api_key", "--label", "Night batch", verbosity=0)
    event = only("key.made")
    assert (event.source, event.email, event.agent) == (
        "command",
        "ops@example.com",
        "manage.py create_api_key",
    )
    assert told(only("person.added"))["subject"].endswith("«ops@example.com»")
    audit.note("site.bootstrapped")
    assert only("site.bootstrapped").email == "", "the command is over"


def test_a_worker_is_the_system_itself() -> None:
    with origin.of_program("manage.py sync_usage", by_itself=True):
        origin.acting_for(make_user())
        audit.note("books.restored")
    event = only("books.restored")
    assert (event.source, event.agent, event.actor) == ("system", "manage.py sync_usage", None)


def test_neither_exists_without_the_other(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(AuditEvent.objects, "create", fail)
    with pytest.raises(DatabaseError), transaction.atomic():
        profile.rename(user, "Ada")
    user.refresh_from_db()
    assert user.display_name == ""


# what is kept of it


def test_its_detail_is_canonical_and_bounded() -> None:
    assert canonical({"b": 1, "a": ["x"], "c": None}) == '{"a":["x"],"b":1,"c":null}'
    long = canonical({f"name{n}": "x" * 5000 for n in range(100)})
    assert len(long) <= LONGEST_DETAIL
    assert json.loads(long)["cut"] == 1
    deep: dict[str, Any] = {}
    deep["self"] = {"again": {"and": {"again": [1]}}}
    assert len(canonical({"deep": deep, "many": list(range(1000))})) < LONGEST_DETAIL


def test_a_name_steers_nothing_and_fits() -> None:
    name = "evil\x00\n\u202e" + "x" * 5000
    audit.note(
        "service.published",
        email="a" * 300,
        subject=audit.Subject(SubjectKind.SERVICE, "9" * 99, name),
        detail={"name\n": name},
    )
    event = only("service.published")
    nullable = {"actor", "account", "session", "api_key", "pruned_before"}
    event.clean_fields(exclude=nullable)
    for text in (event.subject, event.detail):
        assert not any(char in text for char in "\x00\n\u202e")


def test_a_detail_that_is_no_object_says_nothing() -> None:
    assert AuditEvent(detail="[1]").facts == AuditEvent(detail="{").facts == {}
    assert AuditEvent(detail='{"rules": 7}').rules == []


def test_its_line_has_no_name_and_no_address(user: User, django_capture_on_commit_callbacks: Any) -> None:
    with capture_logs() as lines, django_capture_on_commit_callbacks(execute=True):
        audit.note(
            "service.published",
            actor=user,
            outcome=Outcome.REFUSED,
            subject=audit.Subject(SubjectKind.SERVICE, 7, "secret-plan"),
            detail={"rules": ["PRICE_CEILING"]},
        )
    (line,) = lines
    assert line == {
        "event": "audit_event",
        "log_level": "info",
        "action": "service.published",
        "outcome": "refused",
        "source": "system",
        "event_id": only("service.published").pk,
        "user_id": user.pk,
        "subject": "service:7",
        "rules": ["PRICE_CEILING"],
    }


def test_what_was_rolled_back_leaves_no_line(django_capture_on_commit_callbacks: Any) -> None:
    def undone() -> None:
        with transaction.atomic():
            audit.note("site.bootstrapped")
            raise KeyError

    with (
        capture_logs() as lines,
        django_capture_on_commit_callbacks(execute=True),
        pytest.raises(KeyError),
    ):
        undone()
    assert (lines, noted()) == ([], [])


def test_a_request_id_of_another_form_fits() -> None:
    with structlog.contextvars.bound_contextvars(request_id="x\n" * 500):
        audit.note("site.bootstrapped")
    assert len(only("site.bootstrapped").request_id) <= 64


# append-only


def test_the_triggers_are_there_after_all_migrations() -> None:
    assert AUDIT.missing(connection) == []


COLUMNS = ", ".join(field.column for field in AuditEvent._meta.concrete_fields)
WAYS = {
    "update": f"UPDATE {TABLE} SET email = 'mallory@example.com'",  # noqa: S608
    "update of nothing": f"UPDATE {TABLE} SET email = email",  # noqa: S608
    "delete": f"DELETE FROM {TABLE}",  # noqa: S608
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_noted_cannot_be_changed(way: str) -> None:
    audit.note("site.bootstrapped", email="ada@example.com")
    assert REFUSED in refused(WAYS[way])
    assert only("site.bootstrapped").email == "ada@example.com"


@sqlite_only
@pytest.mark.parametrize("way", ["REPLACE INTO", "INSERT OR IGNORE INTO"])
def test_sqlite_replaces_no_event(way: str) -> None:
    audit.note("site.bootstrapped")
    assert REFUSED in refused(f"{way} {TABLE} ({COLUMNS}) SELECT {COLUMNS} FROM {TABLE}")  # noqa: S608


@postgres_only
def test_postgres_truncates_nothing() -> None:
    audit.note("site.bootstrapped")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert REFUSED in refused(f"TRUNCATE {TABLE}")


def test_the_orm_cannot_either(user: User) -> None:
    audit.note("person.joined", actor=user)
    event = only("person.joined")
    for change in (event.delete, event.save, AuditEvent.objects.all().delete):
        with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
            change()
    with pytest.raises(models.ProtectedError):
        user.delete()


def test_only_a_note_of_pruning_says_before_when() -> None:
    event = AuditEvent(at=make_account().registered_at, action="key.made", outcome="done", source="page")
    event.pruned_before = event.at
    with pytest.raises(DatabaseError, match="accounts_audit_only_pruning_prunes"), transaction.atomic():
        event.save()


def test_a_trigger_that_is_gone_is_missed_and_put_back() -> None:
    on_table = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER accounts_audit_no_delete{on_table}")
    # on PostgreSQL its function is called by nothing any more
    assert AUDIT.missing(connection)[0] == "accounts_audit_no_delete"
    AUDIT.reinstall(using="default")
    assert AUDIT.missing(connection) == []
