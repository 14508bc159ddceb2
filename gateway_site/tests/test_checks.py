from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.test import override_settings

from gateway_site import checks
from gateway_site.tests.project import KEY

LIVE = {
    "LIVE": True,
    "DEBUG": False,
    "ALLOWED_HOSTS": ["gateway.example.com"],
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
    ],
)
def test_outside_live_all_of_this_is_fine(unsafe: dict[str, object]) -> None:
    with override_settings(LIVE=False, **unsafe):
        assert found() == []


@pytest.mark.parametrize(
    "check",
    [
        checks.check_secret_key,
        checks.check_debug,
        checks.check_mail,
        checks.check_hosts,
        checks.check_exchange_url,
        checks.check_proxies,
    ],
)
def test_every_check_says_what_to_do(check: Callable[..., list[CheckMessage]]) -> None:
    everything_wrong = LIVE | {
        "SECRET_KEY": "",
        "DEBUG": True,
        "ALLOWED_HOSTS": [],
        "EMAIL_BACKEND": checks.NO_MAIL_SERVER[0],
        "TOKLIGENCE": PLAIN,
        "TRUSTED_PROXIES": (),
    }
    with override_settings(**everything_wrong):
        (message,) = check()
    assert message.hint
