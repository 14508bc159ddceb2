import inspect

import pytest

from exchange import ExchangeClient
from exchange.tests.fakes import FakeExchangeClient

OPERATIONS = [
    name for name, _ in inspect.getmembers(ExchangeClient, inspect.isfunction) if not name.startswith("_")
]


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_fake_has_the_clients_own_signature(name: str) -> None:
    real, fake = getattr(ExchangeClient, name), getattr(FakeExchangeClient, name)
    assert inspect.signature(fake) == inspect.signature(real)


def test_the_client_has_a_method_for_each_operation() -> None:
    assert set(OPERATIONS) == {
        "close",
        "fetch_providers",
        "fetch_services",
        "get_usage_summary",
        "iter_statement",
        "list_providers",
        "list_services",
        "publish_service",
        "register_user",
        "report_usage",
        "side_by_side",
    }
