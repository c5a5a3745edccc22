"""What commands do where their surroundings are not as they should be: a sentence and an exit code, never a trace."""

from __future__ import annotations

import ctypes
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import processes
from sallyport.clock import SystemClock
from sallyport.web import local_authority

#: `PR_CAPBSET_DROP`, and what lets root read what is nobody's to read.
_DROP, _CAPABILITIES = 24, (1, 2)
#: As they come in titles of alerts: beyond Latin-1, and beyond the first 65,536.
TITLE = "Grüße 日本 🦊"


def _without_rights() -> None:
    for capability in _CAPABILITIES:
        ctypes.CDLL(None).prctl(_DROP, capability, 0, 0, 0)


def run(folder: Path, *arguments: str, encoding: str = "utf-8", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user who may read only what is theirs."""
    around = processes.environment(folder, PYTHONIOENCODING=encoding, **settings)
    return subprocess.run(
        [processes.PROGRAM, *arguments],
        env=around,
        capture_output=True,
        text=True,
        encoding=encoding,
        timeout=processes.PATIENCE_SECONDS,
        preexec_fn=_without_rights,
    )


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A data folder of somebody else."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o000)
    yield folder
    folder.chmod(0o700)


@pytest.mark.parametrize(
    "command", ["runs list", "token", "client list", "consent show", "mail list", "mail clear", "ca show", "backup x"]
)
def test_the_data_folder_of_another_user_is_told_in_a_sentence(closed: Path, command: str) -> None:
    done = run(closed, *command.split())
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert f"'{closed}" in done.stderr
    assert "Permission denied" in done.stderr


def test_what_a_terminal_cannot_show_is_spelt_and_stays_json(tmp_path: Path) -> None:
    whole = run(tmp_path, "expression", "eval", f"@string('{TITLE}')", "--json", encoding="latin-1")
    assert (whole.returncode, whole.stderr) == (0, "")
    assert json.loads(whole.stdout)["value"] == TITLE
    assert "Grüße" in whole.stdout


def test_a_table_is_drawn_on_a_terminal_that_lacks_its_characters(tmp_path: Path) -> None:
    file = tmp_path / "flow.json"
    title = {"type": "Compose", "inputs": TITLE, "runAfter": {}}
    file.write_text(json.dumps({"triggers": {"manual": {"type": "Request"}}, "actions": {"Größe_日本": title}}))
    drawn = run(tmp_path, "run", str(file), "--offline", encoding="latin-1")
    assert drawn.returncode == 0, drawn.stderr
    assert r"Größe_\u65e5\u672c  Succeeded" in drawn.stdout


@pytest.mark.parametrize(
    "url", ["soar.example.com:8443", "http://[::1", "http://localhost:port", "ftp://x", "https://", "http://xn--"]
)
def test_an_address_that_is_none_is_told_by_the_name_of_its_variable(tmp_path: Path, url: str) -> None:
    done = run(tmp_path, "runs", "list", SALLYPORT_URL=url, SALLYPORT_TOKEN="abc")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: SALLYPORT_URL: '{url}' is not an address"), done.stderr


@pytest.mark.parametrize("token", ["abc\nabc", "Bearer abc", "…"])
def test_a_token_that_is_none_is_told_by_the_name_of_its_variable_and_never_shown(tmp_path: Path, token: str) -> None:
    done = run(tmp_path, "runs", "list", SALLYPORT_URL="http://127.0.0.1:1", SALLYPORT_TOKEN=token)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: SALLYPORT_TOKEN holds no token"), done.stderr
    assert token not in done.stderr


def test_a_folder_with_a_blank_in_its_name_is_quoted_where_a_command_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "of the night"
    told = f"sallyport up --data '{folder}' (or"
    assert told in run(folder, "token").stderr
    assert told in run(folder, "ca", "show").stderr
    local_authority.opened(folder, ["localhost"], SystemClock().now())
    shown = run(folder, "ca", "show")
    assert f"NODE_EXTRA_CA_CERTS='{folder}/tls/authority.pem' " in shown.stdout, shown.stderr
