"""gunicorn under the site's configuration, with a small application in the site's place."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from gateway_site import gunicorn_conf

pytestmark = pytest.mark.alone
LIMIT = 30
APPLICATION = """
import os, time, pathlib
HERE = pathlib.Path(__file__).parent
VERSION = (HERE / "version").read_text()

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        (HERE / "begun").touch()
        time.sleep(1.5)
    told = "|".join([VERSION, str(os.getpid()), environ["REMOTE_ADDR"], environ["wsgi.url_scheme"],
                     environ.get("SCRIPT_NAME", "")])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(told)))])
    return [told.encode()]
"""


class Server:
    def __init__(self, process: subprocess.Popen[bytes], folder: Path, address: str) -> None:
        self.process, self.folder, self.address = process, folder, address

    def ask(self, path: str = "/", **headers: str) -> list[str]:
        with closing(http.client.HTTPConnection(self.address, timeout=LIMIT)) as connection:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().read().decode().split("|")

    def say(self, raw: bytes) -> tuple[str, str]:
        """What is answered to these bytes: head and body."""
        host, port = self.address.split(":")
        return said(socket.create_connection((host, int(port)), timeout=LIMIT), raw)

    def log(self) -> str:
        return (self.folder / "log").read_text()


def said(connection: socket.socket, raw: bytes) -> tuple[str, str]:
    with connection:
        connection.sendall(raw)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    head, _, body = answer.decode().partition("\r\n\r\n")
    return head, body


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start the server on a port of its own, with these variables; what is left is ended."""
    (tmp_path / "small.py").write_text(APPLICATION)
    (tmp_path / "version").write_text("1")
    started = []

    def begin(address: str = "", **variables: str) -> Server:
        if not address:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                address = f"127.0.0.1:{probe.getsockname()[1]}"
        words = ["gunicorn", "small:application", "--config", "python:gateway_site.gunicorn_conf"]
        with (tmp_path / "log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *words, "--pythonpath", str(tmp_path)],
                cwd=settings.BASE_DIR,
                env=os.environ | {"WEB_ADDRESS": address, "WEB_CONCURRENCY": "1"} | variables,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        server = Server(process, tmp_path, address)
        wait_for(lambda: is_listening(address), server)
        return server

    yield begin
    for process in started:
        process.terminate()
        process.wait(LIMIT)


def is_listening(address: str) -> bool:
    path = address.removeprefix("unix:")
    if path != address:
        return Path(path).exists()
    with socket.socket() as probe:
        host, port = address.split(":")
        return probe.connect_ex((host, int(port))) == 0


def wait_for(happens: Callable[[], bool], server: Server) -> None:
    give_up = time.monotonic() + LIMIT
    while not happens():
        assert server.process.poll() is None, server.log()
        assert time.monotonic() < give_up, server.log()
        time.sleep(0.02)


def ask_slowly(server: Server) -> tuple[threading.Thread, list[Any]]:
    """Ask for what takes a while; begun when this returns."""
    heard: list[Any] = []
    (server.folder / "begun").unlink(missing_ok=True)
    thread = threading.Thread(target=lambda: heard.append(server.ask("/slow")))
    thread.start()
    wait_for((server.folder / "begun").exists, server)
    return thread, heard


def test_a_request_in_flight_is_answered_before_it_ends(start: Callable[..., Server]) -> None:
    server = start()
    thread, heard = ask_slowly(server)
    server.process.send_signal(signal.SIGTERM)
    thread.join(LIMIT)
    assert heard[0][0] == "1"
    assert server.process.wait(LIMIT) == 0
    assert "Traceback" not in server.log()


def test_hup_brings_the_new_code_and_drops_nobody(start: Callable[..., Server]) -> None:
    server = start()
    before = server.ask()
    thread, heard = ask_slowly(server)
    with closing(http.client.HTTPConnection(server.address, timeout=LIMIT)) as kept:
        kept.request("GET", "/")
        kept.getresponse().read()
        (server.folder / "version").write_text("2")
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        # a connection that was kept: still taken, and told that it is the last
        kept.request("GET", "/")
        last = kept.getresponse()
        assert last.read().decode().split("|")[:2] == before[:2]
        assert last.headers["Connection"] == "close"
    after = server.ask()
    assert after[0] == "2"
    assert after[1] != before[1]
    thread.join(LIMIT)
    assert heard == [[*before[:2], *heard[0][2:]]]


def test_over_a_unix_socket_nobody_is_believed_here(start: Callable[..., Server], tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    start(f"unix:{path}")
    assert path.stat().st_mode & 0o777 == 0o770
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(LIMIT)
    connection.connect(str(path))
    headers = (
        "X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.7\r\nScript-Name: /a\r\nSCRIPT_NAME: /a\r\n"
    )
    _, body = said(connection, f"GET / HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n".encode())
    assert body.split("|")[2:] == ["", "http", ""]


REFUSED = [
    (b"NONSENSE\r\n\r\n", "400 Bad Request"),
    (b"GET / HTTP/9.9\r\n\r\n", "400 Bad Request"),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "414 URI Too Long"),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000 + b"\r\n\r\n", "431 Request Header Fields Too Large"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: <b>\r\n" * 101 + b"\r\n", "431 Request Header Fields Too Large"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n<script>: 1\r\n\r\n", "400 Bad Request"),
    (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400 Bad Request",
    ),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400 Bad Request"),
]


