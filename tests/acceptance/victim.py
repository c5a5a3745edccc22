"""A real server process that can be killed at any moment and started again on the same data folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from sallyport.auth import connector

_READY_SECONDS = 30.0


def free_port() -> int:
    """Answer a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Victim:
    """`sallyport up` on a data folder."""

    def __init__(self, data: Path, environment: dict[str, str]) -> None:
        self.data = data
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self._log = data.parent / "server.log"
        self._environment = {
            **os.environ,
            **environment,
            "SALLYPORT_DATA": str(data),
            "SALLYPORT_URL": self.origin,
            "SALLYPORT_LOG_LEVEL": "warning",
        }
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "sallyport", "up", "--port", str(self.port), "--https-port", "0"]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        ends = time.monotonic() + _READY_SECONDS
        while time.monotonic() < ends:
            if self.process.poll() is not None:
                break
            try:
                httpx.get(f"{self.origin}/healthz", timeout=1.0)
            except httpx.TransportError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"the server does not answer:\n{self.log()}")

    def kill(self) -> None:
        """End it as a power failure would: it is told nothing."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as its operator would."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def log(self) -> str:
        """Answer the end of what it has said."""
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""

    def token(self) -> str:
        """Answer a bearer token of the local administrator."""
        return self.command("token")

    def consent(self) -> None:
        """Let the Microsoft Graph Security connector in."""
        self.command("consent", "grant", connector.CLIENT_ID)

    def command(self, *words: str) -> str:
        """Answer what a command of ours prints."""
        command = [sys.executable, "-m", "sallyport", *words]
        done = subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def deploy(self, name: str, definition: dict[str, Any], parameters: dict[str, Any] | None = None) -> str:
        """Deploy a workflow; answers its address in the management API."""
        group = f"/subscriptions/{'0' * 8}-0000-0000-0000-{'0' * 12}/resourceGroups/soak/providers/Microsoft.Logic"
        address = f"{self.origin}{group}/workflows/{name}?api-version=2016-06-01"
        properties = {"definition": definition, "parameters": parameters or {}}
        headers = {"Authorization": f"Bearer {self.token()}"}
        answer = httpx.put(address, json={"location": "local", "properties": properties}, headers=headers, timeout=30)
        answer.raise_for_status()
        return address.partition("?")[0]

    def callback_url(self, address: str, trigger: str) -> str:
        """Answer the address that starts a run."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        found = httpx.post(f"{address}/triggers/{trigger}/listCallbackUrl", headers=headers, timeout=30)
        found.raise_for_status()
        return str(found.json()["value"])
