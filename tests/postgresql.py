"""A PostgreSQL server of the tests' own: started in a temporary folder, on a socket there, stopped at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path | None:
    """Answer the folder of `initdb` and `pg_ctl`, newest version first, or None when there is no server here."""
    versioned = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda program: int(program.parts[-3]) if program.parts[-3].isdigit() else 0,
    )
    if versioned:
        return versioned[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a server whose files are in an empty folder; gives its SQLAlchemy URL."""
    where = programs()
    if where is None:
        raise RuntimeError("no PostgreSQL server program on this machine")
    data, log = folder / "data", folder / "log"
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
    _run(
        [
            str(where / "initdb"),
            "-D",
            str(data),
            "-U",
            "sallyport",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C",
        ]
    )
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=50"
    _run([str(where / "pg_ctl"), "-D", str(data), "-l", str(log), "-o", options, "-w", "start"])
    try:
        yield f"postgresql+psycopg://sallyport@/postgres?host={folder}"
    finally:
        _run([str(where / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop"])


def _run(command: Sequence[str]) -> None:
    unprivileged = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*unprivileged, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout.decode(errors='replace')}")
