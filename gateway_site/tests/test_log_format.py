from __future__ import annotations

import io
import json
import logging
import logging.config
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from django.core.exceptions import SuspiciousOperation
from django.test import Client
from django.utils.log import DEFAULT_LOGGING
from hypothesis import given
from hypothesis import strategies as st

from exchange import http_log
from gateway_site.config import ConfigError
from gateway_site.log_format import configure, formatter, logging_settings

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error|critical) \[\S+\] ")
Read = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def _no_context() -> Iterator[None]:
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Read]]:
    """Configure logging for one test; ``captured(form, level)`` gives a reader of what stderr got."""
    root = logging.getLogger()
    before = (root.level, root.handlers[:])

    def set_up(form: str = "text", level: str = "INFO", log_file: str = "", **more: str) -> Read:
        stream = io.StringIO()
        monkeypatch.setattr("sys.stderr", stream)
        configure(logging_settings(level, form, log_file, **more))
        return lambda: stream.getvalue().splitlines()

    yield set_up
    for handler in root.handlers:
        if handler not in before[1]:
            handler.close()
    monkeypatch.undo()
    configure(logging_settings("WARNING", "text", ""))
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def rendered(message: str, form: str = "text", exc_info: bool = False, **values: object) -> str:
    """One event's text, without any handler."""
    record = logging.LogRecord("gateway.test", logging.INFO, __file__, 1, message, None, None)
    if values:
        record = logging.LogRecord(
            "gateway.test", logging.INFO, __file__, 1, {"event": message, **values}, (), None
        )
        record._from_structlog = True  # as structlog's wrap_for_formatter marks it
        record._logger, record._name = None, "info"
        record.msg |= {
            "timestamp": "2026-11-23T09:41:12.000000Z",
            "level": "info",
            "component": "gateway/test",
        }
    if exc_info:
        record.exc_info = sys.exc_info()
    return formatter(form).format(record)


def test_an_event_is_one_readable_line(captured: Callable[..., Read]) -> None:
    read = captured()
    log = structlog.get_logger("gateway.http", component="gateway/http")
    log.info("http_response", method="GET", url="http://localhost:8080/services", status=200, duration_ms=1.5)
    (line,) = read()
    assert LINE.match(line)
    assert line.partition("Z ")[2] == (
        "info [gateway/http] http_response method=GET url=http://localhost:8080/services status=200 "
        "duration_ms=1.5"
    )


def test_the_exchange_packages_lines_have_its_prefix(captured: Callable[..., Read]) -> None:
    read = captured()
    http_log.log_request(method="POST", url="http://localhost:8080/usage", request_id="abc", attempt=1)
    assert "info [gateway/http] http_request method=POST url=" in read()[0]


@pytest.mark.parametrize(
    ("name", "shown"), [("gateway.accounts", "gateway/accounts"), ("django.request", "django.request")]
)
def test_a_standard_logger_comes_out_in_the_same_form(
    name: str, shown: str, captured: Callable[..., Read]
) -> None:
    read = captured()
    logging.getLogger(name).error("failed after %d tries: %s", 3, "a reason")
    (line,) = read()
    assert LINE.match(line)
    assert line.endswith(f"error [{shown}] failed after 3 tries: a reason")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_records_time_is_when_it_happened_not_when_it_is_written(form: str) -> None:
    record = logging.LogRecord("library", logging.INFO, __file__, 1, "early", None, None)
    record.created = 0.25
    assert "1970-01-01T00:00:00.250Z" in formatter(form).format(record)


def test_structlog_takes_positional_arguments_too(captured: Callable[..., Read]) -> None:
    read = captured()
    structlog.get_logger("gateway.core").info("%d of %d", 1, 2)
    assert read()[0].endswith("info [gateway/core] 1 of 2")


def test_json_is_one_object_a_line(captured: Callable[..., Read]) -> None:
    read = captured("json")
    structlog.get_logger("gateway.http", component="gateway/http").warning(
        "http_error", status=503, rules="A,B"
    )
    logging.getLogger("urllib3").warning("a\nb \u2028 c")
    first, second = (json.loads(line) for line in read())
    assert first.pop("timestamp")
    assert first == {
        "event": "http_error",
        "level": "warning",
        "component": "gateway/http",
        "status": 503,
        "rules": "A,B",
    }
    assert (second["event"], second["component"]) == ("a\nb \u2028 c", "urllib3")


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_bound_stands_in_every_line(form: str, captured: Callable[..., Read]) -> None:
    read = captured(form)
    structlog.contextvars.bind_contextvars(request_id="4f1e")
    structlog.get_logger("gateway.core").info("ours")
    logging.getLogger("django.request").error("theirs")
    wanted = "request_id=4f1e" if form == "text" else '"request_id": "4f1e"'
    assert [wanted in line for line in read()] == [True, True]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ("", '""'),
        (None, None),
        (0, "0"),
        (["A", "B"], "A,B"),
        ('say "no"', r'"say \"no\""'),
        ('"', r'"\""'),
        ("a=b", '"a=b"'),
        ("back\\slash", r'"back\\slash"'),
        ('\\" status=200', r'"\\\" status=200"'),
        ("line\nbreak", r'"line\u000abreak"'),
        ("\x1b[31mred", r'"\u001b[31mred"'),
        ("left\u202eright", r'"left\u202eright"'),
        ("half \ud800", r'"half \ud800"'),
        ("价格", "价格"),
    ],
)
def test_a_value_is_quoted_where_it_must_be(value: object, shown: str | None) -> None:
    line = rendered("event", value=value, last=1)
    pair = "" if shown is None else f" value={shown}"
    assert line == f"2026-11-23T09:41:12.000000Z info [gateway/test] event{pair} last=1"


