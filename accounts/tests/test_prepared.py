from __future__ import annotations

from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection
from django.db.models import BigIntegerField, CharField, DateTimeField, Q, Sum
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_api_key, make_exchange, make_user
from accounts.models import ApiKey, ExchangeAccount
from accounts.prepared import Prepared, Slot

pytestmark = pytest.mark.django_db
NUMBER = BigIntegerField()


def test_it_finds_what_the_query_finds_with_other_values_each_time(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    accounts = [make_account(), make_account(provider=True), make_account(registered=False)]
    query = ExchangeAccount.objects.select_related("exchange", "user")
    prepared = Prepared(lambda: query.filter(user=Slot("user", NUMBER)))
    for account in [*accounts, *accounts]:
        with django_assert_num_queries(1):
            found = prepared.first(user=account.user_id)
            assert found is not None
            assert (found.user.email, found.exchange.base_url) == (
                account.user.email,
                account.exchange.base_url,
            )
        assert found == account
        assert {field.attname: getattr(found, field.attname) for field in account._meta.concrete_fields} == {
            field.attname: getattr(query.get(pk=account.pk), field.attname)
            for field in account._meta.concrete_fields
        }
    assert prepared.first(user=0) is None


def test_values_are_written_as_their_fields_are() -> None:
    now = timezone.now()
    key = make_api_key()
    key.expires_at = now
    key.save()
    prepared = Prepared(
        lambda: ApiKey.objects.filter(
            Q(expires_at=None) | Q(expires_at__gt=Slot("now", DateTimeField())),
            label=Slot("label", CharField()),
        )
    )
    assert prepared.rows(now=now - timedelta(microseconds=1), label="Agent") == [key]
    assert prepared.rows(now=now, label="Agent") == []
    assert prepared.rows(now=now - timedelta(seconds=1), label="Agent' OR '1'='1") == []


def test_it_gives_plain_values_where_the_query_does() -> None:
    account = make_account()
    columns = Prepared(
        lambda: ExchangeAccount.objects.filter(user=Slot("user", NUMBER)).values_list("roles", "user__email")
    )
    assert columns.rows(user=account.user_id) == [(["consumer"], account.user.email)]
    sums = Prepared(
        lambda: (
            ExchangeAccount.objects.filter(user=Slot("user", NUMBER))
            .order_by("user")
            .values_list("user")
            .annotate(Sum("exchange_user_id"))
        )
    )
    other = make_account(user=account.user, exchange=make_exchange(base_url="https://other.example"))
    total = (account.exchange_user_id or 0) + (other.exchange_user_id or 0)
    assert sums.rows(user=account.user_id) == [(account.user_id, total)]


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_over_its_own_connection() -> None:
    users = [make_user() for _ in range(4)]
    accounts = {user.pk: make_account(user=user) for user in users}
    prepared = Prepared(lambda: ExchangeAccount.objects.filter(user=Slot("user", NUMBER)))
    wrong: list[object] = []

    def ask(user: int) -> None:
        try:
            for _ in range(50):
                found = prepared.first(user=user)
                if found != accounts[user]:
                    wrong.append(found)
        finally:
            connection.close()

    threads = [Thread(target=ask, args=[user.pk]) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
