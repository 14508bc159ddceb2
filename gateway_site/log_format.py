"""How log lines look: ``2026-11-23T09:41:12.153Z info [gateway/http] http_response method=GET status=200``
as text, or one JSON object a line. Every line, ours and a library's, goes to stderr and to ``log_file``.
"""

from __future__ import annotations

import logging.config
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from gateway_site.config_values import ConfigError, shown

STDERR_LEVEL = "GATEWAY_STDERR_LEVEL"
"""The variable by which manage.py spares a person at a terminal what is no warning."""

BARE = re.compile(r"[^\s\"\\=]+")
# line breaks of every alphabet, what moves a terminal's cursor or its writing direction, and half characters
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def logging_settings(level: str, form: str, log_file: str, *, stderr_level: str = "NOTSET") -> dict[str, Any]:
    """The ``LOGGING`` setting for a level (``INFO``), a form (``text`` or ``json``) and a file ("" for none).

    ``stderr_level`` keeps lesser lines from stderr alone. Raises ConfigError when the file cannot be written.
    """
    handlers: dict[str, Any] = {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "gateway",
            "stream": "ext://sys.stderr",
            "level": stderr_level,
        }
    }
    if log_file:
        _require_writable(log_file)
        handlers["file"] = {
            "class": "logging.handlers.WatchedFileHandler",
            "formatter": "gateway",
            "filename": log_file,
            "encoding": "utf-8",
        }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"as_a_warning": {"()": "django.utils.log.CallbackFilter", "callback": _as_a_warning}},
        "formatters": {"gateway": {"()": "gateway_site.log_format.formatter", "form": form}},
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": level},
        "loggers": {
            # Django gives these two handlers of their own, in a form of their own
            "django": {"handlers": [], "level": _at_least("INFO", level)},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # a refused sign-in or a missing page is no fault of the site
            "django.request": {"level": _at_least("ERROR", level)},
            # anybody can send another host, as often as they like: a line each, no traceback
            "django.security.DisallowedHost": {"filters": ["as_a_warning"]},
            "urllib3": {"level": _at_least("WARNING", level)},
        },
    }


def configure(settings: dict[str, Any]) -> None:
    """Django's ``LOGGING_CONFIG`` hook: the standard library's logging, with structlog in front of it."""
    logging.config.dictConfig(settings)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def formatter(form: str) -> structlog.stdlib.ProcessorFormatter:
    """What turns every record, structlog's or the standard library's, into its line."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared_processors(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # ASCII: a line break of any alphabet is escaped
            structlog.processors.JSONRenderer(ensure_ascii=True) if form == "json" else render_text,
        ],
    )


def render_text(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    """One event as one line, whatever its values hold; the lines of a traceback follow it, indented."""
    time, level = event.pop("timestamp"), event.pop("level")
    component, name = event.pop("component"), event.pop("event")
    traces = [event.pop(key) for key in ("exception", "stack") if key in event]
    pairs = [f"{_one_line(key)}={_quoted(value)}" for key, value in event.items() if value is not None]
    head = " ".join([f"{time} {level} [{_one_line(component)}] {_one_line(str(name))}", *pairs])
    # indented, so that a line break in an exception's text begins no event either
    lines = [f"    {_one_line(line)}" for trace in traces for line in str(trace).split("\n")]
    return "\n".join([head, *lines])


def _shared_processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        _stamp,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _name_component,
    ]


def _stamp(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    # a library's record is formatted once for each handler: its own time is the same in all of them
    record = event.get("_record")
    at = datetime.fromtimestamp(record.created, UTC) if record else datetime.now(UTC)
    event["timestamp"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _name_component(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """``[gateway/http]``: the component that the event names, else its logger."""
    logger = event.pop("logger", None) or "root"
    event.setdefault("component", logger.replace("gateway.", "gateway/", 1))
    return event


def _quoted(value: object) -> str:
    if isinstance(value, list | tuple):
        value = ",".join(str(item) for item in value)
    text = _one_line(str(value).replace("\\", "\\\\").replace('"', '\\"'))
    return text if BARE.fullmatch(text) else f'"{text}"'


def _one_line(text: str) -> str:
    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _as_a_warning(record: logging.LogRecord) -> bool:
    record.levelno, record.levelname, record.exc_info = logging.WARNING, "WARNING", None
    return True


def _at_least(floor: str, level: str) -> str:
    return max(floor, level, key=logging.getLevelNamesMapping().__getitem__)


def _require_writable(log_file: str) -> None:
    try:
        with Path(log_file).open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise ConfigError(f"log_file = {shown(log_file)}: cannot be written ({error.strerror})") from None
