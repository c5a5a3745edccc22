"""Each example is checked, and runs without a server as its README says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from sallyport.cli import main

HERE = Path(__file__).parent
READMES = sorted(HERE.glob("*/README.md"))
_COMMAND = re.compile(r"^sallyport (run .*--offline.*)$", re.MULTILINE)
OFFLINE = [
    (readme.parent.name, command)
    for readme in READMES
    for command in _COMMAND.findall(readme.read_text("utf-8").replace("\\\n", ""))
]


def test_every_example_says_what_it_does_and_how_to_run_it_offline() -> None:
    folders = {file.relative_to(HERE).parts[0] for file in HERE.rglob("workflow.json")}
    assert {readme.parent.name for readme in READMES} == folders
    assert {name for name, _ in OFFLINE} == folders


def test_every_example_passes_validation() -> None:
    done = CliRunner().invoke(main, ["validate", str(HERE), "--json"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("command", [pytest.param(command, id=name) for name, command in OFFLINE])
def test_the_offline_run_of_a_readme_succeeds(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE.parent)
    done = CliRunner().invoke(main, [*shlex.split(command), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["properties"]["status"] == "Succeeded"
