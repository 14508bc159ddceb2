from __future__ import annotations

import smtplib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.utils import translation

from accounts.api_keys import create_key
from accounts.keys.budgets import Budget
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ExchangeAccount, User
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.tests.helpers import counted_queries
from catalog.tests.mirrored import make_provider, make_service
from usage.budgets import mailing
from usage.budgets.mailing import MOST_ATTEMPTS, is_anything_due, pause_after, send_due
from usage.factories import make_entry
from usage.models import BudgetNotice
from usage.tests.test_delivery_at_once import at_once

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def make_key(account: ExchangeAccount, *, label: str = "Night batch", **budget: Any) -> ApiKey:
    told = {"unit": BudgetUnit.TOKENS, "period": BudgetPeriod.MONTH, "limit": 10_000, "soft_limit": 1500}
    return create_key(account.user, KeySettings(label=label, budget=Budget(**{**told, **budget}))).key


def spend(account: ExchangeAccount, key: ApiKey, tokens: int) -> None:
    make_entry(
        account=account,
        source="api",
        api_key=key,
        service_id=11,
        prompt_tokens=tokens - 1,
        completion_tokens=1,
    )


@pytest.fixture
def notice(account: ExchangeAccount) -> BudgetNotice:
    """The soft limit was reached, and nobody knows it yet."""
    spend(account, make_key(account), 1500)
    return BudgetNotice.objects.get()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A mail server that fails with ``error`` while there is one; ``asked`` how often."""
    state: dict[str, Any] = {"error": None, "asked": 0}
    send = EmailMultiAlternatives.send

    def try_to(message: EmailMultiAlternatives, *args: Any, **more: Any) -> int:
        state["asked"] += 1
        if state["error"]:
            raise state["error"]
        return send(message, *args, **more)

    monkeypatch.setattr(EmailMultiAlternatives, "send", try_to)
    return state


def test_the_soft_limit_is_mailed_to_the_keys_person(account: ExchangeAccount, notice: BudgetNotice) -> None:
    assert send_due(NOW) == 1
    (message,) = mail.outbox
    assert message.to == [account.user.email]
    assert message.subject == "Soft limit reached: API key Night batch"
    html = str(message.alternatives[0].content)  # type: ignore[attr-defined]
    for text in (str(message.body), html):
        for words in (
            "The API key Night batch has reached its soft limit of 1,500 tokens.",
            "1,500 of 10,000 tokens",
            "of this month (UTC)",
            "It starts anew on ",
            "00:00 UTC",
            "Nothing was stopped",
        ):
            assert words in text, words
        assert "http" not in text.replace("http-equiv", ""), "the site does not know its own address"
    notice.refresh_from_db()
    assert (notice.sent_at, notice.leased_until, notice.attempts) == (NOW, None, 1)


def test_the_whole_budget_is_mailed_in_dollars(account: ExchangeAccount) -> None:
    make_service(provider=make_provider(number=3), number=11, price="1")
    key = make_key(
        account, unit=BudgetUnit.USD, period=BudgetPeriod.TOTAL, limit=2_500_000_000, soft_limit=None
    )
    spend(account, key, 3000)
    send_due(NOW)
    (message,) = mail.outbox
    assert message.subject == "Budget reached: API key Night batch"
    for words in (
        "its whole budget of $2.50.",
        "$3.00 of $2.50",
        "in total",
        "does not start anew by itself",
    ):
        assert words in message.body, words


@pytest.mark.parametrize(
    ("period", "starts_anew"),
    [("day", "29 Nov 2026"), ("week", "30 Nov 2026"), ("month", "1 Dec 2026")],
)
def test_it_says_when_the_period_starts_anew(notice: BudgetNotice, period: str, starts_anew: str) -> None:
    begins = {"day": 28, "week": 23, "month": 1}[period]
    BudgetNotice.objects.update(period=period, starts_on=datetime(2026, 11, begins, tzinfo=UTC).date())
    send_due(NOW)
    assert f"It starts anew on {starts_anew}, 00:00 UTC." in mail.outbox[0].body


def test_it_is_written_in_the_persons_language_whatever_the_worker_speaks(notice: BudgetNotice) -> None:
    period = {"period": "day", "starts_on": datetime(2026, 11, 28, tzinfo=UTC).date()}
    BudgetNotice.objects.update(**period)
    User.objects.update(language="zh-hans")
    assert send_due(NOW) == 1
    (message,) = mail.outbox
    assert "Night batch" in message.subject
    assert "已达软限额" in message.subject
    html = str(message.alternatives[0].content)  # type: ignore[attr-defined]
    assert '<html lang="zh-hans"' in html
    for text in (str(message.body), html):
        assert "1,500" in text
        assert "2026年11月29日" in text
        assert "Nothing was stopped" not in text
    assert translation.get_language() == "en", "the worker goes on in its own"


def test_who_left_it_to_the_browser_is_mailed_in_the_sites_language(notice: BudgetNotice) -> None:
    with translation.override("zh-hans"):
        send_due(NOW)
    assert mail.outbox[0].subject == "Soft limit reached: API key Night batch"


def test_a_label_is_plain_in_the_text_and_escaped_in_the_page(account: ExchangeAccount) -> None:
    spend(account, make_key(account, label="R&D <b>'s"), 1500)
    send_due(NOW)
    (message,) = mail.outbox
    assert "R&D <b>'s" in message.subject
    assert "R&D <b>'s" in message.body
    assert "R&amp;D &lt;b&gt;" in str(message.alternatives[0].content)  # type: ignore[attr-defined]


def test_each_is_mailed_once(notice: BudgetNotice) -> None:
    assert send_due(NOW) == 1
    assert not is_anything_due(NOW)
    for later in (0, 10, 10_000):
        assert send_due(NOW + later * MINUTE) == 0
    assert len(mail.outbox) == 1


def test_of_both_limits_at_once_the_greater_is_told(account: ExchangeAccount) -> None:
    spend(account, make_key(account), 20_000)
    send_due(NOW)
    assert [message.subject for message in mail.outbox] == ["Budget reached: API key Night batch"]


@pytest.mark.parametrize(
    "error", [smtplib.SMTPServerDisconnected("x"), ConnectionRefusedError(), TimeoutError("it hangs")]
)
def test_what_failed_is_tried_again_after_a_pause(
    notice: BudgetNotice, server: dict[str, Any], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    server["error"] = error
    assert send_due(NOW) == 0
    assert "budget_mail_failed" in caplog.text
    notice.refresh_from_db()
    assert (notice.sent_at, notice.attempts) == (None, 1)
    assert send_due(NOW + 4 * MINUTE) == 0
    assert server["asked"] == 1, "in its pause it is left alone"
    server["error"] = None
    assert send_due(NOW + 5 * MINUTE) == 1
    assert len(mail.outbox) == 1


def test_a_fault_of_ours_is_not_taken_for_the_servers(notice: BudgetNotice, server: dict[str, Any]) -> None:
    server["error"] = KeyError("a fault of ours")
    with pytest.raises(KeyError):
        send_due(NOW)
    assert not is_anything_due(NOW + 4 * MINUTE)


def test_pauses_grow_and_attempts_end(notice: BudgetNotice, server: dict[str, Any]) -> None:
    pauses = [pause_after(number) for number in range(1, MOST_ATTEMPTS + 1)]
    assert pauses[0] == 5 * MINUTE
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(hours=12)
    assert timedelta(days=5) < sum(pauses, timedelta()) < timedelta(days=14)
    server["error"] = OSError()
    now = NOW
    while is_anything_due(now):
        assert server["asked"] < MOST_ATTEMPTS
        send_due(now)
        now += timedelta(hours=12)
    assert server["asked"] == MOST_ATTEMPTS
    assert mail.outbox == []


def test_one_that_cannot_be_sent_does_not_keep_the_next(
    account: ExchangeAccount, notice: BudgetNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend(account, make_key(account, label="The next"), 1500)
    send = EmailMultiAlternatives.send

    def refuse_the_first(message: EmailMultiAlternatives, *args: Any, **more: Any) -> int:
        if "Night batch" in message.subject:
            raise smtplib.SMTPRecipientsRefused({})
        return send(message, *args, **more)

    monkeypatch.setattr(EmailMultiAlternatives, "send", refuse_the_first)
    assert send_due(NOW) == 1
    assert "The next" in mail.outbox[0].subject


def test_another_worker_leaves_alone_what_is_being_sent(
    notice: BudgetNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = EmailMultiAlternatives.send
    others: list[int] = []

    def meanwhile(message: EmailMultiAlternatives, *args: Any, **more: Any) -> int:
        others.append(send_due(NOW + MINUTE))
        return send(message, *args, **more)

    monkeypatch.setattr(EmailMultiAlternatives, "send", meanwhile)
    assert send_due(NOW) == 1
    assert others == [0]
    assert len(mail.outbox) == 1


def test_one_whom_a_worker_took_with_it_as_it_died_is_sent_after_its_lease(
    notice: BudgetNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(mailing, "_send", lambda _notice, _now: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            send_due(NOW)
    assert send_due(NOW + 4 * MINUTE) == 0
    assert send_due(NOW + 5 * MINUTE) == 1


def test_who_read_it_before_it_was_taken_cannot_take_it(
    notice: BudgetNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mailing._take(notice, NOW)
    assert not mailing._take(notice, NOW)
    # nor once its lease is over: whoever has it now counted an attempt
    assert not mailing._take(notice, NOW + 60 * MINUTE)


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_instant_send_each_once(account: ExchangeAccount) -> None:
    for number in range(5):
        spend(account, make_key(account, label=f"Agent {number}"), 1500)
    at_once(*[lambda: send_due(NOW)] * 4)
    subjects = [message.subject for message in mail.outbox]
    assert sorted(subjects) == [f"Soft limit reached: API key Agent {number}" for number in range(5)]
    assert BudgetNotice.objects.filter(sent_at=NOW, attempts=1).count() == 5


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_server_is_spoken_to(
    notice: BudgetNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connection

    seen: list[bool] = []
    monkeypatch.setattr(
        EmailMultiAlternatives, "send", lambda *_a, **_k: seen.append(connection.in_atomic_block)
    )
    send_due(NOW)
    assert seen == [False]


def test_looking_takes_one_query(account: ExchangeAccount) -> None:
    with counted_queries(1):
        assert not is_anything_due(NOW)
    spend(account, make_key(account), 1500)
    # what is due with key and person, the lease, that it was sent
    with counted_queries(3):
        send_due(NOW)
