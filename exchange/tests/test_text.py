from hypothesis import given
from hypothesis import strategies as st

from exchange.text import clean_text, header_token, without_emails


def test_a_log_line_cannot_be_forged() -> None:
    assert clean_text("no\r\n[gateway/http] http_response status=200\x1b[2J\u202e") == (
        "no [gateway/http] http_response status=200 [2J"
    )


def test_long_text_is_cut() -> None:
    assert clean_text("a" * 10**6, limit=5) == "aaaa…"


@given(st.text(st.characters()))
def test_what_is_left_is_one_printable_line_within_the_limit(text: str) -> None:
    cleaned = clean_text(text, limit=20)
    assert len(cleaned) <= 20
    assert cleaned.isprintable() or "\u3000" in cleaned
    cleaned.encode()


def test_emails_are_masked() -> None:
    assert without_emails("the email <ada@example.com> is taken") == "the email <[email]> is taken"


def test_a_header_token_has_no_blanks_and_a_limit() -> None:
    assert header_token('W/"a-1"', 10) == 'W/"a-1"'
    for bad in ("a b", "a\nb", "", "ä", "a" * 11, None, 5):
        assert header_token(bad, 10) is None
