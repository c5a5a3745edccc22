"""A real server process on a data folder of its own, as somebody who installed sallyport has one.

The rule: it finds no setting of the machine's own around it, but for the database that was chosen, and its modules are
compiled once and kept, whatever the shell that started the benchmark says about that: an installation's are.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

#: A machine that is busy with other things takes long to start a process.
_READY_SECONDS = 180.0
_LEFT_OUT = ("SALLYPORT_", "PYTHONDONTWRITEBYTECODE")


class Server:
    """`sallyport up`, started at once."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self._port = int(taken.getsockname()[1])
        self.origin = f"http://127.0.0.1:{self._port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
        own = {"SALLYPORT_DATA": str(folder), "SALLYPORT_URL": self.origin, "SALLYPORT_LOG_LEVEL": "warning"}
        self._environment = {**kept, **own, **settings}
        self._most_megabytes = 0.0
        self.start()

    def start(self) -> None:
        """Start it, without waiting for it."""
        command = self._command("up", "--port", str(self._port), "--https-port", "0")
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def wait(self) -> None:
        """Wait until it is ready."""
        ends = time.monotonic() + _READY_SECONDS
        while True:
            try:
                httpx.get(f"{self.origin}/readyz", timeout=1.0).raise_for_status()
            except httpx.HTTPError:
                if self._process.poll() is not None or time.monotonic() > ends:
                    sys.exit(f"the server does not answer: {(self.folder / 'server.log').read_text()}")
                time.sleep(0.02)
            else:
                return

    def client(self, timeout: float = 120) -> httpx.Client:
        """Answer a client that is signed in as the local administrator."""
        done = subprocess.run(self._command("token"), env=self._environment, check=True, capture_output=True, text=True)
        headers = {"Authorization": f"Bearer {done.stdout.strip()}"}
        return httpx.Client(base_url=self.origin, headers=headers, trust_env=False, timeout=timeout)

    def kill(self) -> None:
        """End it as a power failure would."""
        self._most_megabytes = self.most_megabytes()
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it as an operator would."""
        self._process.terminate()
        self._process.wait(30)

    def megabytes(self) -> float:
        """Answer how much memory it holds now, in MB of 1,000,000 bytes."""
        return self._memory("VmRSS:")

    def most_megabytes(self) -> float:
        """Answer how much memory any of its processes has held at the most, in MB of 1,000,000 bytes."""
        return max(self._most_megabytes, self._memory("VmHWM:"))

    def _memory(self, kind: str) -> float:
        status = Path(f"/proc/{self._process.pid}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return sum(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(kind))

    @staticmethod
    def _command(*words: str) -> list[str]:
        return [sys.executable, "-m", "sallyport", *words]
