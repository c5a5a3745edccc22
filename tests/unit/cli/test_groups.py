"""What every command has, and what the help of every group says."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from sallyport.cli import main

#: What runs until somebody ends it has nothing to print at its end.
NO_JSON = {("up",)}


def walked(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from walked(found, (*path, name))


ALL = dict(walked(main))
GROUPS = [path for path, command in ALL.items() if isinstance(command, click.Group)]
LEAVES = [path for path, command in ALL.items() if not isinstance(command, click.Group)]


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_the_help_of_a_group_has_a_whole_sentence_for_each_command(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(main, [*path, "--help"], terminal_width=80)
    assert shown.exit_code == 0
    # Lines may end within a word that has a hyphen.
    text = "".join(shown.stdout.split())
    for name, command in ((each[-1], ALL[each]) for each in ALL if each[:-1] == path and each != path):
        sentence = " ".join((command.help or "").split()).partition(". ")[0].rstrip(".")
        assert sentence
        assert f"{name}{sentence}.".replace(" ", "") in text


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_a_command_prints_json_for_programs_and_explains_every_option(path: tuple[str, ...]) -> None:
    options = [each for each in ALL[path].params if isinstance(each, click.Option)]
    assert all(each.help for each in options)
    assert path in NO_JSON or "--json" in {word for each in options for word in each.opts}
