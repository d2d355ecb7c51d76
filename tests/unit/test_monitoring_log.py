"""Log lines: nothing gets out but listed keys with plain words."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web_protocol import RequestPayloadError

from depesha.monitoring.log import ALLOWED, REDACTED, Logger, bound, configure, make_logger

PERSONAL = (
    "Иван Примеров",
    "ivan@example.org",
    'x"; DROP',
    "line\nbreak",
    "молба за помощ",
    "a" * 500,
    "?token=hunter2&name=ivan",
)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def whole_process(stream: io.StringIO) -> Iterator[Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield configure(stream, "info", "json")
    logging.captureWarnings(capture=False)
    logging.getLogger("aiohttp.access").disabled = False
    root.handlers[:] = handlers
    root.setLevel(level)


def raised() -> ValueError:
    with pytest.raises(ValueError, match="hunter2") as caught:
        raise ValueError("Иван, hunter2")
    return caught.value


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_time_and_level(stream: io.StringIO) -> None:
    make_logger(stream, "info", "json").info("message stored", state="ADMITTED", seconds=0.5)
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")
    expected = {"event": "message stored", "level": "info", "state": "ADMITTED", "seconds": 0.5}
    assert line == expected


def test_lower_levels_are_not_written(stream: io.StringIO) -> None:
    logger = make_logger(stream, "warning", "json")
    logger.info("no")
    logger.warning("yes")
    assert [line["event"] for line in lines(stream)] == ["yes"]


@pytest.mark.parametrize("value", PERSONAL)
@pytest.mark.parametrize("form", ["json", "text"])
def test_personal_data_never_gets_out(stream: io.StringIO, value: str, form: str) -> None:
    logger = make_logger(stream, "info", form)
    logger.info("event", subject=value, name=value, path=value, body=value.encode())
    for key in sorted(ALLOWED - {"event", "time", "level"}):
        logger.info("event", **{key: value})
        logger.info("event", **{key: [value]})
        logger.info("event", **{key: {"x": value}})
    written = stream.getvalue()
    assert value not in written
    assert json.dumps(value) not in written
    assert value[:20] not in written
    assert len(written.splitlines()) == 1 + 3 * len(ALLOWED - {"event", "time", "level"})


@pytest.mark.parametrize("key", ["subject", "name", "sender", "identifier", "path", "reason"])
def test_a_key_that_is_not_listed_loses_even_plain_values(stream: io.StringIO, key: str) -> None:
    logger = make_logger(stream, "info", "json")
    for value in ("Ivan Primerov", 8001010000, ["Ivan"], None):
        logger.info("event", **{key: value})
    assert [line[key] for line in lines(stream)] == [REDACTED] * 4


def test_an_event_made_of_foreign_words_is_redacted(stream: io.StringIO) -> None:
    make_logger(stream, "info", "json").info("от Иван\nи друг")
    assert lines(stream)[0]["event"] == REDACTED


def test_an_exception_leaves_its_type_and_place_only(stream: io.StringIO) -> None:
    logger = make_logger(stream, "info", "json")
    logger.error("failed", exc_info=raised())
    (line,) = lines(stream)
    assert line["error"] == "ValueError"
    assert line["frames"][0].startswith(__name__)
    assert "hunter2" not in stream.getvalue()


async def test_the_bound_message_is_on_every_line_and_in_threads(stream: io.StringIO) -> None:
    logger = make_logger(stream, "info", "json")
    with bound("0" * 32):
        logger.info("inside")
        await asyncio.to_thread(logger.info, "in a thread")
    logger.info("outside")
    assert [line.get("message") for line in lines(stream)] == ["0" * 32, "0" * 32, None]


def test_libraries_are_led_in_by_their_templates(
    stream: io.StringIO, whole_process: Logger
) -> None:
    logging.getLogger("aiohttp.server").error("Error handling request from %s", "192.0.2.7 Иван")
    logging.getLogger("asyncio").warning("Unclosed session\nclient: hunter2")
    logging.getLogger("zeep").warning("Иван, hunter2 in an untemplated text")
    logging.getLogger("aiohttp.access").warning("GET /?name=hunter2")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("hunter2", UserWarning, stacklevel=1)
    told = [(line["logger"], line["event"]) for line in lines(stream)]
    assert told[:3] == [
        ("aiohttp.server", "Error handling request from %s"),
        ("asyncio", "Unclosed session"),
        ("zeep", "library message"),
    ]
    assert told[3:] == [("py.warnings", "library message")]
    for word in ("hunter2", "Иван", "192.0.2.7"):
        assert word not in stream.getvalue()
    assert whole_process is not None


@pytest.mark.parametrize(
    "error", [BadHttpMessage("hunter2"), RequestPayloadError("hunter2"), ConnectionResetError()]
)
def test_nonsense_from_a_caller_is_no_alarm(
    stream: io.StringIO, whole_process: Logger, error: Exception
) -> None:
    logging.getLogger("aiohttp.server").error("Error handling request from %s", "x", exc_info=error)
    (line,) = lines(stream)
    assert (line["level"], line["code"]) == ("info", type(error).__name__)
    assert "hunter2" not in stream.getvalue()
    logging.getLogger("aiohttp.server").error("Unhandled exception", exc_info=raised())
    assert lines(stream)[-1]["level"] == "error"


def test_text_is_one_line_an_event(stream: io.StringIO) -> None:
    make_logger(stream, "info", "text").info("message stored", state="HELD")
    assert stream.getvalue().endswith("info    message stored state=HELD\n")
