from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, connection, transaction

from accounts.factories import make_user
from accounts.models import User
from accounts.models.user import normalise_email

pytestmark = pytest.mark.django_db


def test_an_address_is_kept_in_lower_case_without_blanks() -> None:
    assert User.objects.create_user(" Ada@Example.COM ").email == "ada@example.com"
    assert normalise_email("GRÜSSE@example.com") == "grüsse@example.com"


def test_the_database_refuses_an_address_in_mixed_case() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="Ada@example.com")
    person = make_user(email="ada@example.com")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=person.pk).update(email="ADA@example.com")


def test_the_database_refuses_a_second_person_with_the_address() -> None:
    make_user(email="ada@example.com")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="ada@example.com")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("ADA@example.com")


def test_there_is_no_column_for_a_password() -> None:
    with connection.cursor() as cursor:
        columns = [
            column.name for column in connection.introspection.get_table_description(cursor, "accounts_user")
        ]
    assert "email" in columns
    assert not [name for name in columns if "password" in name]


def test_nobody_signs_in_with_a_password() -> None:
    person = make_user()
    assert not person.has_usable_password()
    assert authenticate(username=person.email, email=person.email, password="") is None


def test_a_new_epoch_outdates_what_sessions_must_match() -> None:
    person = make_user()
    before = person.get_session_auth_hash()
    person.session_epoch += 1
    assert person.get_session_auth_hash() != before


def test_two_people_never_share_what_their_sessions_must_match() -> None:
    assert make_user().get_session_auth_hash() != make_user().get_session_auth_hash()


def test_a_person_is_found_by_the_address_however_it_is_written() -> None:
    person = make_user(email="ada@example.com")
    assert User.objects.get_by_natural_key(" ADA@example.com") == person
