from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.api_keys import key_of
from accounts.keys import services
from accounts.models import ApiKey, ApiKeySecret, ExchangeAccount, Session
from accounts.tests.helpers import counted_queries, text_of
from accounts.tests.test_key_forms import typed
from catalog.tests.mirrored import make_provider, make_service

pytestmark = pytest.mark.django_db
NEW, KEYS = "/accounts/keys/new/", "/accounts/keys/"
SECRET = re.compile(r"tgk_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}")


def make(client: Client, **changes: Any) -> HttpResponse:
    return client.post(NEW, typed(**{"form_token": uuid.uuid4().hex, **changes}))


def secrets_in(response: HttpResponse) -> set[str]:
    return set(SECRET.findall(text_of(response)))


def test_it_asks_for_a_sign_in(client: Client) -> None:
    for response in (client.get(NEW), make(client)):
        assert response["Location"].startswith("/accounts/login/")
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_another_method_is_refused(method: str, signed_in: Client) -> None:
    assert getattr(signed_in, method)(NEW).status_code == 405


def test_a_key_is_made_as_it_was_chosen(signed_in: Client, account: ExchangeAccount) -> None:
    response = make(
        signed_in,
        label=" Night batch ",
        tags="prod, eu,, prod",
        scopes=["record", "publish"],
        default_service_id="11",
        budget_unit="tokens",
        budget_limit="1,200,000",
        budget_period="day",
        soft_limit="1,000,000",
    )
    assert response.status_code == 200
    key = ApiKey.objects.get()
    assert (key.user, key.label, key.tags) == (account.user, "Night batch", ["prod", "eu"])
    assert (key.scopes, key.default_service_id, key.expires_at) == (["record", "publish"], 11, None)
    assert (key.budget_unit, key.budget_period, key.budget_limit, key.soft_limit) == (
        "tokens",
        "day",
        1_200_000,
        1_000_000,
    )


def test_the_answer_shows_the_secret_which_works(signed_in: Client) -> None:
    response = make(signed_in)
    (secret,) = secrets_in(response)
    assert key_of(secret) == ApiKey.objects.get()
    page = text_of(response)
    assert f'data-copy="{secret}"' in page
    assert f'data-copy="export GATEWAY_KEY={secret}"' in page
    assert "It is shown this once" in page


