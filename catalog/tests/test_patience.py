from __future__ import annotations

import time

import pytest

from catalog.patience import shared


def test_calls_share_one_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    left = shared(4.0)
    assert left() == 4.0
    now = 103.0
    assert left() == 1.0
    now = 109.0
    assert left() == 0.0


def test_no_limit_stays_no_limit() -> None:
    assert shared(None)() is None
