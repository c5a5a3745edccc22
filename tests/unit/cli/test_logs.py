"""The log, as it is written: one event is one line, and nothing in it is more than text."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
import structlog

from sallyport.cli import logs
from sallyport.settings import LogFormat

HOSTILE = "\x1b[31mred\n2026-11-28T00:00:00Z [info] signed in\x9b0m\u2028end"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Let this process log afterwards as it did before."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def written(log_format: LogFormat) -> str:
    """Write everything that can be written, with text from outside wherever it can stand."""
    stream = io.StringIO()
    logs.configure("info", log_format, stream)
    log = structlog.stdlib.get_logger("test")
    log.info("request.refused", path=HOSTILE, names=[HOSTILE])
    token = "secret" + "-value"
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception("request.broken")
        logging.getLogger("uvicorn.error").exception("library: %s", HOSTILE)
    assert token
    return stream.getvalue()


def test_text_from_outside_is_only_text() -> None:
    text = written("text")
    lines = text.splitlines()
    assert "\n".join(lines) == text.rstrip("\n")
    assert all(line.isprintable() for line in lines)
    events = [line for line in lines if not line.startswith("    ")]
    assert [each.split("]")[1].split()[0] for each in events] == ["request.refused", "request.broken", "library:"]
    assert "ValueError: \\x1b[31mred" in text


def test_each_line_of_json_is_one_event_also_when_a_library_speaks() -> None:
    events = [json.loads(line) for line in written("json").rstrip("\n").split("\n")]
    assert [each["event"] for each in events] == ["request.refused", "request.broken", f"library: {HOSTILE}"]
    assert events[0]["path"] == HOSTILE
    assert events[1]["exception"][0]["exc_value"] == HOSTILE
    assert events[2]["logger"] == "uvicorn.error"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_traceback_shows_no_variables(log_format: LogFormat) -> None:
    assert "secret-value" not in written(log_format)


def test_what_is_not_serious_enough_is_not_written() -> None:
    stream = io.StringIO()
    logs.configure("warning", "text", stream)
    structlog.stdlib.get_logger("test").info("nothing")
    assert stream.getvalue() == ""


def full_disk() -> TextIO:
    return Path("/dev/full").open("w", buffering=1, encoding="utf-8")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_log_on_a_full_disk_loses_its_events_and_nothing_else(log_format: LogFormat) -> None:
    full = full_disk()
    logs.configure("info", log_format, full)
    for _ in range(1000):
        structlog.stdlib.get_logger("test").info("run.started", run_id="0858")
        logging.getLogger("library").warning("A library says something.")
    with pytest.raises(OSError, match="No space left"):
        full.close()
