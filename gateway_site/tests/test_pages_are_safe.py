"""What the browser is told with every page, and that no template needs more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

PAGES = [
    "usage:dashboard",
    "catalog:publish",
    "accounts:settings",
    "accounts:login",
]
# mails are read outside the browser's reach, and have no other way to look like something
TEMPLATES = sorted(
    path
    for path in (Path(settings.BASE_DIR) / "templates").rglob("*.html")
    if "/email/" not in path.as_posix()
)
INLINE = {
    "a style attribute": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "an event attribute": re.compile(r"""\s(on\w+|hx-on[\w:.-]*)\s*=\s*["']""", re.IGNORECASE),
    "a javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "a script without src": re.compile(r"<script\b(?![^>]*\bsrc\s*=)", re.IGNORECASE),
    "an evaluated expression": re.compile(r"""hx-(vals|headers|vars)\s*=\s*["']\s*js:""", re.IGNORECASE),
}


@pytest.mark.parametrize("view", PAGES)
def test_every_page_carries_a_strict_policy(view: str, signed_in: Client) -> None:
    client = Client() if view == "accounts:login" else signed_in
    response = client.get(reverse(view))
    assert response.status_code == 200
    policy = {
        name: set(sources)
        for name, *sources in (part.split() for part in response["Content-Security-Policy"].split(";"))
    }
    assert policy["default-src"] == {"'none'"}
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == {"'self'"}
    assert policy["frame-ancestors"] == policy["base-uri"] == {"'none'"}
    assert policy["form-action"] == {"'self'"}
    everything = set().union(*policy.values())
    assert everything <= {"'none'", "'self'", "data:"}


def test_the_other_headers_are_there(client: Client) -> None:
    response = client.get(reverse("accounts:login"))
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/no/such/page", "/admin/login/?next=/admin/"])
def test_an_error_and_a_redirect_carry_the_policy_too(path: str, client: Client) -> None:
    assert "default-src 'none'" in client.get(path)["Content-Security-Policy"]


def test_there_are_templates() -> None:
    assert len(TEMPLATES) > 20


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(settings.BASE_DIR).as_posix())
def test_a_template_has_no_inline_style_or_script(path: Path) -> None:
    text = path.read_text()
    assert [name for name, pattern in INLINE.items() if pattern.search(text)] == []


@pytest.mark.parametrize(
    ("name", "markup"),
    [
        ("a style attribute", '<p style="color: red">'),
        ("a style element", "<style>p {}</style>"),
        ("an event attribute", '<a href="#" onclick="go()">'),
        ("an event attribute", "<form hx-on::after-request='go()'>"),
        ("a javascript: address", '<a href="javascript:go()">'),
        ("a script without src", "<script>go()</script>"),
        ("a script without src", '<script type="module">go()</script>'),
        ("an evaluated expression", "<a hx-vals='js:{a: go()}'>"),
    ],
)
def test_each_of_them_would_be_found(name: str, markup: str) -> None:
    assert INLINE[name].search(markup)


@pytest.mark.parametrize(
    "markup", ['<script src="/static/js/site.js" defer></script>', '<p class="style">', '<a data-style="x">']
)
def test_what_is_no_inline_code_is_not_found(markup: str) -> None:
    assert not [name for name, pattern in INLINE.items() if pattern.search(markup)]
