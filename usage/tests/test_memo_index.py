from __future__ import annotations

import random

import pytest
from django.db import connection, transaction

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from usage.factories import make_draft, make_entries, make_entry
from usage.memos import index as memo_index
from usage.memos import search as memo_search
from usage.memos.index import BLOCK_BITS
from usage.memos.search import search
from usage.memos.terms import wanted
from usage.models import LedgerEntry

pytestmark = pytest.mark.django_db
TOP = 10 << BLOCK_BITS
BLOCK = 1 << BLOCK_BITS


def found(
    account: ExchangeAccount | int, typed: str, start: int = TOP, end: int = 0, limit: int = 50
) -> list[int]:
    number = account if isinstance(account, int) else account.pk
    return search(number, wanted(typed), start, end, limit=limit, most_blocks=10**6).keys


@pytest.fixture
def keys() -> list[int]:
    """Memos of account 7 in six blocks: three entries in each, the middle one of them rare."""
    rows = []
    for block in range(6):
        first = block * BLOCK + 5
        rows += [
            (first, 7, "nightly run"),
            (first + 1, 7, f"rare{block} nightly"),
            (first + 2, 7, "nightly 夜间"),
        ]
    memo_index.add(rows)
    return [key for key, _account, _memo in rows]


def test_what_the_ledger_records_is_found(account: ExchangeAccount) -> None:
    entry = make_entry(account=account, memo="Nightly évaluation 夜间运行")
    for typed in ("nightly", "EVAL", "éval", "间运", "nightly 运行"):
        expected = [entry.pk] if typed != "EVAL" else []
        assert found(account, typed, start=entry.pk) == expected, typed


def test_nobody_finds_anothers_memo(account: ExchangeAccount) -> None:
    other = make_entry(account=make_account(), memo="secret")
    assert found(account, "secret", start=other.pk) == []
    assert found(other.account, "secret", start=other.pk) == [other.pk]


def test_an_entry_without_a_memo_is_not_indexed(account: ExchangeAccount) -> None:
    memo_index.add([(1, account.pk, ""), (2, account.pk, "…")])
    assert found(account, "a", start=TOP) == []


def test_newest_first_over_blocks(keys: list[int]) -> None:
    assert found(7, "nightly") == keys[::-1]
    assert found(7, "nightly", limit=4) == keys[:-5:-1]
    assert found(7, "rare2 nightly") == [keys[7]]
    assert found(7, "夜间") == keys[::-3]


def test_oldest_first_over_blocks(keys: list[int]) -> None:
    assert found(7, "nightly", 0, TOP) == keys
    assert found(7, "nightly", keys[4], TOP, limit=3) == keys[4:7]


def test_only_within_the_bounds(keys: list[int]) -> None:
    assert found(7, "nightly", keys[9], keys[2]) == keys[2:10][::-1]
    assert found(7, "nightly", keys[4], keys[4]) == [keys[4]]


def test_a_search_that_looked_far_enough_says_how_far(keys: list[int]) -> None:
    top = keys[-1]
    first = search(7, wanted("rare1"), top, 0, limit=50, most_blocks=3)
    assert (first.keys, first.searched_to) == ([], 3 * BLOCK)
    rest = search(7, wanted("rare1"), 3 * BLOCK - 1, 0, limit=50, most_blocks=3)
    assert (rest.keys, rest.searched_to) == ([keys[4]], None)
    up = search(7, wanted("rare4"), 0, top, limit=50, most_blocks=3)
    assert (up.keys, up.searched_to) == ([], 3 * BLOCK - 1)


def test_a_frequent_word_asks_the_newest_block_only(keys: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    look = memo_search._look
    monkeypatch.setattr(
        memo_search,
        "_look",
        lambda *given: asked.append(list(given[2])) or look(*given),  # type: ignore[func-returns-value]
    )
    found(7, "nightly", start=keys[-1], limit=3)
    assert asked == [[5]]
    asked.clear()
    found(7, "nightly", start=keys[-1], limit=4)
    assert asked == [[5], [4, 3, 2, 1]]


@pytest.mark.parametrize(
    "typed",
    [
        '"',
        "'",
        "a' | 'b",
        'night" OR "1',
        "night* AND NOT (",
        "terms:night",
        "{terms}: night",
        "NEAR(a b, 2)",
        "^night",
        "night:*",
        "!night & <->",
        "\\",
        "a\\' b",
        "$1 %s %(x)s {order}",
        "-night +run",
        "7§0§nightly",
        "ª²㎏ ﬁ",
        "\u0345\u0301",
        "-" * 100,
    ],
)
def test_no_text_is_a_query_of_the_databases_own(keys: list[int], typed: str) -> None:
    words = wanted(typed)
    if words.count:
        by_hand = [key for key in keys[::-1] if words.fits(_memo(key, keys))]
        assert found(7, typed) == by_hand


def test_it_finds_what_python_finds_whatever_is_looked_for() -> None:
    chance = random.Random(4)  # noqa: S311 - the same every time
    words = ["run", "runs", "Runner", "nacht", "夜", "夜间", "间", "运行", "eval2", "Éval", "x" * 60]
    memos = {key: " ".join(chance.choices(words, k=3)) for key in chance.sample(range(1, 4 * BLOCK), 120)}
    memo_index.add((key, 9, memo) for key, memo in memos.items())
    for _ in range(150):
        typed = " ".join(
            word[: chance.randint(1, 60)] for word in chance.choices(words, k=chance.randint(1, 3))
        )
        expected = sorted((key for key, memo in memos.items() if wanted(typed).fits(memo)), reverse=True)
        assert found(9, typed, limit=200) == expected, typed


def test_what_was_not_recorded_is_not_found(account: ExchangeAccount) -> None:
    with transaction.atomic():
        memo_index.add([(3, account.pk, "undone")])
        transaction.set_rollback(True)
    assert found(account, "undone") == []


def test_rebuilding_brings_every_memo_back(account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo_index, "REBUILD_ROWS", 4)
    make_entries(account, [make_draft(memo="night run" if n % 2 else "") for n in range(11)])
    with_memo = list(LedgerEntry.objects.exclude(memo="").order_by("-pk").values_list("pk", flat=True))
    memo_index.clear()
    top = with_memo[0]
    assert found(account, "night", start=top) == []
    assert memo_index.rebuild() == 5
    assert found(account, "night", start=top) == with_memo
    assert memo_index.rebuild() == 5
    assert found(account, "night", start=top) == with_memo


def test_the_index_and_nothing_else_is_read(keys: list[int]) -> None:
    query = memo_search._query(7, wanted("rare2 nigh"), [3, 2])
    statement = memo_search._SELECT[connection.vendor].format(order="DESC")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
        cursor.execute(explain + statement, [query, 0, TOP, 51])
        plan = "\n".join(str(row) for row in cursor.fetchall())
    if connection.vendor == "postgresql":
        assert "Bitmap Index Scan on usage_memo_terms" in plan
    else:
        assert "TEMP B-TREE" not in plan
        assert "VIRTUAL TABLE INDEX" in plan


def _memo(key: int, keys: list[int]) -> str:
    place = keys.index(key)
    return ["nightly run", f"rare{place // 3} nightly", "nightly 夜间"][place % 3]
