from __future__ import annotations

import pytest
from django.test import RequestFactory

from accounts.network import network_of, wider


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::1", "::/64"),
        ("", "unknown"),
        ("unix:", "unknown"),
        ("192.0.2.7, 198.51.100.1", "unknown"),
    ],
)
def test_one_customer_is_one_network(address: str, network: str) -> None:
    assert network_of(RequestFactory().get("/", REMOTE_ADDR=address)) == network
    assert len(network) <= 64


@pytest.mark.parametrize(
    ("network", "around_it"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::/64", "2001:db8:1::/48"),
        ("::/64", "::/48"),
        ("unknown", "unknown"),
    ],
)
def test_the_most_that_one_customer_is_given(network: str, around_it: str) -> None:
    assert wider(network) == around_it
