"""Where the log goes, and how it looks: text for people, JSON for programs, always standard error or a file.

The rule: an event is a constant name and fields; never a secret, never a body.
"""

from __future__ import annotations

import logging
from typing import TextIO

import structlog
from structlog.typing import Processor

from sallyport.settings import LogFormat, LogLevel


def configure(level: LogLevel, log_format: LogFormat, stream: TextIO) -> None:
    """Let the events of this process that are serious enough go to a stream."""
    renderer: Processor
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer()
        details: tuple[Processor, ...] = (structlog.processors.dict_tracebacks,)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty(), sort_keys=False)
        details = ()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *details,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    # What libraries say (the ASGI server, the database's driver) goes the same way.
    logging.basicConfig(
        level=logging.WARNING, stream=stream, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
