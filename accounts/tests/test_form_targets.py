"""Nobody is led to an address that only takes a form, whether by the theme, by signing in or by reloading."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.urls import URLPattern, reverse
from django.urls.converters import IntConverter

from accounts import urls
from accounts.models import ApiKey, User
from accounts.tests.helpers import sign_in
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
NUMBER = 1


@pytest.fixture(autouse=True)
def _a_key(user: User) -> None:
    """There is one behind the addresses with a number: what is nobody's is no page."""
    ApiKey.objects.create(pk=NUMBER, user=user, label="Agent")


def address(pattern: URLPattern) -> str:
    kwargs = {
        name: NUMBER if isinstance(converter, IntConverter) else uuid.UUID(int=1)
        for name, converter in pattern.pattern.converters.items()
    }
    return reverse(f"accounts:{pattern.name}", kwargs=kwargs)


ADDRESSES = [address(pattern) for pattern in urls.urlpatterns]


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_address_can_be_opened_by_who_is_signed_in(path: str, signed_in: Client) -> None:
    assert signed_in.get(path, follow=True).status_code == 200


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_address_can_be_opened_by_who_is_not(path: str, client: Client) -> None:
    assert client.get(path, follow=True).status_code == 200


@pytest.mark.parametrize("path", ADDRESSES)
def test_another_look_leads_back_to_a_page_that_opens(path: str, signed_in: Client) -> None:
    referrer = f"http://testserver{path}"
    response = signed_in.post("/accounts/theme/", {"theme": "dark"}, HTTP_REFERER=referrer, follow=True)
    assert response.status_code == 200


@pytest.mark.parametrize("path", ADDRESSES)
def test_signing_in_leads_to_a_page_that_opens(path: str, client: Client, desk: Desk) -> None:
    response = sign_in(client, wanted=path)
    assert client.get(response["Location"], follow=True).status_code == 200


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_another_method_is_refused(method: str, signed_in: Client) -> None:
    assert getattr(signed_in, method)("/accounts/settings/profile/").status_code == 405
