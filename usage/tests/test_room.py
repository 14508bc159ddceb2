"""A stolen key that sends the largest numbers: refused in words, and the book goes on without it."""

from __future__ import annotations

import uuid

import pytest

from accounts.api_keys import revoke
from accounts.models import ApiKey, ExchangeAccount
from accounts.tests.api import Caller, program, refusal, told
from catalog.tests.mirrored import make_provider, make_service
from catalog.tests.wire import Wire
from exchange import MAX_TOKENS
from exchange.fields import INT64_MAX
from usage import ledger, rollups
from usage.factories import make_draft
from usage.ledger import EntryInvalid
from usage.models import Chain, LedgerEntry
from usage.verification import verify
from usage.writing.room import FOR_A_KEY, FOR_ENTRIES

pytestmark = pytest.mark.django_db
HUGE = {"service_id": 1, "prompt_tokens": MAX_TOKENS, "completion_tokens": 0, "direction": "consume"}
USUAL = {**HUGE, "prompt_tokens": 1200}
MOST = FOR_A_KEY // MAX_TOKENS
"""Entries of the largest number that one key can have."""


@pytest.fixture(autouse=True)
def _asks_nobody(wire: Wire) -> None:
    wire.is_down()


@pytest.fixture
def thief(account: ExchangeAccount) -> Caller:
    return program(account.user, "record")


def flood(caller: Caller, entries: int = 50) -> list[str]:
    response = caller.post("/usage", {"entries": [HUGE] * entries})
    assert response.status_code == 200
    return [result["status"] for result in told(response)["results"]]


def test_a_key_fills_its_share_and_is_then_refused_in_words(thief: Caller) -> None:
    assert flood(thief) == ["recorded"] * MOST + ["invalid"] * (50 - MOST)
    for _again in range(3):
        assert flood(thief) == ["invalid"] * 50
        response = thief.post("/usage", HUGE)
        assert refusal(response) == (422, "invalid", "prompt_tokens")
    assert "revoke this one" in response.content.decode()
    assert LedgerEntry.objects.count() == MOST == 10


def test_in_both_directions_together(thief: Caller) -> None:
    statuses = [
        told(thief.post("/usage", {**HUGE, "direction": direction}))["results"][0]["status"]
        for direction in ("consume", "supply") * MOST
    ]
    assert statuses == ["recorded"] * MOST + ["invalid"] * MOST


def test_money_is_bounded_as_tokens_are(thief: Caller) -> None:
    make_service(provider=make_provider(), number=1, price="1000")
    entry = {**HUGE, "prompt_tokens": FOR_A_KEY // 10**9 // 2}  # a dollar each: half of the share
    statuses = [thief.post("/usage", entry).status_code for _number in range(4)]
    assert statuses == [201, 201, 422, 422]


def test_what_is_there_already_is_still_found(thief: Caller) -> None:
    entry = {**HUGE, "entry_id": str(uuid.uuid4())}
    assert thief.post("/usage", entry).status_code == 201
    flood(thief)
    assert thief.post("/usage", entry).status_code == 200


def test_the_owner_revokes_it_reverses_and_goes_on_with_another(
    thief: Caller, account: ExchangeAccount
) -> None:
    flood(thief)
    assert thief.key is not None
    revoke(thief.key)
    assert flood_is_refused(thief)
    other = program(account.user, "record")
    assert other.post("/usage", USUAL).status_code == 201
    for seq in range(1, MOST + 1):
        ledger.reverse(account, seq, reason="a stolen key", source="page")
    chain = Chain.objects.get(account=account)
    assert chain.consumed_tokens == 1200
    assert other.post("/usage", USUAL).status_code == 201
    assert verify(account, statement=None).ok


def flood_is_refused(caller: Caller) -> bool:
    return refusal(caller.post("/usage", HUGE))[:2] == (401, "not_authenticated")


def test_other_keys_and_the_person_record_beside_it(thief: Caller, account: ExchangeAccount) -> None:
    flood(thief)
    assert program(account.user, "record").post("/usage", USUAL).status_code == 201
    assert ledger.record_one(account, make_draft(), source="page").status == "recorded"
    # its own small ones as well, as long as they fit
    assert thief.post("/usage", USUAL).status_code == 201


def test_every_entry_leaves_room_for_its_reversal(account: ExchangeAccount) -> None:
    first = ledger.record_one(account, make_draft(prompt_tokens=MAX_TOKENS), source="page").entry
    assert first is not None
    Chain.objects.filter(account=account).update(gross_tokens=FOR_ENTRIES)
    with pytest.raises(EntryInvalid):
        ledger.record_one(account, make_draft(prompt_tokens=1), source="page")
    assert ledger.reverse(account, first.seq, reason="typed twice", source="page").seq == 2
    assert 2 * FOR_ENTRIES <= INT64_MAX


def test_nothing_is_looked_up_in_an_ordinary_book(
    thief: Caller, account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[int]()
    monkeypatch.setattr(rollups, "of_key", lambda account_id, key_id: asked.append(key_id) or (0, 0))
    thief.post("/usage", {"entries": [USUAL] * 20})
    assert asked == []
    Chain.objects.filter(account=account).update(gross_tokens=FOR_A_KEY)
    thief.post("/usage", {"entries": [USUAL] * 20})
    assert asked == [ApiKey.objects.get().pk]
