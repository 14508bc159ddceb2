"""API keys, registrations and rights, on page, API, command and admin, as the audit trail tells of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from redis import exceptions as redis_errors

from accounts import api_keys, registration
from accounts.api.rates import FAILURES
from accounts.auditing.throttle import MOST_OF_A_NETWORK, cache
from accounts.factories import make_account, make_api_key, make_user
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ApiKeySecret, ExchangeAccount, User
from accounts.tests.api import Caller, bearer, person, program
from accounts.tests.audited import noted, only, told
from accounts.tests.test_key_forms import typed
from accounts.tests.wire import Desk
from exchange import ExchangeRejected

pytestmark = pytest.mark.django_db
KEYS = "/accounts/keys/"


@pytest.fixture
def ada(account: ExchangeAccount) -> Caller:
    return person(account.user)


def secrets_in_the_trail() -> list[str]:
    """Whatever of a secret stands in an event: nothing beyond its prefix."""
    told = "".join(f"{event.detail}{event.subject_name}" for event in noted())
    return [one.sha256 for one in ApiKeySecret.objects.all() if one.sha256 in told]


# made


def test_a_key_made_on_the_page(signed_in: Client, user: User) -> None:
    signed_in.post(f"{KEYS}new/", typed(label="First agent", budget_unit="tokens", budget_limit="1000"))
    key, event = ApiKey.objects.get(), only("key.made")
    assert event.subject == f"key {key.pk} «First agent»"
    assert (event.source, event.actor) == ("page", user)
    assert event.facts == {
        "prefix": ApiKeySecret.objects.get().prefix,
        "scopes": ["read", "record"],
        "budget": "1000 tokens per month",
    }
    assert secrets_in_the_trail() == []


def test_a_key_made_by_the_api(ada: Caller, user: User) -> None:
    secret = ada.post("/keys", {"label": "Night batch"}).json()["secret"]
    event = only("key.made")
    assert (event.source, event.actor, event.api_key) == ("api", user, None)
    assert event.session is not None
    assert secret not in event.detail


def test_a_key_made_by_the_command(configure: Callable[..., None]) -> None:
    configure(email="ops@example.com")
    call_command("create_api_key", "--label", "Night batch", stdout=StringIO())
    assert told(only("key.made"))["email"] == "ops@example.com"


def test_a_key_that_was_not_made_is_no_event(signed_in: Client) -> None:
    signed_in.post(f"{KEYS}new/", typed(label=""))
    with pytest.raises(CommandError):
        call_command("create_api_key", "--label", "", stdout=StringIO())
    assert noted("key.made") == []


def test_the_same_form_twice_is_one_event(signed_in: Client) -> None:
    form = typed(label="First agent", form_token="0" * 32)
    for _ in range(2):
        signed_in.post(f"{KEYS}new/", form)
    assert len(noted("key.made")) == 1


# changed, rotated, revoked


@pytest.fixture
def key(user: User, account: ExchangeAccount) -> ApiKey:
    return make_api_key(user=user, label="Agent")


def test_a_change_names_the_fields(signed_in: Client, ada: Caller, key: ApiKey) -> None:
    signed_in.post(f"{KEYS}{key.pk}/", typed(label="Other"))
    ada.patch(f"/keys/{key.pk}", {"tags": ["night"]})
    by_page, by_api = noted("key.changed")
    assert (by_page.source, by_page.facts) == ("page", {"changed": ["label"]})
    assert (by_api.source, by_api.facts) == ("api", {"changed": ["tags"]})


def test_a_change_of_nothing_is_no_event(ada: Caller, key: ApiKey) -> None:
    ada.patch(f"/keys/{key.pk}", {"label": "Agent"})
    assert noted("key.changed", "key.budget_changed") == []


def test_a_change_of_the_budget_tells_both(ada: Caller, signed_in: Client, key: ApiKey) -> None:
    ada.patch(f"/keys/{key.pk}", {"budget": {"unit": "tokens", "period": "day", "limit": 500}})
    signed_in.post(f"{KEYS}{key.pk}/", typed(label="Agent"))
    given, taken = noted("key.budget_changed")
    assert given.facts["budget_after"] == "500 tokens per day"
    assert given.facts["budget_before"] is None
    assert (taken.facts["budget_before"], taken.facts["budget_after"]) == ("500 tokens per day", None)


def test_a_rotation(ada: Caller, signed_in: Client, key: ApiKey) -> None:
    ada.post(f"/keys/{key.pk}/rotate", {"overlap_seconds": 60})
    signed_in.post(f"{KEYS}{key.pk}/rotate/", {"overlap": "3600", "form_token": "0" * 32})
    by_api, by_page = noted("key.rotated")
    assert (by_api.source, by_api.facts["overlap_seconds"]) == ("api", 60)
    assert (by_page.source, by_page.facts["overlap_seconds"]) == ("page", 3600)
    assert secrets_in_the_trail() == []


def test_a_revocation_is_told_once(ada: Caller, signed_in: Client, key: ApiKey) -> None:
    ada.delete(f"/keys/{key.pk}")
    ada.delete(f"/keys/{key.pk}")
    signed_in.post(f"{KEYS}{key.pk}/revoke/")
    assert only("key.revoked").subject == f"key {key.pk} «Agent»"


def test_an_operator_revokes_somebodys_key(client: Client, key: ApiKey) -> None:
    boss = make_user(staff=True)
    client.force_login(boss)
    form = {"action": "revoke_selected", "_selected_action": str(key.pk), "confirmed": "yes"}
    client.post("/admin/accounts/apikey/", form)
    event = only("key.revoked")
    assert (event.source, event.actor) == ("admin", boss)


# keys that let nobody in


FALSE = f"tgk_{'a' * 8}_{'b' * 43}"


def test_a_false_key_is_told_once_an_hour_for_each_network() -> None:
    for address in ("192.0.2.7", "192.0.2.7", "192.0.2.8"):
        bearer(FALSE).get("/profile", REMOTE_ADDR=address)
    first, second = noted("key.refused")
    assert (first.network, second.network) == ("192.0.2.7", "192.0.2.8")
    assert (first.source, first.outcome, first.subject) == ("api", "refused", "")
    assert first.facts == {"prefix": "tgk_aaaaaaaa", "why": "unknown"}
    assert (first.actor, first.email) == (None, "")


def test_a_flood_of_false_keys_does_not_fill_the_trail() -> None:
    for number in range(FAILURES + 10):
        bearer(f"tgk_{number:08d}_{'b' * 43}").get("/profile")
    assert len(noted("key.refused")) == MOST_OF_A_NETWORK


@pytest.mark.parametrize("text", ["sk-proj-somebody-elses", "tgk_short", "", "x" * 5000])
def test_what_is_no_key_of_ours_leaves_nothing(text: str) -> None:
    bearer(text).get("/profile")
    assert noted() == []


WHYS: dict[str, Callable[[ApiKey], object]] = {
    "revoked": api_keys.revoke,
    "expired": lambda key: key.secrets.update(expires_at=timezone.now() - timedelta(1)),
    "inactive": lambda key: User.objects.update(is_active=False),
    "wrong_secret": lambda key: key.secrets.update(sha256="0" * 64),
}


@pytest.mark.parametrize("why", WHYS)
def test_why_a_key_that_is_known_was_refused(why: str, user: User) -> None:
    caller = program(user)
    assert caller.key is not None
    WHYS[why](caller.key)
    assert caller.get("/profile").status_code == 401
    event = only("key.refused")
    assert (event.facts["why"], event.subject) == (why, f"key {caller.key.pk} «Agent»")
    secret = caller.headers["Authorization"].removeprefix("Bearer ")
    assert secret not in event.detail
    assert secret[13:] not in event.detail
    # whoever has a secret of somebody's is not that person
    assert (event.actor, event.email) == (None, "")


def test_without_the_cache_a_false_key_is_refused_and_not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: object, **_kwargs: object) -> None:
        raise redis_errors.ConnectionError("refused")

    monkeypatch.setattr(cache, "add", away)
    assert bearer(FALSE).get("/profile").status_code == 401
    assert noted() == []


# the account at the Exchange


def test_registering_is_told_once(user: User, desk: Desk) -> None:
    for _ in range(2):
        account = registration.ensure_registered(user)
    event = only("account.registered")
    assert event.account == account
    assert event.subject == f"account {account.exchange_user_id}"
    assert event.facts == {"exchange": account.exchange.base_url}


def test_becoming_a_provider_on_the_page(signed_in: Client, user: User, desk: Desk) -> None:
    form = {"display_name": "Acme", "description": "Llamas."}
    signed_in.post("/accounts/settings/provider/", form)
    event = only("account.provider")
    assert (event.source, event.actor, event.subject_name) == ("page", user, "Acme")
    signed_in.post("/accounts/settings/provider/", form)
    assert len(noted("account.provider")) == 1


def test_who_is_refused_as_a_provider_reads_the_rules(signed_in: Client, desk: Desk) -> None:
    rule = {"id": "FORBIDDEN_WORD", "message": 'A name may not contain "leaked".'}
    desk.say(400, {"error": "Refused by the rules.", "rules": [rule]})
    signed_in.post("/accounts/settings/provider/", {"display_name": "Leaked", "description": "x"})
    event = only("account.provider")
    assert (event.outcome, event.rules) == ("refused", ["FORBIDDEN_WORD"])
    assert "leaked" not in event.detail, "the Exchange's words may quote what was sent"


def test_a_refusal_that_nobody_asked_for_is_no_event(user: User, desk: Desk) -> None:
    desk.say(400, {"error": "No."})
    for _ in range(3):
        with pytest.raises(ExchangeRejected):
            registration.ensure_registered(user)
    assert noted() == []


def test_a_key_acts_by_its_own_name(user: User, account: ExchangeAccount) -> None:
    """What a program does is told with its key: here, by publishing what it may not."""
    created = api_keys.create_key(user, KeySettings(label="Robot", scopes=("publish",)))
    offer = {"name": "acme", "model_family": "llama", "price_per_1k_tokens": 0.1}
    bearer(created.secret_text).post("/services", offer)
    event = only("service.published")
    assert (event.source, event.actor, event.api_key) == ("api", user, created.key)
    assert (event.outcome, event.facts["error"]) == ("failed", "NotAProvider")


def test_other_peoples_accounts_are_not_named(desk: Desk) -> None:
    account = make_account(registered=False)
    registration.ensure_registered(account.user)
    assert only("account.registered").account == account