def test_the_secret_is_in_this_answer_and_nowhere_else(
    signed_in: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gateway.accounts")
    response = make(signed_in)
    (secret,) = secrets_in(response)
    random_part = secret.rpartition("_")[2]
    assert "no-store" in response["Cache-Control"]
    key = ApiKey.objects.get()
    for path in (KEYS, NEW, f"{KEYS}{key.pk}/", f"/admin/accounts/apikey/{key.pk}/change/"):
        assert random_part not in text_of(signed_in.get(path, follow=True))
    rows = [
        *ApiKey.objects.values_list(),
        *ApiKeySecret.objects.values_list(),
        *Session.objects.values_list(),
    ]
    assert len(rows) == 3
    assert random_part not in repr(rows)
    assert random_part not in repr(dict(signed_in.session))
    assert "api_key_created" in caplog.text
    assert random_part not in caplog.text
    assert random_part not in repr(response.cookies)


def test_a_form_that_is_sent_twice_makes_one_key_and_says_so(signed_in: Client) -> None:
    token = uuid.uuid4().hex
    make(signed_in, form_token=token)
    again = make(signed_in, form_token=token, label="Typed anew")
    key = ApiKey.objects.get()
    assert ApiKeySecret.objects.count() == 1
    assert again["Location"] == f"{KEYS}{key.pk}/"
    page = signed_in.get(again["Location"])
    assert "This key was made already, and its secret was shown then." in text_of(page)
    assert secrets_in(page) == set()
    assert key.label == "Night batch"


def test_two_forms_make_two_keys(signed_in: Client) -> None:
    tokens = [
        re.search(r'name="form_token" value="([0-9a-f]{32})"', text_of(signed_in.get(NEW))) for _ in "ab"
    ]
    for token in tokens:
        assert token
        make(signed_in, form_token=token[1])
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"label": ""}, "label"),
        ({"label": "two\nlines"}, "label"),
        ({"label": "a" * 101}, "label"),
        ({"tags": "a" * 41}, "tags"),
        ({"tags": ",".join(f"t{n}" for n in range(21))}, "tags"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["read", "rule"]}, "scopes"),
        ({"ends": "at", "expires_at": "2020-01-01T10:00"}, "expires_at"),
        ({"default_service_id": "x"}, "default_service_id"),
        ({"budget_unit": "usd", "budget_limit": "1.0123456789"}, "budget_limit"),
        ({"budget_unit": "usd", "budget_limit": "9999999999.5"}, "budget_limit"),
        ({"budget_unit": "tokens", "budget_limit": "0"}, "budget_limit"),
        ({"budget_unit": "tokens", "budget_limit": "10", "soft_limit": "10"}, "soft_limit"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field_and_kept(
    signed_in: Client, changes: dict[str, Any], field: str
) -> None:
    token = uuid.uuid4().hex
    response = make(signed_in, form_token=token, **{"tags": "kept", **changes})
    page = text_of(response)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]  # type: ignore[attr-defined]
    assert page.count('class="error"') == 1
    assert 'aria-invalid="true"' in page
    assert f'value="{token}"' in page
    if "tags" not in changes:
        assert 'value="kept"' in page
    for name in ("budget_limit", "soft_limit"):
        if name in changes:
            assert f'value="{changes[name]}"' in page
    assert not ApiKey.objects.exists()
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("name", ["label", "tags", "budget_limit", "expires_at", "ends", "form_token"])
def test_it_takes_anything(signed_in: Client, name: str) -> None:
    for text in ("\x00", "a" * 5000, "\N{RIGHT-TO-LEFT OVERRIDE}", "<script>"):
        changes = {"budget_unit": "usd", "budget_limit": "5", "ends": "at", "expires_at": "2126-01-01T00:00"}
        response = make(signed_in, **{**changes, name: text})
        assert response.status_code in (200, 422)
        assert "<script>" not in text_of(response)


def test_the_example_works_for_this_key(signed_in: Client) -> None:
    make_service(provider=make_provider(number=3), number=11)
    page = text_of(make(signed_in)).replace("&quot;", '"')
    assert "curl http://testserver/api/v1/usage" in page
    assert '"service_id": 11' in page
    page = text_of(make(signed_in, default_service_id="11")).replace("&quot;", '"')
    assert "curl http://testserver/api/v1/usage" in page
    assert "service_id" not in page.partition("curl ")[2]
    assert "curl http://testserver/api/v1/budget" in text_of(make(signed_in, scopes=["read"]))
    assert "curl" not in text_of(make(signed_in, scopes=["publish"]))


def test_the_example_is_taken_by_the_api(signed_in: Client) -> None:
    page = text_of(make(signed_in)).replace("&quot;", '"').replace("&#x27;", "'")
    found = re.search(r"Bearer (\S+)'.*?-d '(.+?)'", page, re.DOTALL)
    assert found
    answer = Client().post(
        "/api/v1/usage",
        found[2],
        content_type="application/json",
        headers={"Authorization": f"Bearer {found[1]}"},
    )
    assert answer.status_code == 201, answer.content


def test_services_are_a_list_where_they_are_known(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert '<input type="text" name="default_service_id"' in text_of(signed_in.get(NEW))
    make_service(provider=make_provider(number=3), number=11, name="o3")
    assert '<option value="11">o3 · Northwind (#11)</option>' in text_of(signed_in.get(NEW))
    monkeypatch.setattr(services, "_sources", [])
    assert '<input type="text" name="default_service_id"' in text_of(signed_in.get(NEW))


def test_its_queries(signed_in: Client) -> None:
    # 1 session, 2 user, 3 the account with its Exchange, 4 the services, 5 whether the books differ
    with counted_queries(5):
        signed_in.get(NEW)
    # 1 to 4 as above, 5 whether this form made a key before, 6 the person is locked, 7 the keys are counted,
    # 8 the key, 9 its secret, 10 the audit event, 11 whether the books differ
    with counted_queries(11):
        make(signed_in)
