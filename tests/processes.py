"""Real processes of the installed program, on free ports and folders of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from sallyport.auth import connector

PROGRAM = Path(sys.executable).parent / "sallyport"
#: A start may have to wait for its turn on a busy machine.
PATIENCE_SECONDS = 60.0


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a command finds around it: no settings of the machine's own, and compiled modules."""
    left_out = ("SALLYPORT_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, "SALLYPORT_DATA": str(folder), "SALLYPORT_RESERVE_BYTES": "0", "COLUMNS": "200", **more}


@dataclass
class Server:
    """A server that runs."""

    folder: Path
    process: subprocess.Popen[str]
    url: str = ""
    more: dict[str, str] = field(default_factory=dict)

    def told(self, name: str) -> str:
        """Answer what the server says about itself: `url`, `https_url` or `proxy_url`."""
        return str(json.loads((self.folder / "sallyport.lock").read_text())[name])

    @property
    def authority_file(self) -> Path:
        """The certificate that clients must trust before they speak https."""
        return self.folder / "tls" / "authority.pem"

    def sallyport(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command against this server."""
        around = environment(self.folder, SALLYPORT_URL=self.url, **self.more)
        return subprocess.run(
            [PROGRAM, *arguments], env=around, input=given, capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )

    def consent(self) -> None:
        """Let the Microsoft Graph Security connector in."""
        done = self.sallyport("consent", "grant", connector.CLIENT_ID)
        assert done.returncode == 0, done.stderr

    def json(self, *arguments: str, given: str = "") -> Any:
        """Run a command that succeeds, and answer the JSON document on its standard output."""
        done = self.sallyport(*arguments, "--json", given=given)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def lines(self, *arguments: str, given: str = "") -> list[Any]:
        """Run a command that succeeds, and answer the JSON lines on its standard output."""
        done = self.sallyport(*arguments, "--json", given=given)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def kill(self) -> None:
        """End the process without a warning."""
        self.process.kill()
        self.process.communicate()

    def end(self) -> tuple[int, str, str]:
        """Ask the process to end, and answer its exit code and what it said."""
        self.process.terminate()
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, out, err


@contextmanager
def server(folder: Path, *arguments: str, **more: str) -> Iterator[Server]:
    """Start a server on a folder, wait until it answers, and make sure that it ends."""
    process = subprocess.Popen(
        [PROGRAM, "up", "--port", "0", *arguments],
        env=environment(folder, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = Server(folder, process, more=more)
    try:
        running.url = url_of(running)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(done: Any, what: str) -> Any:
    """Wait until a function answers something, and answer that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = done()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {PATIENCE_SECONDS:.0f} seconds in vain for {what}")


def url_of(running: Server) -> str:
    """Wait until a server answers, and answer where."""

    def answering() -> str:
        assert running.process.poll() is None, running.process.communicate()
        try:
            told = json.loads((running.folder / "sallyport.lock").read_text())
            assert told["pid"] == running.process.pid
            return str(told["url"]) if httpx.get(f"{told['url']}/healthz", trust_env=False).is_success else ""
        except (OSError, ValueError, AssertionError, httpx.TransportError):
            return ""

    return str(until(answering, "the server"))
