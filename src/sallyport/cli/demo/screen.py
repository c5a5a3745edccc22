"""Draws the demonstration: a picture that changes in place in a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sallyport.cli import output
from sallyport.cli.alert import severity
from sallyport.cli.demo.picture import Picture

#: Lines of the picture that are not alerts or workflows, and of what was printed above it.
_FIXED_LINES = 20
_MOST_ALERTS = 8


class Screen(AbstractContextManager["Screen"], Protocol):
    """Where the demonstration is shown."""

    def happened(self, kind: str, how: str, what: str, /) -> None:
        """Show that something happened: an alert, a run or a mail."""
        ...

    def draw(self) -> None:
        """Show the numbers as they are now."""
        ...


def screen(picture: Picture, now: Callable[[], float]) -> Screen:
    """Answer the screen that fits standard output."""
    console = output.console()
    return _Terminal(picture, console, now) if console.is_terminal else _Lines(console)


class _Lines:
    """One line for everything that happens."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def happened(self, kind: str, how: str, what: str, /) -> None:
        self._console.print(output.printable(f"{kind:<6}{how:<15}{what}"))
        self._console.file.flush()

    def draw(self) -> None:
        """Say nothing: what happens is said as it happens."""


class _Terminal:
    """A picture that changes in place."""

    def __init__(self, picture: Picture, console: Console, now: Callable[[], float]) -> None:
        self._picture = picture
        self._console = console
        self._now = now
        self._live = Live(console=console, auto_refresh=False, redirect_stderr=False, redirect_stdout=False)

    def __enter__(self) -> _Terminal:
        self._console.soft_wrap = False
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def happened(self, _kind: str, _how: str, _what: str, /) -> None:
        """Leave it to the next drawing: much may happen at once."""

    def draw(self) -> None:
        room = self._console.height - _FIXED_LINES - len(self._picture.ended)
        rows = max(3, min(_MOST_ALERTS, room))
        self._live.update(drawing(self._picture, self._now(), rows), refresh=True)


def drawing(picture: Picture, now: float, alert_rows: int) -> RenderableType:
    """Answer the picture: recent alerts, runs by workflow, and the numbers."""
    return Group(Text(), _alerts(picture, alert_rows), Text(), _workflows(picture), Text(), _numbers(picture, now))


def _alerts(picture: Picture, rows: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0), expand=True)
    table.add_column("CREATED", no_wrap=True)
    table.add_column("SEVERITY", no_wrap=True, min_width=13)
    table.add_column("PROVIDER", no_wrap=True, min_width=18)
    table.add_column("ALERT", no_wrap=True, overflow="ellipsis", ratio=1)
    for alert in list(picture.alerts)[:rows]:
        provider = output.printable(alert["vendorInformation"]["provider"])
        created = str(alert["createdDateTime"])[11:19]
        table.add_row(created, severity(alert["severity"]), provider, output.printable(alert["title"]))
    return table


def _workflows(picture: Picture) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("WORKFLOW", no_wrap=True, min_width=24)
    for title in ("SUCCEEDED", "FAILED", "GOING ON OR WAITING"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, ended in sorted(picture.ended.items()):
        failed = ended.total() - ended["Succeeded"]
        table.add_row(
            output.printable(name),
            Text(str(ended["Succeeded"]), style="green" if ended["Succeeded"] else "dim"),
            Text(str(failed), style="bold red" if failed else "dim"),
            Text(str(picture.going_on[name]), style="cyan" if picture.going_on[name] else "dim"),
        )
    return table


def _numbers(picture: Picture, now: float) -> Text:
    line = Text()
    for number, what in (
        (f"{picture.alert_count}", "alerts"),
        (f"{sum(ended.total() for ended in picture.ended.values())}", "runs ended"),
        (f"{picture.action_count}", "actions"),
        (f"{picture.actions_per_second(now):.1f}", "actions/s"),
        (f"{picture.mail_count}", "mails delivered"),
    ):
        line.append(number, style="bold").append(f" {what}   ", style="dim")
    if picture.last_mail is not None:
        line.append("\nlast mail: ", style="dim").append_text(output.printable(picture.last_mail.subject))
        line.append_text(output.printable(f" -> {picture.last_mail.to}"))
    return line
