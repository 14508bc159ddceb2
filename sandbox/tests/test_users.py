"""POST /users."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.tests.caller import Caller


def test_it_registers_a_consumer_with_a_free_quota_and_no_provider(exchange: Caller) -> None:
    answer = exchange.post("/users", {"email": "reader@users.example", "roles": ["consumer"]})

    assert answer.status_code == 201
    user = answer.json()["user"]
    assert answer.json() == {
        "user": {
            "id": user["id"],
            "email": "reader@users.example",
            "roles": ["consumer"],
            "free_tokens": {"granted": 100_000, "used": 0},
        }
    }


def test_it_gives_a_provider_its_profile(exchange: Caller) -> None:
    account = exchange.register(
        "maker@users.example", "provider", display_name="Møller", description="Fjords."
    )

    assert account["user"]["roles"] == ["provider"]
    assert account["provider"] == {
        "id": account["provider"]["id"],
        "user_id": account["user"]["id"],
        "display_name": "Møller",
        "description": "Fjords.",
    }


def test_it_answers_with_the_same_account_for_the_same_email_in_other_case(exchange: Caller) -> None:
    first = exchange.register("twice@users.example", "consumer")
    again = exchange.post("/users", {"email": "TWICE@Users.Example", "roles": ["consumer"]})

    assert again.status_code == 200
    assert again.json() == first


def test_it_adds_roles_and_takes_none_away(exchange: Caller) -> None:
    exchange.register("more@users.example", "consumer")
    richer = exchange.register("more@users.example", "provider")
    later = exchange.register("more@users.example", "consumer")

    assert richer["user"]["roles"] == ["consumer", "provider"]
    assert later == richer


def test_it_takes_a_new_name_and_keeps_the_old_one_where_none_is_sent(exchange: Caller) -> None:
    exchange.register("name@users.example", "provider", display_name="Old", description="About us")
    renamed = exchange.register("name@users.example", "provider", display_name="New", description="")

    assert renamed["provider"]["display_name"] == "New"
    assert renamed["provider"]["description"] == "About us"


def test_it_ignores_fields_that_it_does_not_know(exchange: Caller) -> None:
    assert exchange.register("extra@users.example", "consumer", colour="green")["user"]["roles"] == [
        "consumer"
    ]


def test_it_counts_consumption_against_the_free_quota_up_to_what_was_granted(exchange: Caller) -> None:
    account = exchange.register("quota@users.example")
    service = exchange.publish(account["provider"]["id"])
    used = []
    for tokens in (60_000, 60_000):
        exchange.report(account["user"]["id"], service["id"], prompt_tokens=tokens, completion_tokens=0)
        used.append(exchange.register("quota@users.example")["user"]["free_tokens"]["used"])

    assert used == [60_000, 100_000]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": None}, "email"),
        ({"email": f"{'a' * 250}@b.example"}, "email"),
        ({"roles": []}, "roles"),
        ({"roles": ["admin"]}, "roles.0"),
        ({"roles": "consumer"}, "roles"),
        ({"display_name": 7}, "display_name"),
        ({"display_name": "a\x00b"}, "display_name"),
        ({"display_name": "a\ud800b"}, "display_name"),
        ({"description": None}, "description"),
        ({"description": "d" * 4001}, "description"),
    ],
)
def test_it_refuses_a_field_that_does_not_fit_and_names_it(
    exchange: Caller, fields: dict, named: str
) -> None:
    answer = exchange.post("/users", {"email": "bad@users.example", "roles": ["consumer"], **fields})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{named}: ")


def test_sixteen_registrations_of_one_email_at_once_make_one_account(on_each_database: Caller) -> None:
    with ThreadPoolExecutor(16) as pool:
        accounts = list(pool.map(lambda _: on_each_database.register("rush@users.example"), range(16)))

    assert all(account == accounts[0] for account in accounts)
