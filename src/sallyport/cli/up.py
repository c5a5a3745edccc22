"""`sallyport up`: the server, in one process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO, get_args

import click

from sallyport import settings
from sallyport.cli import local, logs, output
from sallyport.cli.lock import Lock
from sallyport.errors import ExtraMissing, SallyportError, StorageFull, StorageUnavailable
from sallyport.settings import LogLevel, Settings, Tls

LOG_FILE = "sallyport.log"


@click.command("up")
@click.option("--host", help="The address to listen on. [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on, 0 for a free one. [default: 8080]")
@click.option(
    "--tls",
    type=click.Choice(get_args(Tls)),
    help="How https is offered: by a local certificate authority, by files, or not at all. [default: local]",
)
@click.option(
    "--https-port", type=click.IntRange(0, 65535), help="The port of https, 0 for a free one. [default: 8443]"
)
@click.option(
    "--proxy-port",
    type=click.IntRange(0, 65535),
    help="Also offer a proxy that leads programs with built-in Microsoft hosts here.",
)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Data folder; otherwise SALLYPORT_DATA.")
@click.option(
    "--demo", is_flag=True, help="Deploy the examples, feed a stream of sample alerts, and show what happens."
)
@click.option("--log-level", type=click.Choice(get_args(LogLevel)), help="The least serious event to log.")
def command(*, demo: bool, **given: object) -> None:
    """Start the server: workflows, the Graph Security API and its own mailbox, in one process.

    Everything is kept in the data folder. The first start prints the administrator's client id and secret, once. What
    else can be set is in the environment (SALLYPORT_...) or in the TOML file that SALLYPORT_SETTINGS names. Ctrl-C ends
    it; what was going on goes on after the next start.
    """
    try:
        chosen = _chosen(given, demo=demo)
    except SallyportError as error:
        local.fail(error.message)
    for name, meant in settings.ignored(os.environ).items():
        output.tell(f"Note: {name} is not a setting and is ignored{f'; did you mean {meant}?' if meant else '.'}")
    # Whatever the server writes is its owner's alone, also in a folder that was there before.
    os.umask(0o077)
    try:
        _up(chosen, given, demo=demo)
    except ExtraMissing:
        raise
    except StorageFull:
        local.fail(f"There is no room left for the database in '{chosen.data}'. Make room there, and start again.")
    except StorageUnavailable as error:
        local.fail(f"{error} The data folder is '{chosen.data}'.")
    except SallyportError as error:
        local.fail(error.message)
    except OSError as error:
        local.fail(f"The data folder '{error.filename or chosen.data}' cannot be used: {error.strerror or error}.")


def _chosen(given: Mapping[str, object], *, demo: bool) -> Settings:
    # Whoever tries the server out should not fail over what a script leaves out of its header.
    return settings.load(os.environ, given=given, otherwise={"accept_bare_tokens": True} if demo else None)


def _up(chosen: Settings, given: dict[str, object], *, demo: bool) -> None:
    from sallyport.cli import serving

    lock = Lock(chosen.data)
    try:
        with serving.listen(chosen) as listening:
            chosen = _chosen({**given, **listening.ports}, demo=demo)
            drawn = demo and sys.stdout.isatty()
            with _log_stream(chosen, to_file=drawn) as stream:
                logs.configure(
                    "warning" if demo and not chosen_level(given) else chosen.log_level, chosen.log_format, stream
                )
                serving.serve(chosen, lock, listening, _ready(demo=demo))
    finally:
        lock.release()


def chosen_level(given: dict[str, object]) -> bool:
    """Answer whether somebody said how much to log."""
    return given.get("log_level") is not None or "SALLYPORT_LOG_LEVEL" in os.environ


@contextmanager
def _log_stream(chosen: Settings, *, to_file: bool) -> Iterator[TextIO]:
    """Answer where the log goes: to a file while the terminal shows a picture, else to standard error."""
    stream = _log_file(chosen.data / LOG_FILE if to_file else None)
    try:
        yield stream
    finally:
        # Its last lines may have nowhere to go any more.
        with suppress(OSError):
            stream.close()


def _log_file(path: Path | None) -> TextIO:
    if path is not None:
        return path.open("a", encoding="utf-8")
    return open(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", buffering=1)  # noqa: PTH123 - a descriptor, no path


def _say_stopped() -> None:
    with suppress(OSError):
        output.tell("Stopped.")


def _ready(*, demo: bool) -> Callable[..., Callable[[], None]]:
    from sallyport.cli import banner
    from sallyport.cli.serving import Serving

    def ready(serving: Serving) -> Callable[[], None]:
        if not demo:
            banner.show(serving, output.console(), demo=demo)
            return _say_stopped
        from sallyport.cli.demo import play

        play.consent(serving)
        banner.show(serving, output.console(), demo=demo)
        return play.start(serving)

    return ready
