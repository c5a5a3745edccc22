"""docs/reference/cli.md: every command, from its own help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from drawing import markdown
from sallyport.cli import main


def page() -> str:
    """Draw the page."""
    return markdown.page(
        "The command line",
        "`sallyport COMMAND --help` says the same. Data goes to standard output, messages to standard error; "
        "with `--json`,\n"
        "what is on standard output is one JSON document, or one on each line. Exit codes: 0 done, 1 checked "
        "and failed, 2\n"
        "wrong use.\n\n"
        "Commands that talk to a server find it by `SALLYPORT_URL`, or else by the data folder (`--data`, "
        "`SALLYPORT_DATA`),\n"
        "where a running server notes its address; the folder also holds the keys of the local administrator, "
        "whose token\n"
        "they use.",
        *(_command(path, command) for path, command in commands()),
    )


def commands() -> Iterator[tuple[str, click.Command]]:
    """Give every command below `sallyport` with its path, such as `runs show`, in alphabetical order."""
    yield from _below(main, "")


def _below(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            raise ValueError(f"The command '{prefix}{name}' is listed but cannot be loaded.")
        yield f"{prefix}{name}", command
        if isinstance(command, click.Group):
            yield from _below(command, f"{prefix}{name} ")


def _command(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"sallyport {path}")
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    depth = "###" if " " in path else "##"
    text = re.sub(r"\n(?!\n)(?<!\n\n)", " ", inspect.cleandoc(command.help or "")).replace("\f", "")
    records = [record for each in command.get_params(context) if (record := each.get_help_record(context)) is not None]
    rows = ((f"`{name}`", meaning) for name, meaning in records if meaning and not name.startswith("--help"))
    return "\n\n".join(
        part
        for part in [f"{depth} {path}", f"```\n{usage}\n```", text, markdown.table(("option", "meaning"), rows)]
        if part
    )
