"""Logs: one line an event, as JSON or text, with the message id bound and everything else censored.

Redaction is by allow-list, twice: a key that is not listed loses its value, and so does a value
that is not a short technical word. Free text from outside therefore cannot reach a log line. Lines
of libraries keep only their template; tracebacks keep types and places, never texts or variables.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

import structlog
from aiohttp.http import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError
from structlog.typing import EventDict, WrappedLogger

REDACTED = "[redacted]"
ALLOWED = frozenset(
    {
        "time",
        "level",
        "event",
        "logger",
        "message",
        "network",
        "direction",
        "state",
        "check",
        "checks",
        "outcome",
        "kind",
        "listener",
        "status",
        "seconds",
        "size",
        "attempts",
        "by",
        "where",
        "code",
        "blame",
        "part",
        "task",
        "count",
        "pid",
        "port",
        "version",
        "signal",
        "error",
        "frames",
    }
)
"""Keys whose values may be written. Adding one is a decision about personal data."""
QUIET = ("aiohttp.access",)
"""Loggers that write request lines, query strings and addresses: never."""
_OPEN_TEXT = ("asyncio", "aiohttp", "concurrent.futures")
"""Libraries whose untemplated messages are fixed sentences on their first line."""
_THEIRS = (HttpProcessingError, RequestPayloadError, ConnectionError)
"""What the HTTP library calls an error of its own though a caller's bytes were at fault."""
_WORD = re.compile(r"[A-Za-z0-9_.:,/+=<>\[\] -]{0,120}")
_SENTENCE = re.compile(r"[\x20-\x7e]{0,160}")
_FRAMES = 6
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Logger(Protocol):
    """What the observer needs of a bound logger."""

    def debug(self, event: str, **values: Any) -> Any:
        """Write where the level is debug."""

    def info(self, event: str, **values: Any) -> Any:
        """Write where the level is info or lower."""

    def warning(self, event: str, **values: Any) -> Any:
        """Write where the level is warning or lower."""

    def error(self, event: str, **values: Any) -> Any:
        """Write always."""

    def exception(self, event: str, **values: Any) -> Any:
        """Write always, with types and places of what was raised."""


def redact(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Keep listed keys with plain values; of all else only the key's name stays."""
    return {key: _plain(key, value) for key, value in line.items()}


def _plain(key: str, value: object) -> object:
    if key not in ALLOWED:
        return REDACTED
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(key, one) for one in value[:20]]
    if isinstance(value, str):
        shape = _SENTENCE if key == "event" else _WORD
        return str(value) if shape.fullmatch(value) else REDACTED
    return REDACTED


def dull_exception(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Replace exception objects by their types and places; texts may hold anything."""
    given = line.pop("exc_info", None)
    line.pop("stack_info", None)
    error = given[1] if isinstance(given, tuple) else given
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        line["error"] = type(error).__name__
        line["frames"] = list(_frames(error))[-_FRAMES:]
    return line


def _frames(error: BaseException) -> Iterator[str]:
    at = error.__traceback__
    while at is not None:
        yield f"{at.tb_frame.f_globals.get('__name__', '?')}:{at.tb_lineno}"
        at = at.tb_next


def make_logger(stream: TextIO, level: str, form: str) -> Logger:
    """Return a logger that writes one line an event to `stream`; `form` is `json` or `text`."""
    logger: Logger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            dull_exception,
            redact,
            _render_json if form == "json" else _render_text,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        cache_logger_on_first_use=True,
    ).bind()  # bound at once: a lazy one is bound anew at each line, also at those not written
    return logger


def _render_json(_: WrappedLogger, __: str, line: EventDict) -> str:
    return json.dumps(line, separators=(",", ":"))


def _render_text(_: WrappedLogger, __: str, line: EventDict) -> str:
    head = f"{line.pop('time', '')} {line.pop('level', ''):<7} {line.pop('event', '')}"
    return " ".join([head, *(f"{key}={value}" for key, value in line.items())])


class Bridge(logging.Handler):
    """Leads the standard library's log records into ours."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's template; what was filled into it is left out."""
        error = record.exc_info[1] if record.exc_info else None
        if record.name.startswith("aiohttp.") and isinstance(error, _THEIRS):
            # Whoever sends nonsense must not be able to fill the log with alarms.
            self._logger.info("request broken by its caller", code=type(error).__name__)
            return
        told = {"logger": record.name, "exc_info": record.exc_info}
        text = _template(record)
        if record.levelno >= logging.ERROR:
            self._logger.error(text, **told)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text, **told)
        else:
            self._logger.debug(text, **told)


def _template(record: logging.LogRecord) -> str:
    words = str(record.msg).partition("\n")[0]
    known = record.name.partition(".")[0] in {name.partition(".")[0] for name in _OPEN_TEXT}
    if record.args or known:
        return words if words.strip() != "%s" else "library message"
    return "library message"


def configure(stream: TextIO, level: str, form: str) -> Logger:
    """Set up logging for the whole process once, at start; return our logger."""
    logger = make_logger(stream, level, form)
    root = logging.getLogger()
    root.handlers[:] = [Bridge(logger)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    for name in QUIET:
        logging.getLogger(name).disabled = True
    return logger


@contextmanager
def bound(message: str) -> Iterator[None]:
    """Bind a message id to every line written inside, threads started from here included."""
    with structlog.contextvars.bound_contextvars(message=message):
        yield
