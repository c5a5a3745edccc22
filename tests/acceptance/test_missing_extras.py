"""What a command says when a setting asks for a package that is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from processes import PATIENCE_SECONDS, environment

WITHOUT = """
import sys
sys.modules[{package!r}] = None  # as if it were not installed
from sallyport.cli import main
main({arguments!r}, prog_name="sallyport")
"""


@pytest.mark.parametrize(
    ("package", "setting", "value", "extra"),
    [
        ("psycopg", "DATABASE_URL", "postgresql://user@127.0.0.1/sallyport", "postgresql"),
        ("opentelemetry", "OTLP_ENDPOINT", "http://127.0.0.1:4318", "opentelemetry"),
    ],
)
def test_a_start_without_a_package_names_the_extra(
    tmp_path: Path, package: str, setting: str, value: str, extra: str
) -> None:
    done = without(package, tmp_path, ["up", "--port", "0", "--https-port", "0"], {f"SALLYPORT_{setting}": value})
    said = f"Error: {setting.lower()}: the package '{package}' is not installed; install sallyport[{extra}]."
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["backup", "x.backup"], ["client", "list"], ["user", "list"]])
def test_any_command_on_the_database_names_the_extra(tmp_path: Path, arguments: list[str]) -> None:
    given = {"SALLYPORT_DATABASE_URL": "postgresql+psycopg://user@127.0.0.1/sallyport"}
    done = without("psycopg", tmp_path, arguments, given)
    told = "Error: database_url: the package 'psycopg' is not installed; install sallyport[postgresql].\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


def without(package: str, folder: Path, arguments: list[str], more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a process in which a package cannot be imported."""
    script = WITHOUT.format(package=package, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", script],
        env=environment(folder, **more),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
