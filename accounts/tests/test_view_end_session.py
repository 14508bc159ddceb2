from __future__ import annotations

import uuid

import pytest
from django.test import Client

from accounts.factories import make_user
from accounts.models import Session
from accounts.tests.helpers import is_signed_in, sign_in, text_of
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db


def end_of(client: Client) -> str:
    """The address that ends this browser's session."""
    session = Session.objects.get(pk=client.session.session_key)
    return f"/accounts/settings/sessions/{session.public_id}/end/"


def test_one_of_ones_own_is_ended(client: Client, desk: Desk) -> None:
    other = Client()
    sign_in(client)
    sign_in(other, HTTP_USER_AGENT="Firefox/1")
    response = client.post(end_of(other), follow=True)
    assert "Signed out: Firefox." in text_of(response)
    assert is_signed_in(client)
    assert not is_signed_in(other)


def test_somebody_elses_is_not_found_and_goes_on(client: Client, desk: Desk) -> None:
    other = Client()
    sign_in(client, "ada@example.com")
    sign_in(other, "grace@example.com")
    assert client.post(end_of(other)).status_code == 404
    assert is_signed_in(other)
    assert Session.objects.count() == 2


def test_an_operator_does_not_end_somebody_elses_here_either(client: Client, desk: Desk) -> None:
    other = Client()
    sign_in(other)
    client.force_login(make_user(staff=True))
    assert client.post(end_of(other)).status_code == 404
    assert is_signed_in(other)


def test_one_that_is_not_there_is_not_found(signed_in: Client) -> None:
    assert signed_in.post(f"/accounts/settings/sessions/{uuid.uuid4()}/end/").status_code == 404
    assert signed_in.post("/accounts/settings/sessions/1/end/").status_code == 404


def test_ending_the_current_one_signs_out(client: Client, desk: Desk) -> None:
    sign_in(client)
    response = client.post(end_of(client))
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/")
    assert not is_signed_in(client)
    assert not Session.objects.filter(user__isnull=False).exists()


def test_nobody_ends_anything_without_signing_in(client: Client, desk: Desk) -> None:
    other = Client()
    sign_in(other)
    assert client.post(end_of(other))["Location"].startswith("/accounts/login/")
    assert is_signed_in(other)


def test_it_does_nothing_but_by_post_and_leads_to_its_page(client: Client, desk: Desk) -> None:
    sign_in(client)
    assert client.get(end_of(client))["Location"] == "/accounts/settings/"
    assert is_signed_in(client)
