from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ExchangeAccount, User
from catalog.tests.wire import REFUSED, Wire, wire  # noqa: F401

pytestmark = pytest.mark.django_db(
    transaction=True
)  # an open transaction would hide one of the command's own

Configure = Callable[..., None]
EMAIL = "ops@example.com"
SUMMARY = {"user_id": 7, "consumed_tokens": 1500, "supplied_tokens": 200, "net_tokens": -1300}
PROVIDER = {"id": 3, "user_id": 7, "display_name": "Ops Inference", "description": ""}
SERVICE = {
    "id": 11,
    "provider_id": 3,
    "name": "ops-llama",
    "model_family": "llama-3.1-70b",
    "price_per_1k_tokens": Decimal("0.0006"),
    "trial_tokens": 10000,
}
PUBLISHES = {
    "enable_provider": True,
    "publish_name": "ops-llama",
    "model_family": "llama-3.1-70b",
    "price_per_1k": Decimal("0.0006"),
    "trial_tokens": 10000,
}


@pytest.fixture(autouse=True)
def _configured(configure: Configure) -> None:
    configure(base_url="http://exchange.test", email=EMAIL, display_name="Ops Inference", admin_email="")


def registers(wire: Wire, *, provider: bool = False) -> None:  # noqa: F811
    document: dict[str, Any] = {"user": {"id": 7, "email": EMAIL, "roles": ["consumer"]}}
    if provider:
        document = {
            "user": {"id": 7, "email": EMAIL, "roles": ["consumer", "provider"]},
            "provider": PROVIDER,
        }
    wire.answers("POST", "/users", document)
    wire.answers("GET", "/usage/summary", {"summary": SUMMARY})
    published = SERVICE | {"price_per_1k_tokens": float(SERVICE["price_per_1k_tokens"])}
    wire.answers("POST", "/services", {"service": published}, status=201)
    wire.answers("GET", "/services", {"services": [published]})


def bootstrap(*words: str) -> str:
    out = StringIO()
    call_command("bootstrap", *words, stdout=out)
    return out.getvalue()


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bootstrap("--json"), parse_float=Decimal)
    return found


def test_it_registers_the_configured_account(wire: Wire) -> None:  # noqa: F811
    registers(wire)
    found = document()
    assert set(found) == {"user", "provider", "service", "summary"}
    assert (found["user"]["id"], found["user"]["email"], found["user"]["roles"]) == (7, EMAIL, ["consumer"])
    assert (found["provider"], found["service"]) == (None, None)
    assert [body["roles"] for body in wire.sent("/users")] == [["consumer"]]
    assert wire.sent("/services") == []
    account = ExchangeAccount.objects.get()
    assert (account.user.email, account.exchange_user_id) == (EMAIL, 7)


def test_the_summary_is_our_book_with_the_exchanges_beside_it(wire: Wire) -> None:  # noqa: F811
    registers(wire)
    summary = document()["summary"]
    names = ("consumed_tokens", "supplied_tokens", "net_tokens")
    assert [summary[name] for name in names] == [0, 0, 0]
    assert [summary["exchange"][name] for name in names] == [1500, 200, -1300]
    assert (summary["entry_count"], summary["head_hash"]) == (0, None)


def test_twice_gives_the_same(wire: Wire, configure: Configure) -> None:  # noqa: F811
    configure(**PUBLISHES, admin_email=EMAIL)
    registers(wire, provider=True)
    first, second = document(), document()
    assert first == second
    assert first["user"]["id"] == 7
    assert (User.objects.count(), ExchangeAccount.objects.count()) == (1, 1)
    users, services = wire.sent("/users"), wire.sent("/services")
    assert users[0] == users[1]
    assert services[0] == services[1]


def test_in_provider_mode_it_publishes(wire: Wire, configure: Configure) -> None:  # noqa: F811
    configure(**PUBLISHES)
    registers(wire, provider=True)
    found = document()
    assert found["service"] == SERVICE
    assert found["provider"]["id"] == 3
    assert wire.sent("/users") == [
        {"email": EMAIL, "roles": ["consumer", "provider"], "display_name": "Ops Inference"}
    ]
    (sent,) = wire.sent("/services")
    assert sent == {name: value for name, value in SERVICE.items() if name != "id"}


def test_provider_mode_without_a_name_publishes_nothing(
    wire: Wire,  # noqa: F811
    configure: Configure,
) -> None:
    configure(enable_provider=True)
    registers(wire, provider=True)
    found = document()
    assert (found["provider"]["id"], found["service"]) == (3, None)
    assert wire.sent("/services") == []


