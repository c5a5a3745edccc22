"""What commands share in talking to people and programs: options, JSON on standard output, tables, durations.

The rule: data goes to standard output, as JSON when `--json` is given; messages go to standard error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from sallyport.store import documents

data_option = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Data folder; otherwise SALLYPORT_DATA."
)
json_document = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
json_lines = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per line.")

STYLES = {
    "Succeeded": "green",
    "Failed": "bold red",
    "TimedOut": "bold red",
    "Cancelled": "yellow",
    "Skipped": "dim",
    "Running": "cyan",
    "Waiting": "cyan",
    "Aborted": "yellow",
    "Faulted": "bold red",
}
#: The statuses of runs that go on.
GOING_ON = frozenset({"Running", "Waiting"})
#: The statuses of what went wrong.
FAILURES = frozenset({"Failed", "TimedOut", "Faulted"})
FAILED = 1
#: Columns that are only read, never typed into the next command: they alone give way to a narrow window.
PROSE = frozenset({"PROVIDER", "REASON", "TITLE"})
_PROSE_LEAST = 12
_NO_END = 10_000


def console(*, messages: bool = False) -> Console:
    """Answer where to draw: standard output, or standard error for messages."""
    drawn = Console(highlight=False, soft_wrap=True, stderr=messages)
    if not drawn.is_terminal:
        # Nobody's window ends here: whoever reads this gets whole lines.
        drawn.width = _NO_END
    return drawn


def emit(value: Any) -> None:
    """Print one JSON value on a line of its own."""
    click.echo(documents.dumps(value).decode())


def emit_pretty(value: Any) -> None:
    """Print one JSON value for people to read."""
    click.echo(documents.pretty(value))


def tell(message: str) -> None:
    """Say something on standard error."""
    click.echo(message, err=True)


def done(value: Any, message: str, *, as_json: bool) -> None:
    """Say that something was done: as JSON when that is asked for, else as a message."""
    emit(value) if as_json else tell(message)


def failed() -> NoReturn:
    """End the command with the exit code that says: checked, and failed."""
    raise click.exceptions.Exit(FAILED)


def table(titles: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Print rows under their titles; in a narrow window a line goes on in the next, since half an id is of no use."""
    page = console()
    cells = [[printable(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    drawn = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for title, most in zip(titles, _widths(titles, cells, page.width), strict=True):
        drawn.add_column(title, no_wrap=True, overflow="ellipsis", max_width=most)
    for row in cells:
        drawn.add_row(*row)
    # Both, for a dumb terminal is taken to have 80 columns as long as its height is not given.
    page.size = ConsoleDimensions(_NO_END, page.height)
    page.print(drawn, crop=False, no_wrap=True)


def _widths(titles: Sequence[str], cells: Sequence[Sequence[Text]], window: int) -> list[int]:
    """Answer how wide each column may be, so that lines fit the window as far as prose can give way."""
    widths = [max(map(cell_len, (title, *(row[at].plain for row in cells)))) for at, title in enumerate(titles)]
    too_much = sum(widths) + 2 * (len(widths) - 1) - window
    for at in sorted(range(len(titles)), key=lambda at: -widths[at]):
        if titles[at] in PROSE and too_much > 0:
            given = min(too_much, max(0, widths[at] - _PROSE_LEAST))
            widths[at] -= given
            too_much -= given
    return widths


def tree(drawn: Tree) -> None:
    """Print a tree; what is too long for the window goes on below, beside the branches."""
    console().print(drawn, soft_wrap=False)


def status(name: str) -> Text:
    """Answer a status in its colour."""
    return Text(name, style=STYLES.get(name, ""))


def duration(started_at: str | None, ended_at: str | None) -> str:
    """Answer how long something took, as people say it; empty while it goes on."""
    if not started_at or not ended_at:
        return ""
    seconds = (datetime.fromisoformat(ended_at[:26]) - datetime.fromisoformat(started_at[:26])).total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def clock_time(moment: str | None) -> str:
    """Answer a UTC moment without its fractions, as `2026-01-05 09:00:00`."""
    return (moment or "")[:19].replace("T", " ")


def printable(text: str) -> Text:
    """Answer text without the characters with which its author could steer a terminal."""
    return Text("".join(each if each.isprintable() else " " for each in text))
