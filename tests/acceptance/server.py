"""A real server process for tests of what goes wrong: its log kept in a file, raw requests, and what it has stored."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

import processes
from processes import PROGRAM, environment

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/sallyport"
WORKFLOWS = f"{GROUP}/providers/Microsoft.Logic/workflows"
REQUEST = {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}
ALERT = {"title": "Kept", "severity": "high", "vendorInformation": {"provider": "Tester", "vendor": "Contoso"}}


@dataclass
class Server(processes.Server):
    """A server that runs, and the ways to ask it."""

    log_file: Path = field(default_factory=Path)

    @cached_property
    def client(self) -> httpx.Client:
        """A client of the local administrator."""
        token = self.sallyport("token")
        assert token.returncode == 0, token.stderr
        headers = {"Authorization": f"Bearer {token.stdout.strip()}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=20)

    @cached_property
    def stranger(self) -> httpx.Client:
        """A client without a token."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=20)

    def log(self) -> str:
        """What the server has said."""
        return self.log_file.read_text(errors="replace")

    def put(self, name: str, definition: dict[str, Any], **properties: Any) -> httpx.Response:
        """Ask to store a workflow."""
        return self.client.put(f"{WORKFLOWS}/{name}", json={"properties": {"definition": definition, **properties}})

    def deploy(self, name: str, actions: dict[str, Any], triggers: Any = None, **properties: Any) -> str:
        """Store a workflow; answers the address that starts it."""
        saved = self.put(name, {"triggers": triggers or REQUEST, "actions": actions}, **properties)
        assert saved.is_success, saved.text
        return self.callback_url(name)

    def callback_url(self, name: str) -> str:
        """Answer the address that starts a workflow."""
        return str(self.client.post(f"{WORKFLOWS}/{name}/triggers/manual/listCallbackUrl").json()["value"])

    def runs(self, name: str) -> list[dict[str, Any]]:
        """Answer a workflow's runs."""
        found = self.client.get(f"{WORKFLOWS}/{name}/runs", params={"$top": 1000})
        assert found.is_success, found.text
        return list(found.json()["value"])

    def ended(self, name: str, run: str) -> dict[str, Any]:
        """Wait until a run has ended, and answer its properties with its actions."""

        address = f"{WORKFLOWS}/{name}/runs/{run}"

        def over() -> bool:
            return self.client.get(address).json()["properties"]["status"] not in ("Running", "Waiting")

        processes.until(over, f"the end of the run {run}")
        shown = self.client.get(address, params={"$expand": "properties/actions"})
        assert shown.is_success, shown.text
        found: dict[str, Any] = shown.json()["properties"]
        return found

    def stored(self) -> tuple[int, int, int, int]:
        """Answer how many alerts, indicators, workflows and runs there are."""
        alerts = int(self.client.get("/v1.0/security/alerts/$count").text)
        indicators = int(self.client.get("/beta/security/tiIndicators/$count").text)
        workflows = [each["name"] for each in self.client.get(WORKFLOWS).json()["value"]]
        return alerts, indicators, len(workflows), sum(len(self.runs(name)) for name in workflows)

    def raw(self, data: Sequence[bytes], timeout: float = 20) -> tuple[int, dict[str, str], bytes]:
        """Send bytes as they are, and answer status, headers and body."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        answer = b""
        with socket.create_connection((parts.hostname, parts.port), timeout=timeout) as connection:
            for piece in data:
                connection.sendall(piece)
            while piece := connection.recv(65536):
                answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(first.split()[1]), headers, body

    def rss_mb(self) -> float:
        """Answer how much memory the process holds."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextmanager
def serving(folder: Path, log_file: Path, *arguments: str, **more: str) -> Iterator[Server]:
    """Start a server on a folder, wait until it answers, and make sure that it ends."""
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [PROGRAM, "up", "--port", "0", *arguments], env=environment(folder, **more), stdout=log, stderr=log
        )
    running = Server(folder, process, more=more, log_file=log_file)  # type: ignore[arg-type]
    try:
        running.url = processes.url_of(running)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for name in ("client", "stranger"):
            if name in vars(running):
                getattr(running, name).close()


def request_bytes(method: str, target: str | bytes, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Answer a request as it goes over the wire, after which the connection ends."""
    path = target if isinstance(target, bytes) else target.encode()
    fields = {"Host": "sallyport.test", "Connection": "close", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode("latin-1")
    return method.encode() + b" " + path + b" HTTP/1.1\r\n" + lines + b"\r\n" + body


def error_of(response: httpx.Response) -> dict[str, Any]:
    """Answer the error that a JSON response holds."""
    assert response.headers["content-type"].startswith("application/json"), response.text
    found: dict[str, Any] = json.loads(response.content)["error"]
    assert found["code"]
    assert found["message"]
    return found
