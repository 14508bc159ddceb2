"""The alert rules speak of figures that /metrics has, and lead to a section that says what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accounts.models import Exchange, ExchangeAccount
from accounts.signals import exchange_asked
from catalog.models import Mirror
from exchange import CircuitBreaker, Outcome
from gateway_site.metrics import figures
from usage.factories import make_entry
from usage.models import DeliveryQueue

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "deploy" / "prometheus"
OPERATIONS = REPOSITORY / "docs" / "operations.md"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
NAME = re.compile(r"\b(?:tokligence|django_http)_[a-z_]+")
PROMTOOL = shutil.which("promtool")


@pytest.fixture
def exposed(
    client: Client, account: ExchangeAccount, settings: Settings, tmp_path: Path
) -> dict[str, set[str]]:
    """What a site that is in use tells: the names of samples, and of the labels of each."""
    settings.HEAD_LOG = str(tmp_path / "heads.jsonl")
    settings.METRICS_TOKEN = "a-token-for-prometheus-0123456789"
    make_entry(account=account)
    now = timezone.now()
    Exchange.objects.update(reached_at=now, failed_at=now)
    Mirror.objects.create(exchange=account.exchange, refreshed_at=now)
    DeliveryQueue.objects.update_or_create(
        exchange=account.exchange, defaults={"worker_seen_at": now, "delivered_at": now}
    )
    exchange_asked.send(None, outcome=Outcome(True, None, "report_usage", 1.0), breaker=CircuitBreaker())
    figures.sign_ins_total.labels("wrong")
    client.get("/accounts/login/")
    client.get("/metrics")  # without the token: an Http404, which is an exception
    response = client.get("/metrics", headers={"authorization": f"Bearer {settings.METRICS_TOKEN}"})
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def test_every_figure_in_a_rule_is_one_that_is_told(exposed: dict[str, set[str]]) -> None:
    assert RULES
    for rule in RULES:
        names = set(NAME.findall(rule["expr"]))
        assert names or rule["alert"] == "TokligenceSiteDown"
        assert names <= set(exposed), rule["alert"]
        for name, selector in re.findall(r"((?:tokligence|django_http)_[a-z_]+)\{([^}]*)\}", rule["expr"]):
            assert set(re.findall(r"(\w+)[=!]", selector)) <= exposed[name], rule["alert"]


def test_every_rule_says_what_is_wrong_and_leads_to_what_to_do() -> None:
    headings = set(re.findall(r"^#+ (Tokligence\w+)$", OPERATIONS.read_text(), re.MULTILINE))
    assert headings == {rule["alert"] for rule in RULES}
    for rule in RULES:
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["for"]


def test_every_figure_is_in_the_document_and_none_that_is_not_told(exposed: dict[str, set[str]]) -> None:
    rows = re.findall(r"^\| `((?:tokligence|django_http)_[a-z_]+)[`{]", OPERATIONS.read_text(), re.MULTILINE)
    families = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in exposed}
    families -= {"tokligence_entries_recorded", "tokligence_entries_delivered"}
    assert sorted(rows) == sorted(families)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_itself_takes_rules_and_configuration(tmp_path: Path) -> None:
    for file in FOLDER.glob("*.yml"):
        text = file.read_text().replace("/etc/prometheus/tokligence-metrics-token", str(tmp_path / "token"))
        (tmp_path / file.name).write_text(text)
    (tmp_path / "token").write_text("secret")
    for words in (
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ):
        ended = subprocess.run(
            [str(PROMTOOL), *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