def test_a_name_without_provider_mode_publishes_nothing(
    wire: Wire,  # noqa: F811
    configure: Configure,
) -> None:
    configure(**PUBLISHES | {"enable_provider": False})
    registers(wire)
    assert document()["service"] is None
    assert wire.sent("/services") == []


def test_without_a_model_family_it_refuses_before_anything_is_sent(
    wire: Wire,  # noqa: F811
    configure: Configure,
) -> None:
    configure(**PUBLISHES | {"model_family": ""}, admin_email=EMAIL)
    with pytest.raises(CommandError, match="model_family is not set"):
        bootstrap()
    assert len(wire.calls) == 0
    assert not User.objects.exists()


def test_without_an_email_it_says_so(wire: Wire, configure: Configure) -> None:  # noqa: F811
    configure(email="")
    with pytest.raises(CommandError, match="email is not set"):
        bootstrap()
    assert len(wire.calls) == 0


def test_admin_email_becomes_the_operator(wire: Wire, configure: Configure) -> None:  # noqa: F811
    configure(admin_email="boss@example.com")
    registers(wire)
    bootstrap()
    boss, other = User.objects.get(email="boss@example.com"), User.objects.get(email=EMAIL)
    assert (boss.is_staff, boss.is_superuser) == (True, True)
    assert (other.is_staff, other.is_superuser) == (False, False)


def test_a_known_person_becomes_the_operator_and_stays_the_same(
    wire: Wire,  # noqa: F811
    configure: Configure,
) -> None:
    known = User.objects.create_user(EMAIL, display_name="Known")
    configure(admin_email=EMAIL)
    registers(wire)
    bootstrap()
    known.refresh_from_db()
    assert (known.is_staff, known.is_superuser, known.display_name) == (True, True, "Known")


def test_an_operator_who_was_made_inactive_is_let_in_again(
    wire: Wire,  # noqa: F811
    configure: Configure,
) -> None:
    known = User.objects.create_user(EMAIL, is_active=False, is_staff=True, is_superuser=True)
    configure(admin_email=EMAIL)
    registers(wire)
    bootstrap()
    known.refresh_from_db()
    assert known.is_active


def test_the_operator_is_made_even_while_the_exchange_is_down(
    wire: Wire,  # noqa: F811
    configure: Configure,
) -> None:
    configure(admin_email=EMAIL)
    wire.is_down()
    with pytest.raises(CommandError):
        bootstrap()
    assert User.objects.get(email=EMAIL).is_superuser


def test_it_says_where_to_find_an_exchange_when_there_is_none(wire: Wire) -> None:  # noqa: F811
    wire.is_down()
    with pytest.raises(CommandError) as caught:
        bootstrap("--json")
    assert "runexchange" in str(caught.value)
    assert "base_url" in str(caught.value)
    assert caught.value.returncode == 1


def test_a_refusal_names_its_rules_and_keeps_what_was_done(
    wire: Wire,  # noqa: F811
    configure: Configure,
) -> None:
    configure(**PUBLISHES)
    registers(wire, provider=True)
    wire.replace("POST", "http://exchange.test/services", json=REFUSED, status=400)
    with pytest.raises(CommandError) as caught:
        bootstrap()
    assert "PRICE_CEILING" in str(caught.value)
    assert "FORBIDDEN_WORD" in str(caught.value)
    assert ExchangeAccount.objects.get().is_provider


def test_a_person_reads_what_was_done(wire: Wire, configure: Configure) -> None:  # noqa: F811
    configure(**PUBLISHES, admin_email=EMAIL)
    registers(wire, provider=True)
    assert bootstrap().splitlines() == [
        "Exchange   http://exchange.test",
        "Account    ops@example.com (user 7; consumer, provider)",
        "Provider   Ops Inference (provider 3)",
        "Published  ops-llama (service 11)",
        "Operator   ops@example.com",
        "Consumed   0 tokens; the Exchange counts 1,500",
        "Supplied   0 tokens; the Exchange counts 200",
    ]


def test_the_exchange_is_never_asked_within_a_transaction(
    wire: Wire,  # noqa: F811
    configure: Configure,
) -> None:
    configure(**PUBLISHES, admin_email=EMAIL)
    registers(wire, provider=True)
    bootstrap()
    assert len(wire.transactions) >= 3
    assert not any(wire.transactions)