@given(message=st.text(), value=st.text())
def test_no_text_begins_a_line_of_its_own(message: str, value: str) -> None:
    assert len(rendered(message, value=value).splitlines()) == 1
    assert len(rendered(message).splitlines()) == 1
    assert len(rendered(message, form="json", value=value).splitlines()) == 1


@given(value=st.text())
def test_a_value_can_be_read_back_and_forges_no_other(value: str) -> None:
    line = rendered("event", value=value, last="1")
    head, _, rest = line.partition(" value=")
    assert head.endswith("[gateway/test] event")
    quoted = re.fullmatch(r'("(?:[^"\\]|\\.)*"|[^\s"\\=]+) last=1', rest)
    assert quoted


@given(value=st.text())
def test_every_line_can_be_written_to_a_utf_8_file(value: str) -> None:
    rendered(value, value=value).encode()
    rendered(value, form="json", value=value).encode()


@given(text=st.text())
def test_the_text_of_an_exception_forges_no_event(text: str) -> None:
    try:
        raise ValueError(f"\n2026-11-23T09:41:12Z info [gateway/http] forged\r{text}")
    except ValueError:
        lines = rendered("failed", exc_info=True).splitlines()
    assert lines[0].endswith("[gateway/test] failed")
    assert all(line.startswith("    ") for line in lines[1:])


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_comes_with_its_traceback(form: str, captured: Callable[..., Read]) -> None:
    read = captured(form)
    try:
        raise ValueError("the reason")
    except ValueError:
        structlog.get_logger("gateway.core").exception("ours")
        logging.getLogger("library").exception("theirs")
    text = "\n".join(read())
    assert text.count("Traceback (most recent call last)") == 2
    assert text.count("ValueError: the reason") == 2
    assert len(read()) == 2 if form == "json" else read()[0].endswith("error [gateway/core] ours")


def test_a_stack_that_was_asked_for_follows_too(captured: Callable[..., Read]) -> None:
    read = captured()
    structlog.get_logger("gateway.core").info("here", stack_info=True)
    assert read()[0].endswith("info [gateway/core] here")
    assert any("test_a_stack_that_was_asked_for" in line for line in read()[1:])


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_file_gets_every_line_that_stderr_gets(
    form: str, captured: Callable[..., Read], tmp_path: Path
) -> None:
    path = tmp_path / "gateway.log"
    path.write_text("an older line\n")
    read = captured(form, log_file=str(path))
    structlog.get_logger("gateway.http").info("first", half="\ud800", name="价格")
    logging.getLogger("django.server").info("second")
    assert path.read_text().splitlines() == ["an older line", *read()]
    assert len(read()) == 2


def test_the_file_gets_what_stderr_is_spared(captured: Callable[..., Read], tmp_path: Path) -> None:
    path = tmp_path / "gateway.log"
    read = captured(log_file=str(path), stderr_level="WARNING")
    structlog.get_logger("gateway.http").info("first")
    structlog.get_logger("gateway.http").warning("second")
    assert [line.split()[-1] for line in read()] == ["second"]
    assert [line.split()[-1] for line in path.read_text().splitlines()] == ["first", "second"]


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"log_file = .*: cannot be written"):
        logging_settings("INFO", "text", str(tmp_path))


def test_lines_below_the_level_are_left_out(captured: Callable[..., Read]) -> None:
    read = captured(level="ERROR")
    structlog.get_logger("gateway.http").warning("no")
    for name in ("gateway", "django", "django.server", "django.request", "urllib3"):
        logging.getLogger(name).warning("no")
        logging.getLogger(name).error("yes")
    assert [line.split()[-1] for line in read()] == ["yes"] * 5


def test_what_only_a_developer_of_django_wants_is_left_out_in_debug(captured: Callable[..., Read]) -> None:
    read = captured(level="DEBUG")
    logging.getLogger("gateway.core").debug("ours")
    logging.getLogger("django.template").debug("theirs")
    logging.getLogger("urllib3.connectionpool").debug("theirs")
    assert [line.split()[-1] for line in read()] == ["ours"]


def test_a_missing_page_is_no_line_and_a_failure_is_one(captured: Callable[..., Read]) -> None:
    """Django hands its own loggers handlers of their own first, as at every start."""
    logging.config.dictConfig(DEFAULT_LOGGING)
    read = captured()
    logging.getLogger("django.request").warning("Not Found: /favicon.ico")
    logging.getLogger("django.request").error("Internal Server Error: /")
    logging.getLogger("django.server").info('"GET / HTTP/1.1" 200')
    assert [line.partition("Z ")[2] for line in read()] == [
        "error [django.request] Internal Server Error: /",
        'info [django.server] "GET / HTTP/1.1" 200',
    ]


def test_a_host_that_is_not_ours_is_a_line_of_warning(captured: Callable[..., Read]) -> None:
    read = captured()
    assert Client(headers={"host": "evil.example"}).get("/accounts/login/").status_code == 400
    line, request = read()
    assert " warning [django.security.DisallowedHost] " in line
    assert "evil.example" in line
    assert "[gateway/web] http_request" in request


def test_another_suspicion_keeps_its_traceback(captured: Callable[..., Read]) -> None:
    read = captured()
    try:
        raise SuspiciousOperation("why")
    except SuspiciousOperation:
        logging.getLogger("django.security.SuspiciousOperation").exception("why")
    assert " error " in read()[0]
    assert len(read()) > 1
