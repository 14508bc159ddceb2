from __future__ import annotations

import json

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.api_keys import create_key, revoke
from accounts.factories import make_account, make_api_key
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ExchangeAccount
from catalog.tests.kept import keep_provider, keep_service
from usage.factories import make_entry
from usage.guide import Guide, guide_of
from usage.models import Chain
from usage.summary import chain_of
from usage.tests.factories import make_snapshot

pytestmark = pytest.mark.django_db
ADDRESS = "https://gateway.test/api/v1/usage"


def guide(account: ExchangeAccount, **figures: int) -> Guide:
    snapshot = make_snapshot(account=account, **figures) if figures else None
    return guide_of(account, snapshot, chain_of(account).seq, ADDRESS)


def ticked(account: ExchangeAccount, **figures: int) -> set[str]:
    return {step.name for step in guide(account, **figures).steps if step.done}


def test_all_lies_ahead_of_who_is_not_registered() -> None:
    found = guide(make_account(registered=False))
    assert [step.name for step in found.steps] == ["register", "pick", "key", "record", "delivered"]
    assert (found.done, found.next, found.percent, found.is_finished) == (0, "register", 0, False)


def test_registering_is_the_first_tick(account: ExchangeAccount) -> None:
    found = guide(account)
    assert (found.done, found.next, found.percent) == (1, "pick", 20)


def test_a_key_is_one_and_its_default_service_is_the_pick(account: ExchangeAccount) -> None:
    make_api_key(user=account.user)
    assert ticked(account) == {"register", "key"}
    create_key(account.user, KeySettings(label="Agent", default_service_id=7))
    assert ticked(account) == {"register", "pick", "key"}


def test_neither_a_key_that_was_revoked_counts_nor_anybody_elses(account: ExchangeAccount) -> None:
    make_api_key()
    revoke(make_api_key(user=account.user))
    assert ticked(account) == {"register"}


def test_a_key_that_has_expired_is_none(account: ExchangeAccount) -> None:
    key = make_api_key(user=account.user)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now(), default_service_id=1)
    assert ticked(account) == {"register"}


def test_what_the_exchange_had_counted_before_is_a_service_picked(account: ExchangeAccount) -> None:
    assert ticked(account, consumed=1) == {"register", "pick"}


def test_figures_of_zero_tick_nothing_off(account: ExchangeAccount) -> None:
    assert ticked(account, consumed=0) == {"register"}


def test_an_entry_is_recorded_before_it_is_delivered(account: ExchangeAccount) -> None:
    make_api_key(user=account.user)
    make_entry(account=account)
    assert guide(account).next == "delivered"


def test_who_sees_an_entry_delivered_is_done_with_a_key_or_without(account: ExchangeAccount) -> None:
    make_entry(account=account, state="delivered")
    found = guide(account)
    assert (found.is_finished, found.next, found.percent) == (True, "", 100)


def test_one_that_was_rejected_is_not_delivered(account: ExchangeAccount) -> None:
    make_entry(account=account, state="rejected")
    assert "delivered" not in ticked(account)


def test_a_provider_is_asked_to_publish_too(provider: ExchangeAccount) -> None:
    assert [step.name for step in guide(provider).steps][:3] == ["register", "publish", "pick"]
    make_entry(account=provider, state="delivered")
    assert guide(provider).next == "publish"


def test_publishing_ticks_itself_off_by_the_catalogue_that_is_kept(provider: ExchangeAccount) -> None:
    assert provider.provider_id is not None
    keep_service(1)
    assert "publish" not in ticked(provider)
    keep_service(2, provider=keep_provider(provider.provider_id, "Own"))
    assert "publish" in ticked(provider)


def test_publishing_ticks_itself_off_by_what_the_exchange_told(provider: ExchangeAccount) -> None:
    assert "publish" in ticked(provider, service_count=1)


def test_the_command_sends_an_entry_to_this_site(account: ExchangeAccount) -> None:
    keep_service(4, price="0.002")
    keep_service(3, price="0.001")
    command = next(step.command for step in guide(account).steps if step.name == "record")
    assert command.startswith(f"curl {ADDRESS} ")
    assert '"Authorization: Bearer $GATEWAY_KEY"' in command
    entry = json.loads(command.partition("-d '")[2].removesuffix("'"))
    assert entry == {
        "service_id": 3,
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "direction": "consume",
    }


def test_the_command_names_no_service_where_the_key_does(account: ExchangeAccount) -> None:
    create_key(account.user, KeySettings(label="Agent", default_service_id=7))
    assert "service_id" not in next(step.command for step in guide(account).steps if step.command)


def test_its_queries(account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    # keys; the service of the example
    with django_assert_num_queries(2):
        guide_of(account, None, Chain().seq, ADDRESS)
    make_entry(account=account, state="delivered")
    # whether anything was delivered; nothing more, ever after
    with django_assert_num_queries(1):
        guide_of(account, None, 1, ADDRESS)
