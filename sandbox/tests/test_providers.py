"""GET /providers."""

from sandbox.tests.caller import Caller


def test_it_lists_providers_and_no_mere_consumer(exchange: Caller) -> None:
    maker = exchange.register("maker@providers.example", "provider", display_name="Maker")
    reader = exchange.register("reader@providers.example", "consumer")

    listed = exchange.get("/providers").json()["providers"]

    assert maker["provider"] in listed
    assert reader["user"]["id"] not in [provider["user_id"] for provider in listed]


def test_a_provider_without_a_name_is_still_called_something(exchange: Caller) -> None:
    provider = exchange.register(None, "provider")["provider"]

    assert provider["display_name"] == f"Provider {provider['id']}"


def test_it_answers_304_until_something_changes(exchange: Caller) -> None:
    tag = exchange.get("/providers").headers["ETag"]
    unchanged = exchange.get("/providers", headers={"If-None-Match": tag})
    exchange.register("fresh@providers.example", "provider")
    changed = exchange.get("/providers", headers={"If-None-Match": tag})

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["ETag"] == tag
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
