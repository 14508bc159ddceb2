from __future__ import annotations

import pytest

from accounts.web import local_path


@pytest.mark.parametrize("url", ["/", "/catalog/services/?family=llama&page=2", "/usage/#top", "/目录/"])
def test_a_path_of_this_site_is_one_to_go_to(url: str) -> None:
    assert local_path(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://evil.example/",
        "http://testserver/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example/",
        "/\n/evil.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        " /settings",
        "\x00/settings",
        "settings",
        "accounts:settings",
        "//[",
        "/" + "x" * 2000,
    ],
)
def test_anything_else_is_not(url: str) -> None:
    assert local_path(url) == ""
