from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.helpers import text_of

pytestmark = pytest.mark.django_db
PROFILE = "/accounts/settings/profile/"


@pytest.mark.parametrize(("typed", "kept"), [("Ada Lovelace", "Ada Lovelace"), ("  艾达 ", "艾达"), ("", "")])
def test_the_display_name_is_kept(signed_in: Client, user: User, typed: str, kept: str) -> None:
    response = signed_in.post(PROFILE, {"display_name": typed}, follow=True)
    assert response.redirect_chain == [("/accounts/settings/", 302)]
    assert "Your display name is saved." in text_of(response)
    user.refresh_from_db()
    assert user.display_name == kept


@pytest.mark.parametrize("typed", ["x" * 121, "a\x00b"])
def test_a_name_that_cannot_be_kept_stays_in_the_form(signed_in: Client, user: User, typed: str) -> None:
    response = signed_in.post(PROFILE, {"display_name": typed})
    assert response.status_code == 422
    assert typed in text_of(response)
    assert response.context["profile_form"].errors["display_name"]
    user.refresh_from_db()
    assert user.display_name == ""


def test_the_address_and_the_rights_cannot_be_changed_here(signed_in: Client, user: User) -> None:
    signed_in.post(
        PROFILE, {"display_name": "Ada", "email": "eve@example.com", "is_staff": "on", "is_superuser": "1"}
    )
    user.refresh_from_db()
    assert (user.email, user.is_staff, user.is_superuser) == ("ada@example.com", False, False)


def test_it_does_nothing_but_by_post_and_leads_to_its_page(signed_in: Client) -> None:
    assert signed_in.get(PROFILE)["Location"] == "/accounts/settings/"


def test_nobody_changes_anything_without_signing_in(client: Client, user: User) -> None:
    response = client.post(PROFILE, {"display_name": "Eve"})
    assert response["Location"].startswith("/accounts/login/")
    user.refresh_from_db()
    assert user.display_name == ""
