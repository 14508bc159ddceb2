from __future__ import annotations

import pytest
import requests
from django.core.management import CommandError

from accounts.models import ExchangeAccount
from catalog.tests.commands import document_of, text_of
from catalog.tests.wire import REFUSED, Wire
from usage.tests.factories import ENTRY_ID, receipt

pytestmark = pytest.mark.django_db
WORDS = ("--service-id", "11", "--prompt-tokens", "1200", "--completion-tokens", "300")
NUMBERED = (*WORDS, "--entry-id", str(ENTRY_ID))


def test_its_document_says_what_became_of_it(wire: Wire, acting: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", receipt(acting), status=201)
    assert document_of("record_usage", *NUMBERED, "--memo", "night run") == {
        "entry_id": str(ENTRY_ID),
        "seq": None,
        "hash": None,
        "delivery": "delivered",
    }
    assert wire.sent("/usage") == [
        {
            "user_id": acting.exchange_user_id,
            "service_id": 11,
            "prompt_tokens": 1200,
            "completion_tokens": 300,
            "direction": "consume",
            "memo": "night run",
        }
    ]


def test_its_text_says_the_same(wire: Wire, acting: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", b"")
    assert text_of("record_usage", *NUMBERED, "--direction", "supply") == (
        f"Recorded 1,500 tokens supplied at service 11; entry {ENTRY_ID}.\n"
    )
    assert wire.sent("/usage")[0]["direction"] == "supply"


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--service-id", "0"),
        ("--service-id", str(10**30)),
        ("--service-id", "x"),
        ("--prompt-tokens", "-5"),
        ("--prompt-tokens", str(2**53)),
        ("--prompt-tokens", "9" * 9999),
        ("--prompt-tokens", "1e3"),
        ("--completion-tokens", str(10**30)),
        ("--completion-tokens", "1.5"),
        ("--direction", "buy"),
        ("--entry-id", "not-a-uuid"),
    ],
)
def test_nonsense_names_the_option_and_is_not_sent(
    wire: Wire, acting: ExchangeAccount, option: str, text: str
) -> None:
    with pytest.raises(CommandError, match=option):
        text_of("record_usage", *WORDS, option, text)
    assert len(wire.calls) == 0


def test_a_memo_that_no_exchange_could_keep_is_wrong_usage(wire: Wire, acting: ExchangeAccount) -> None:
    with pytest.raises(CommandError, match="memo") as failed:
        text_of("record_usage", *WORDS, "--memo", "half a character \udcff")
    assert failed.value.returncode == 2
    assert len(wire.calls) == 0


def test_a_refusal_names_every_rule(wire: Wire, acting: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", REFUSED, status=400)
    with pytest.raises(CommandError, match=r"(?s)PRICE_CEILING.*FORBIDDEN_WORD") as failed:
        text_of("record_usage", *WORDS)
    assert failed.value.returncode == 1


def test_a_lost_answer_is_said_as_such_with_the_number_that_was_sent(
    wire: Wire, acting: ExchangeAccount
) -> None:
    wire.answers("POST", "/usage", requests.ConnectionError("reset"))
    with pytest.raises(CommandError, match="It is not known whether") as failed:
        text_of("record_usage", *WORDS)
    sent = wire.calls[0].request.headers["Idempotency-Key"]
    assert f"--entry-id {sent}" in str(failed.value)
    assert failed.value.returncode == 1
    assert len(wire.calls) == 1
