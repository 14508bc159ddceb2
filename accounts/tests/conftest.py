from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses
from django.conf import settings

from accounts.tests.wire import Desk


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """Every HTTP request of the test ends here; one that nothing answers fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def desk(wire: responses.RequestsMock) -> Desk:
    """The configured Exchange's registration desk."""
    return Desk(wire, settings.TOKLIGENCE.base_url)
