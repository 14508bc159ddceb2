from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from accounts.context import account_of_request
from accounts.factories import make_user
from accounts.models import ExchangeAccount

pytestmark = pytest.mark.django_db


def test_who_is_signed_in_has_an_account_and_an_exchange(
    account: ExchangeAccount, configure: Callable[..., None]
) -> None:
    configure(environment="dev")
    request = RequestFactory().get("/")
    request.user = account.user
    context = account_of_request(request)
    assert context["account"] == account
    assert context["exchange_status"].state == "unknown"
    assert (context["theme"], context["environment"]) == ("system", "dev")


def test_a_person_without_an_account_gets_one_that_waits() -> None:
    request = RequestFactory().get("/")
    request.user = make_user()
    assert not account_of_request(request)["account"].is_registered


@pytest.mark.parametrize("has_user", [True, False])
def test_who_is_not_signed_in_has_neither(has_user: bool) -> None:
    request = RequestFactory().get("/")
    if has_user:
        request.user = AnonymousUser()
    context = account_of_request(request)
    assert (context["account"], context["exchange_status"]) == (None, None)
    assert not ExchangeAccount.objects.exists()
