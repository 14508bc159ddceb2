from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings

from gateway_site import checks
from gateway_site.tests.project import KEY

OTHER = "another-key-of-before-0123456789-abcdefghijklmnop"
LIVE = {
    "LIVE": True,
    "DEBUG": False,
    "ALLOWED_HOSTS": ["gateway.example.com"],
    "CSRF_TRUSTED_ORIGINS": [],
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "TRUSTED_PROXIES": ("10.0.0.0/8",),
    "TOKLIGENCE": replace(
        settings.TOKLIGENCE, environment="live", base_url="https://exchange.example.com", sign_up="closed"
    ),
}
PLAIN = replace(settings.TOKLIGENCE, base_url="http://exchange.example.com")


def found() -> list[str]:
    """The identifiers of what the checks of this site find."""
    return [message.id or "" for message in run_checks() if (message.id or "").startswith("gateway_site.")]


def test_nothing_is_wrong_with_the_tests_settings() -> None:
    assert run_checks() == []


def test_nothing_is_wrong_with_a_live_site_that_has_all_it_needs() -> None:
    with override_settings(**LIVE):
        assert found() == []


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "SECRET_KEY is not set."),
        ("short", "SECRET_KEY is too short to be secret."),
        ("---", "SECRET_KEY is too short to be secret."),
        ("x" * 50, "SECRET_KEY is too short to be secret."),
        (KEY[:31], "SECRET_KEY is too short to be secret."),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_e001_refuses_a_secret_key_that_is_none(key: str, message: str, debug: bool) -> None:
    with override_settings(SECRET_KEY=key, DEBUG=debug):
        assert [(error.id, error.msg) for error in checks.check_secret_key()] == [
            ("gateway_site.E001", message)
        ]


def test_e001_lets_a_random_key_pass() -> None:
    with override_settings(SECRET_KEY=KEY[:32]):
        assert checks.check_secret_key() == []


@pytest.mark.parametrize(("debug", "wanted"), [(True, ["gateway_site.E002"]), (False, [])])
def test_e002_refuses_debug_in_live(debug: bool, wanted: list[str]) -> None:
    with override_settings(**LIVE | {"DEBUG": debug}):
        assert found() == wanted


@pytest.mark.parametrize("backend", checks.NO_MAIL_SERVER)
def test_e003_refuses_live_without_a_mail_server(backend: str) -> None:
    with override_settings(**LIVE | {"EMAIL_BACKEND": backend}):
        assert found() == ["gateway_site.E003"]


@pytest.mark.parametrize("hosts", [[], ["*"], ["gateway.example.com", "*"]])
def test_e004_refuses_live_without_named_hosts(hosts: list[str]) -> None:
    with override_settings(**LIVE | {"ALLOWED_HOSTS": hosts}):
        assert found() == ["gateway_site.E004"]


def test_e004_refuses_no_host_anywhere() -> None:
    with override_settings(ALLOWED_HOSTS=[]):
        assert found() == ["gateway_site.E004"]


@pytest.mark.parametrize("fallbacks", [["short"], [OTHER, "x" * 50], [""], [OTHER[:31]]])
def test_e005_refuses_a_key_of_before_that_is_no_secret(fallbacks: list[str]) -> None:
    with override_settings(SECRET_KEY_FALLBACKS=fallbacks):
        assert found() == ["gateway_site.E005"]


def test_w003_warns_of_a_key_that_was_not_exchanged() -> None:
    with override_settings(SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=[OTHER, KEY]):
        assert found() == ["gateway_site.W003"]
    with override_settings(SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=[OTHER]):
        assert found() == []
    with override_settings(SECRET_KEY="", SECRET_KEY_FALLBACKS=[OTHER]):
        assert found() == ["gateway_site.E001"]


@pytest.mark.parametrize("token", ["short", "a" * 50, "abcdefghijklmnopqrstuvw"])
def test_e006_refuses_a_token_that_can_be_guessed(token: str) -> None:
    with override_settings(METRICS_TOKEN=token):
        assert found() == ["gateway_site.E006"]


@pytest.mark.parametrize("token", ["", "abcdefghijklmnopqrstuvwx"])
def test_e006_lets_a_long_token_and_none_pass(token: str) -> None:
    with override_settings(METRICS_TOKEN=token):
        assert found() == []


@pytest.mark.parametrize(
    "origin",
    ["http://gateway.example.com", "https://*", "https://*.", "https://", "HTTP://x.example", "gateway"],
)
def test_e007_refuses_an_origin_that_anybody_can_be(origin: str) -> None:
    with override_settings(**LIVE | {"CSRF_TRUSTED_ORIGINS": ["https://gateway.example.com", origin]}):
        assert "gateway_site.E007" in found()


def test_w006_warns_of_an_origin_that_is_no_host_of_ours() -> None:
    ours = ["https://gateway.example.com", "https://gateway.example.com:8443"]
    with override_settings(**LIVE | {"CSRF_TRUSTED_ORIGINS": ours}):
        assert found() == []
    for origin in ("https://other.example.com", "https://*.example.com"):
        with override_settings(**LIVE | {"CSRF_TRUSTED_ORIGINS": [*ours, origin]}):
            assert found() == ["gateway_site.W006"]
    wild = {"ALLOWED_HOSTS": [".example.com"], "CSRF_TRUSTED_ORIGINS": ["https://*.example.com"]}
    with override_settings(**LIVE | wild):
        assert found() == []


@pytest.mark.parametrize(
    "networks",
    [
        ["0.0.0.0/0"],
        ["::/0"],
        ["10.0.0.0/8", "0.0.0.0/1", "128.0.0.0/1"],
        ["192.0.0.0/7"],
        ["2000::/3"],
        ["10.0.0.0/9", "10.128.0.0/9", "11.0.0.0/8"],
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_e008_refuses_to_believe_everybody(networks: list[str], live: bool) -> None:
    proxies = tuple(ipaddress.ip_network(network) for network in networks)
    with override_settings(**LIVE | {"TRUSTED_PROXIES": proxies, "LIVE": live}):
        assert found() == ["gateway_site.E008"]


def test_e008_lets_networks_of_ones_own_pass() -> None:
    own = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "192.0.2.7", "2001:db8::/32")
    with override_settings(**LIVE | {"TRUSTED_PROXIES": tuple(ipaddress.ip_network(one) for one in own)}):
        assert found() == []


def test_w001_warns_of_an_exchange_over_plain_http() -> None:
    with override_settings(**LIVE | {"TOKLIGENCE": PLAIN}):
        assert found() == ["gateway_site.W001"]


def test_w002_warns_of_live_without_a_named_proxy() -> None:
    with override_settings(**LIVE | {"TRUSTED_PROXIES": ()}):
        assert found() == ["gateway_site.W002"]


@pytest.mark.parametrize(
    "unsafe",
    [
        {"DEBUG": True},
        {"ALLOWED_HOSTS": ["*"]},
        {"EMAIL_BACKEND": checks.NO_MAIL_SERVER[0]},
        {"TOKLIGENCE": PLAIN},
        {"TRUSTED_PROXIES": ()},
        {"CSRF_TRUSTED_ORIGINS": ["http://localhost:3000"]},
    ],
)
def test_outside_live_all_of_this_is_fine(unsafe: dict[str, object]) -> None:
    with override_settings(LIVE=False, **unsafe):
        assert found() == []