def test_what_it_refuses_itself_is_plain_and_repeats_nothing(start: Callable[..., Server]) -> None:
    server = start(TOKLIGENCE_LOG_FORMAT="json")
    for raw, status in REFUSED:
        head, body = server.say(raw)
        first, *lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        assert first == f"HTTP/1.1 {status}", raw[:60]
        assert body == f"{status}\n"
        assert headers["content-type"] == "text/plain; charset=utf-8"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-length"] == str(len(body))
    # its own lines are lines of the site's log
    told = [json.loads(line) for line in server.log().splitlines()]
    assert {(one["level"], one["component"]) for one in told} == {("warning", "gunicorn.error")}
    assert len(told) == len(REFUSED)


@pytest.mark.parametrize("name", ["WEB_THREADS", "WEB_CONCURRENCY"])
@pytest.mark.parametrize("value", ["0", "-1", "1025", "9" * 30, "٣", "2.0"])
def test_a_number_that_is_none_ends_it_in_one_line(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        gunicorn_conf.whole_number(name, 2)
    assert caught.value.code == f"Configuration: environment: {name}: must be a whole number from 1 to 1024"


def test_numbers_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_THREADS", " 8 ")
    assert gunicorn_conf.whole_number("WEB_THREADS", 4) == 8
    monkeypatch.setenv("WEB_THREADS", "")
    assert gunicorn_conf.whole_number("WEB_THREADS", 4) == 4


def test_the_application_is_read_by_each_worker_itself() -> None:
    assert gunicorn_conf.preload_app is False
    assert gunicorn_conf.forwarded_allow_ips == ""
    assert 0 < gunicorn_conf.max_requests_jitter < gunicorn_conf.max_requests


def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_a_new_worker_inherits_nothing_of_ours() -> None:
    code = (
        "import sys; from gateway_site import config, gunicorn_conf, log_format; "
        "gunicorn_conf.post_fork(0, 0); "
        "print([name for name in sys.modules if name.startswith('gateway_site')])"
    )
    assert run(code).stdout == "[]\n"


@pytest.mark.parametrize("fails", [False, True])
def test_what_an_ended_worker_counted_is_seen_to_by_a_process_of_its_own(fails: bool, tmp_path: Path) -> None:
    code = f"""
import os, sys, types
from gateway_site import gunicorn_conf
metrics = types.ModuleType("gateway_site.metrics")
def forget_process(pid):
    print(pid, os.getpid() == master, flush=True)
    if {fails}: raise RuntimeError("not now")
metrics.forget_process, master = forget_process, os.getpid()
sys.modules["gateway_site.metrics"] = metrics
gunicorn_conf.child_exit(None, types.SimpleNamespace(pid=7))
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    ended = run(code, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    assert ended.stdout == "7 False\n0\n"
    assert ("not now" in ended.stderr) is fails
