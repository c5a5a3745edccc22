"""Where the log goes, and how it looks: text for people, JSON for programs, always standard error or a file.

The rule: an event is a constant name and fields; never a secret, never a body, and so no variables in tracebacks. Text
that came from outside neither begins a line of its own nor reaches a terminal as anything but text. What cannot be
written is lost: no server stops working because nobody takes its log.
"""

from __future__ import annotations

import io
import logging
import traceback
from contextlib import suppress
from typing import TextIO, cast

import structlog
from structlog.processors import ExceptionRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from sallyport.settings import LogFormat, LogLevel

_INDENT = "    "


def configure(level: LogLevel, log_format: LogFormat, stream: TextIO) -> None:
    """Let the events of this process that are serious enough go to a stream."""
    stream = cast("TextIO", _Lossy(stream))
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    drawn: list[Processor]
    if log_format == "json":
        # Local variables hold tokens and bodies.
        details = ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
        drawn = [details, structlog.processors.JSONRenderer()]
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), sort_keys=False, exception_formatter=structlog.dev.plain_traceback
        )
        drawn = [ExceptionRenderer(_traceback), _printable_fields, renderer]
    structlog.configure(
        processors=[*shared, *drawn],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    # What libraries say (the ASGI server, the database's driver) goes the same way, and looks the same.
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            processors=[ProcessorFormatter.remove_processors_meta, *drawn],
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class _Lossy(io.TextIOBase):
    """A stream that swallows what the one behind it refuses: its disk is full, or its reader has gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        # A ValueError says that the stream is closed.
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written, if anybody takes it."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """Answer whether people read this at a terminal."""
        return self._stream.isatty()


def _traceback(exc_info: ExcInfo) -> str:
    """Draw an exception so that no line of its message looks like an event."""
    lines = "".join(traceback.format_exception(*exc_info)).splitlines()
    return "\n".join(_INDENT + _printable(line) for line in lines)


def _printable_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write what no terminal should act on as escapes; what is no text is drawn by `repr`, which does the same."""
    drawn_already = {"exception", "stack"}
    return {
        name: _printable(value) if isinstance(value, str) and name not in drawn_already else value
        for name, value in event.items()
    }


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
