"""The control endpoint: what it changes, what it refuses, and whom it answers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.tests.caller import Caller
from tests.exchange_process import REPOSITORY, ExchangeProcess, exchange_environment

BEHAVED = {
    "latency_ms": 0,
    "error_share": 0.0,
    "error_status": 503,
    "drop_before_share": 0.0,
    "drop_after_share": 0.0,
    "malformed_share": 0.0,
    "rate_limit_share": 0.0,
    "retry_after_s": 1,
    "core_only": False,
    "next": [],
}


def test_it_behaves_unless_told_otherwise(exchange: Caller) -> None:
    assert exchange.get("/_control/faults").json() == BEHAVED


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_it_changes_what_was_sent_and_keeps_the_rest(exchange: Caller, method: str) -> None:
    exchange.send(method, "/_control/faults", '{"latency_ms": 1}')
    answer = exchange.send(method, "/_control/faults", '{"error_share": 0.25}')

    assert answer.json() == {**BEHAVED, "latency_ms": 1, "error_share": 0.25}
    assert exchange.get("/_control/faults").json() == answer.json()
    assert exchange.send("DELETE", "/_control/faults", "").json() == BEHAVED


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"latency_ms": -1}, "latency_ms"),
        ({"latency_ms": 600_001}, "latency_ms"),
        ({"latency_ms": "5"}, "latency_ms"),
        ({"error_share": 1.5}, "error_share"),
        ({"error_share": True}, "error_share"),
        ({"error_status": 404}, "error_status"),
        ({"core_only": 1}, "core_only"),
        ({"latency": 5}, "latency"),
        ({"next": [{"kind": "drop"}]}, "next.0.kind"),
        ({"next": [{"kind": "error", "count": 0}]}, "next.0.count"),
        ({"next": [{"kind": "error", "path": "usage"}]}, "next.0.path"),
        ({"drop_before_share": 0.6, "drop_after_share": 0.6}, "add up to more than 1"),
    ],
)
def test_it_refuses_what_does_not_fit_and_names_the_field(
    exchange: Caller, changes: dict, named: str
) -> None:
    answer = exchange.send("PATCH", "/_control/faults", json.dumps({"retry_after_s": 9, **changes}))

    assert answer.status_code == 400
    assert named in answer.json()["error"]
    assert exchange.get("/_control/faults").json() == BEHAVED


@pytest.mark.parametrize("body", ["", "[]", "1", "{"])
def test_it_refuses_a_body_that_is_no_object(exchange: Caller, body: str) -> None:
    assert exchange.send("PATCH", "/_control/faults", body).status_code == 400


def test_shares_that_make_up_the_whole_are_accepted(exchange: Caller) -> None:
    shares = {"error_share": 0.1, "drop_before_share": 0.2, "drop_after_share": 0.3, "malformed_share": 0.4}

    assert exchange.send("PATCH", "/_control/faults", json.dumps(shares)).status_code == 200


def test_faults_never_touch_the_control_endpoint(process: ExchangeProcess, exchange: Caller) -> None:
    process.control(error_share=1, core_only=True)

    assert exchange.get("/providers").status_code == 503
    assert exchange.get("/_control/health").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host", "X-Forwarded-Proto", "Origin"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/_control/health"),
        ("GET", "/_control/faults"),
        ("PATCH", "/_control/faults"),
        ("POST", "/_control/seed"),
    ],
)
def test_it_is_not_there_for_a_call_on_behalf_of_others(
    exchange: Caller, header: str, method: str, path: str
) -> None:
    answer = exchange.send(method, path, '{"latency_ms": 1}', {header: "127.0.0.1"})

    assert answer.status_code == 404
    assert exchange.get("/_control/faults").json() == BEHAVED


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.9.9.9", "[::1]", "[::1]:80"]
)
def test_a_name_of_this_machine_is_answered(exchange: Caller, host: str) -> None:
    assert exchange.get("/_control/faults", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:80",
        "10.0.0.1",
        "localhost:x",
        "evil@localhost",
    ],
)
def test_a_name_that_somebody_else_lets_point_here_is_not(exchange: Caller, host: str) -> None:
    answer = exchange.send("PATCH", "/_control/faults", '{"latency_ms": 1}', {"Host": host})

    assert answer.status_code == 404
    assert exchange.get("/_control/faults").json() == BEHAVED
    assert exchange.get("/providers", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("site", "status"),
    [("none", 200), ("same-origin", 200), ("same-site", 404), ("cross-site", 404), ("x", 404)],
)
def test_a_page_of_another_site_does_not_reach_it(exchange: Caller, site: str, status: int) -> None:
    assert exchange.get("/_control/faults", headers={"Sec-Fetch-Site": site}).status_code == status


ASK_FROM = """
import io, json, sys
from sandbox.wsgi import application
from django.core.management import call_command
call_command("migrate", verbosity=0)
statuses = {}
for address in json.load(sys.stdin):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/_control/faults", "SERVER_NAME": "exchange",
               "SERVER_PORT": "80", "wsgi.input": io.BytesIO(), "REMOTE_ADDR": address,
               "HTTP_HOST": "localhost"}
    answer = application(environ, lambda status, headers: statuses.update({address: int(status[:3])}))
    answer.close()
json.dump(statuses, sys.stdout)
"""


def test_only_an_address_of_this_machine_is_answered(tmp_path: Path) -> None:
    near = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
    far = [
        "203.0.113.9",
        "10.0.0.1",
        "192.168.1.1",
        "::ffff:10.0.0.1",
        "2001:db8::1",
        "0.0.0.0",  # noqa: S104  asked from, not bound
        "",
        "localhost",
    ]

    asked = subprocess.run(
        [sys.executable, "-c", ASK_FROM],
        input=json.dumps(near + far),
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        env=exchange_environment(tmp_path),
    )

    assert json.loads(asked.stdout) == dict.fromkeys(near, 200) | dict.fromkeys(far, 404)


DROP_WITHOUT_GUNICORN = """
import io
from sandbox.wsgi import application
from django.core.management import call_command
from sandbox import faults
call_command("migrate", verbosity=0)
faults.change({"next": [{"kind": "drop_before"}]})
environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/providers", "SERVER_NAME": "exchange",
           "SERVER_PORT": "80", "wsgi.input": io.BytesIO(), "REMOTE_ADDR": "127.0.0.1"}
answer = application(environ, lambda status, headers: print(status))
print(b"".join(answer).decode())
answer.close()
"""


def test_a_server_that_cannot_drop_connections_says_so(tmp_path: Path) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", DROP_WITHOUT_GUNICORN],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        env=exchange_environment(tmp_path),
    )

    status, body = asked.stdout.splitlines()
    assert status.startswith("500 ")
    assert "Only gunicorn" in json.loads(body)["error"]
