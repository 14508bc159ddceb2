"""A dispute pack of what a real Exchange has counted: its receipts and its statement confirm our entries."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from catalog.tests.commands import document_of
from tests.exchange_process import ExchangeProcess
from tests.site_process import REPOSITORY

pytestmark = pytest.mark.django_db
VERIFIER = REPOSITORY / "usage" / "evidence" / "verify.py"


def verified(pack: Path, digest: str) -> str:
    command = [sys.executable, "-I", str(VERIFIER), "--expect", digest, str(pack)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def service(configure: Callable[..., None], either: ExchangeProcess) -> int:
    """A service of our own, at an Exchange to which we are new."""
    name = uuid.uuid4().hex[:12]
    configure(
        base_url=either.base_url,
        email=f"{name}@trader.example",
        display_name=f"Trader {name}",
        enable_provider=True,
        publish_name="acme-llama",
        model_family="llama-3.1-70b",
        price_per_1k=Decimal("0.0007"),
    )
    number: int = document_of("bootstrap")["service"]["id"]
    return number


def test_the_exchange_s_own_books_confirm_the_pack(
    service: int, either: ExchangeProcess, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for direction, memo in (("consume", "Nacht 夜 🌙"), ("supply", ""), ("supply", 'a "quoted" memo')):
        words = ("--service-id", str(service), "--prompt-tokens", "1200", "--completion-tokens", "301")
        recorded = document_of("record_usage", *words, "--direction", direction, "--memo", memo)
        assert recorded["delivery"] == "delivered"
    document_of("reconcile")
    pack = tmp_path / "pack.zip"
    document = document_of("export_evidence", "--output", str(pack))
    said = verified(pack, document["digest"])
    assert "3 delivered" in said
    assert "The two books differ" not in said
    if request.node.callspec.params["either"] == "sandbox":
        assert document["statement"] == {"lines": 3, "complete": True, "reason": ""}
        assert "Statement  entries as the Exchange has them: 3; other lines: 0" in said
    else:
        assert document["statement"]["reason"] == "The Exchange offers no statement."
