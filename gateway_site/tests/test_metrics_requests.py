"""What is told of requests, by django-prometheus: what they were, and nothing that anybody can make up."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from django.test import Client, RequestFactory
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accounts.models import ExchangeAccount
from gateway_site.metrics import shared
from gateway_site.metrics.middleware import AfterMiddleware
from gateway_site.tests.project import REPOSITORY

TOKEN = "a-token-for-prometheus-0123456789"
STATUS = "django_http_responses_total_by_status_view_method_total"
SECONDS = "django_http_requests_latency_seconds_by_view_method_count"
ALL = "django_http_requests_before_middlewares_total"
UNNAMED = "<unnamed view>"
Sample = tuple[str, ...]
Samples = dict[Sample, float]


@pytest.fixture(autouse=True)
def _token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def scrape(client: Client) -> Samples:
    """The samples of requests: by their name, and then their labels' values in the order of the labels."""
    response = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        if family.name.startswith("django_")
        for sample in family.samples
    }


def grown(before: Samples, after: Samples) -> Samples:
    return {
        name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)
    }


@pytest.mark.django_db
def test_a_request_is_counted_and_timed_by_view_method_and_status(client: Client) -> None:
    before = scrape(client)
    client.get("/accounts/login/")
    client.post("/api/v1/usage", data="{}", content_type="application/json")
    client.get("/made-up/")
    more = grown(before, scrape(client))
    assert {name[1:]: count for name, count in more.items() if name[0] == STATUS} == {
        ("GET", "200", "accounts:login"): 1,
        ("POST", "401", "api:record"): 1,
        ("GET", "404", UNNAMED): 1,
    }
    assert {name[1:]: count for name, count in more.items() if name[0] == SECONDS} == {
        ("GET", "accounts:login"): 1,
        ("POST", "api:record"): 1,
        ("GET", UNNAMED): 1,
    }
    assert more[(ALL,)] == 3


@pytest.mark.django_db
def test_who_watches_the_site_is_not_counted_and_a_static_file_has_no_view(client: Client) -> None:
    before = scrape(client)
    for path in ("/healthz", "/readyz"):
        client.get(path)
    assert not grown(before, scrape(client))


@pytest.mark.django_db
def test_paths_and_methods_that_are_made_up_make_no_series(client: Client) -> None:
    for method in ("GET", "BREW", "POST"):
        client.generic(method, "/no-such-page/")
        client.generic(method, "/accounts/login/")
    before = scrape(client)
    for number in range(200):
        client.get(f"/no-such-page/{number}/", {"email": f"ada{number}@example.com"})
        client.generic(f"BREW{number}", "/accounts/login/")
        client.generic(f"BREW{number}", f"/no-such-page/{number}/")
        client.get("/no-such-page/", headers={"host": f"host{number}.example.com"})
    after = scrape(client)
    more = {name for name in after if name not in before}
    # the first answer of status 400 in this process
    assert len(more) <= 5
    told = str(list(after))
    for made_up in ("no-such-page", "BREW", "ada", "host1"):
        assert made_up not in told


def test_no_label_holds_anything_of_the_person(signed_in: Client, account: ExchangeAccount) -> None:
    before = scrape(signed_in)
    for path in ("/usage/", "/usage/logs/?q=secret-memo", "/usage/logs/4711/", "/accounts/settings/"):
        signed_in.get(path)
    # of these requests: templates that tests before it have shown may be called admin/usage/...
    told = str(list(grown(before, scrape(signed_in))))
    assert "usage:logs" in told
    for word in (account.user.email, "secret-memo", "4711", "/usage/"):
        assert word not in told


@pytest.mark.parametrize("length", ["abc", "1.5", "-", "9" * 400, "9" * 4000])
@pytest.mark.django_db
def test_a_length_that_is_none_is_answered_and_counted(length: str, client: Client) -> None:
    before = scrape(client)
    response = client.generic("POST", "/accounts/login/", CONTENT_LENGTH=length)
    assert response.status_code in (413, 422)
    more = grown(before, scrape(client))
    assert sum(count for name, count in more.items() if name[0] == STATUS) == 1


@pytest.mark.django_db
def test_a_fault_in_a_middleware_is_counted_as_what_it_is(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError("a fault")

    client.raise_request_exception = False
    before = scrape(client)
    monkeypatch.setattr("django.contrib.sessions.middleware.SessionMiddleware.process_request", fail)
    assert client.get("/accounts/login/").status_code == 500
    more = grown(before, scrape(client))
    assert more[(STATUS, "GET", "500", UNNAMED)] == 1


def test_what_is_not_kept_has_no_series() -> None:
    request = RequestFactory().post("/", data={"a": "b"})
    middleware = AfterMiddleware(lambda _request: None)
    middleware.process_request(request)
    assert not hasattr(middleware.metrics.requests_body_bytes, "collect")


STARTING = """
    import sys, threading
    sys.argv.append("--watch")
    from django.db import connection
    connection.force_debug_cursor = False
    import django
    django.setup()
    names = list(sys.modules)
    print(names.index("gateway_site.metrics.figures") < names.index("django_prometheus"))
    from prometheus_client import REGISTRY
    from gateway_site.metrics import figures
    from gateway_site.metrics.middleware import RequestFigures
    requests = RequestFigures.get_instance()
    for number in range(3):
        requests.requests_total.inc()
    print(figures.FOLDER)
    print(type(requests.requests_total._value).__name__)
    print(requests.requests_latency_before._upper_bounds)
    print([thread.name for thread in threading.enumerate()])
    print([one.name for one in REGISTRY.collect() if one.name.startswith("django_") and one.samples])
    print(connection.connection)
"""


def test_it_counts_where_all_processes_do_and_opens_neither_port_nor_database(
    tmp_path: Path, settings: Settings
) -> None:
    environ = os.environ | {
        shared.VARIABLE: str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "gateway_site.test_settings",
    }
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(STARTING)],
        cwd=REPOSITORY,
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )
    assert ended.stdout.splitlines() == [
        "True",
        str(tmp_path),
        "MmapedValue",
        str([*settings.PROMETHEUS_LATENCY_BUCKETS, float("inf")]),
        "['MainThread']",
        "[]",
        "None",
    ]
    found = {sample.name: sample.value for metric in shared.collect(tmp_path) for sample in metric.samples}
    assert found["django_http_requests_before_middlewares_total"] == 3
