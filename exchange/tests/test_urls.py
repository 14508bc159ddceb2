import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import normalise_base_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("  HTTP://LocalHost:8080/// ", "http://localhost:8080"),
        ("https://exchange.example:443/", "https://exchange.example"),
        ("http://exchange.example:80", "http://exchange.example"),
        ("http://exchange.example:443", "http://exchange.example:443"),
        ("http://exchange.example:", "http://exchange.example"),
        ("http://exchange.example./", "http://exchange.example"),
        ("https://example.org/exchange/v1/", "https://example.org/exchange/v1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://[2001:DB8::1]/", "http://[2001:db8::1]"),
        ("http://my_exchange:9", "http://my_exchange:9"),
    ],
)
def test_two_spellings_of_one_address_become_one(text: str, expected: str) -> None:
    assert normalise_base_url(text) == expected
    assert normalise_base_url(expected) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "begin with http"),
        ("localhost:8080", "begin with http"),
        ("ftp://example.org", "begin with http"),
        ("http://", "no host name"),
        ("http:///path", "no host name"),
        ("http://ada:secret@example.org", "user name or password"),
        ("http://@example.org", "user name or password"),
        ("http://example.org?x=1", "query"),
        ("http://example.org?", "query"),
        ("http://example.org/#top", "fragment"),
        ("http://exa mple.org", "blanks"),
        ("http://example.org\\@evil.org", "backslashes"),
        ("http://example.org\r\nHost: evil", "blanks"),
        ("http://example.org:0", "port 0"),
        ("http://example.org:99999", "cannot be read"),
        ("http://example.org:http", "cannot be read"),
        ("http://[::1", "cannot be read"),
        ("http://bücher.example", "xn--"),
        ("http://a..b", "host name"),
        ("http://*.example.org", "host name"),
        ("http://" + "a" * 64 + ".org", "host name"),
        ("http://example.org/a/../b", "path"),
        ("http://example.org//a", "path"),
        ("http://example.org/ä", "path"),
    ],
)
def test_it_says_what_is_wrong_with_an_address(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        normalise_base_url(text)
    assert "secret" not in str(caught.value)


@given(st.text(max_size=60).map(lambda text: "http://" + text) | st.text(max_size=30))
def test_it_raises_nothing_but_a_value_error_and_is_stable(text: str) -> None:
    try:
        normal = normalise_base_url(text)
    except ValueError:
        return
    assert normalise_base_url(normal) == normal
