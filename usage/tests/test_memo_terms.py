from __future__ import annotations

import pytest

from usage.memos.terms import LONGEST_TERM, terms_of, wanted


@pytest.mark.parametrize(
    ("memo", "terms"),
    [
        ("", set()),
        ("— !?", set()),
        ("Nightly run #42", {"nightly", "run", "42"}),
        ("foo_bar-baz", {"foo", "bar", "baz"}),
        ("STRASSE Straße", {"strasse"}),
        ("ＧＰＴ４", {"gpt4"}),
        ("夜间", {"夜", "间", "夜间"}),
        ("gpt4夜间运", {"gpt4", "夜", "间", "运", "夜间", "间运"}),
        ("x" * 500, {"x" * LONGEST_TERM}),
        ("<b>bold</b>", {"b", "bold"}),
    ],
)
def test_a_memo_is_found_by(memo: str, terms: set[str]) -> None:
    assert terms_of(memo) == terms


@pytest.mark.parametrize(
    ("typed", "memo", "fits"),
    [
        ("nightly", "the NIGHTLY run", True),
        ("nigh", "the nightly run", True),
        ("nigh run", "the nightly run", False),
        ("run nigh", "the nightly run", True),
        ("run day", "the nightly run", False),
        ("ightly", "the nightly run", False),
        ("间运", "夜间运行", True),
        ("夜", "夜间运行", True),
        ("夜间运行", "夜间运行", True),
        ("运夜", "夜间运行", False),
        ("gpt 夜间", "用gpt4夜间", False),
        ("夜间 gpt", "用gpt4夜间", True),
        ('"run" OR night* NEAR(', "nothing of it", False),
        ("a" * 400, "a" * 300, True),
    ],
)
def test_what_is_typed_finds(typed: str, memo: str, *, fits: bool) -> None:
    assert wanted(typed).fits(memo) is fits


@pytest.mark.parametrize("typed", ["", " ", "!?", "🙂", "''", '"', "*", "---"])
def test_what_has_no_word_looks_for_nothing(typed: str) -> None:
    assert wanted(typed).count == 0
