"""Every form of accounts refuses a request that another site made."""

from __future__ import annotations

import re
import uuid

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.factories import make_account, make_user
from accounts.models import Session, User
from accounts.tests.helpers import LOGIN, VERIFY, code_in, is_signed_in, text_of
from accounts.tests.wire import Desk
from accounts.urls import urlpatterns

pytestmark = pytest.mark.django_db
ARGUMENTS: dict[str, list[object]] = {
    "end_session": [uuid.UUID(int=1)],
    "key": [1],
    "key_rotate": [1],
    "key_revoke": [1],
}
ADDRESSES = [reverse(f"accounts:{url.name}", args=ARGUMENTS.get(str(url.name), [])) for url in urlpatterns]


@pytest.fixture
def strict() -> Client:
    return Client(enforce_csrf_checks=True)


def token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([A-Za-z0-9]+)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_post_without_the_token_is_refused(strict: Client, address: str) -> None:
    person = make_account(user=make_user(display_name="Ada")).user
    strict.force_login(person)
    response = strict.post(address, {"email": "eve@example.com", "display_name": "Eve", "theme": "dark"})
    assert response.status_code == 403
    assert "nothing was changed" in text_of(response)
    assert mail.outbox == []
    assert User.objects.get().display_name == "Ada"
    assert Session.objects.count() == 1
    assert "tgw_theme" not in response.cookies


def test_the_forms_of_the_pages_work_without_javascript(strict: Client, desk: Desk) -> None:
    page = text_of(strict.get(LOGIN))
    page = text_of(
        strict.post(LOGIN, {"email": "ada@example.com", "csrfmiddlewaretoken": token(page)}, follow=True)
    )
    code = code_in(str(mail.outbox[0].body))
    strict.post(VERIFY, {"code": code, "csrfmiddlewaretoken": token(page)})
    assert is_signed_in(strict)


def test_htmx_sends_the_token_that_the_page_gives_it(strict: Client) -> None:
    page = text_of(strict.get(LOGIN))
    found = re.search(r"""hx-headers='\{"X-CSRFToken": "([A-Za-z0-9]+)"\}'""", page)
    assert found
    response = strict.post(
        LOGIN, {"email": "ada@example.com"}, HTTP_HX_REQUEST="true", HTTP_X_CSRFTOKEN=found[1]
    )
    assert response.status_code == 200
    assert len(mail.outbox) == 1


def test_the_token_of_another_browser_is_refused(strict: Client) -> None:
    other = token(text_of(Client(enforce_csrf_checks=True).get(LOGIN)))
    strict.get(LOGIN)
    assert settings.CSRF_COOKIE_NAME in strict.cookies
    response = strict.post(LOGIN, {"email": "ada@example.com", "csrfmiddlewaretoken": other})
    assert response.status_code == 403
    assert mail.outbox == []
