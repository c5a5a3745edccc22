"""How soon subscribers hear of changes while others hang, fail or are slow, with a real server process.

Fifty subscribers, each at an endpoint of its own: 35 healthy ones, 5 that never answer, 5 that answer 500 and 5 that
take six seconds. N alerts are written at a steady pace; each is told to all of them. `p99_seconds` runs from the moment
before an alert is sent to the server until a healthy subscriber has it, over all alerts and all healthy subscribers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

SUBSCRIBERS = Path(__file__).parent.parent / "tests" / "acceptance" / "subscribers.py"
KINDS = {"healthy": 35, "hanging": 5, "failing": 5, "slow": 5}
BATCH = 100
_READY_SECONDS = 30.0
_PATIENCE_SECONDS = 600.0


class Server:
    """`sallyport up` on a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = int(taken.getsockname()[1])
        self.origin = f"http://127.0.0.1:{port}"
        self._environment = {
            **os.environ,
            "SALLYPORT_DATA": str(folder / "data"),
            "SALLYPORT_URL": self.origin,
            "SALLYPORT_LOG_LEVEL": "error",
            "SALLYPORT_EGRESS_ALLOW": "127.0.0.1",
        }
        command = [sys.executable, "-m", "sallyport", "up", "--port", str(port), "--https-port", "0"]
        self.process = subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL)

    def wait(self) -> None:
        """Wait until it answers."""
        until = time.monotonic() + _READY_SECONDS
        while True:
            try:
                httpx.get(f"{self.origin}/readyz", timeout=1.0).raise_for_status()
            except httpx.HTTPError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return

    def client(self) -> httpx.Client:
        """Answer a client that is signed in as the local administrator."""
        command = [sys.executable, "-m", "sallyport", "token"]
        done = subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True)
        headers = {"Authorization": f"Bearer {done.stdout.strip()}"}
        return httpx.Client(base_url=self.origin, headers=headers, trust_env=False, timeout=60)

    def megabytes(self) -> float:
        """Answer how much memory it has used at the most."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0.0
        return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if "VmHWM" in line)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


class Subscribers:
    """The process of the subscribers."""

    def __init__(self, events: int) -> None:
        command = [sys.executable, str(SUBSCRIBERS), str(events), *(str(each) for each in KINDS.values())]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports: dict[str, list[int]] = self._line()

    def ask(self, what: str) -> Any:
        """Answer what they have heard."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        return self._line()

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)

    def _line(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


def subscribe(client: httpx.Client, port: int) -> None:
    """Subscribe an endpoint to what is new and severe."""
    given = {
        "changeType": "created",
        "notificationUrl": f"http://127.0.0.1:{port}/hook",
        "resource": "security/alerts?$filter=severity eq 'high'",
        "expirationDateTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400)),
    }
    client.post("/v1.0/subscriptions", json=given).raise_for_status()


def alerts(first: int, last: int) -> bytes:
    """Answer some alerts as lines."""
    vendor = {"provider": "Bench", "vendor": "Contoso"}
    return "\n".join(
        json.dumps({"id": f"n-{number}", "title": f"t {number}", "severity": "high", "vendorInformation": vendor})
        for number in range(first, last)
    ).encode()


def write(client: httpx.Client, events: int, rate: float) -> array[float]:
    """Send the alerts at a pace, and answer when each was sent."""
    sent = array("d")
    began = time.time()
    for first in range(0, events, BATCH):
        body = alerts(first, min(first + BATCH, events))
        time.sleep(max(0.0, began + first / rate - time.time()))
        sent.extend([time.time()] * min(BATCH, events - first))
        client.post("/ingest/alerts", content=body, headers={"content-type": "application/x-ndjson"}).raise_for_status()
    return sent


def measure(folder: Path, events: int, rate: float) -> dict[str, Any]:
    """Run it all, and answer the figures."""
    with running(folder, events) as (server, subscribers), server.client() as client:
        for ports in subscribers.ports.values():
            for port in ports:
                subscribe(client, port)
        began = time.monotonic()
        sent = write(client, events, rate)
        written = time.monotonic() - began
        until = time.monotonic() + _PATIENCE_SECONDS
        while set(subscribers.ask("count")["heard"]) != {events} and time.monotonic() < until:
            time.sleep(0.5)
        told = subscribers.ask("end")
        megabytes = server.megabytes()
    waits = sorted(at - sent[number] for first in told["first"] for number, at in enumerate(first) if at)
    delivered = len(waits)
    return {
        "events": events,
        "subscribers": KINDS,
        "events_per_second": events / written,
        "p50_seconds": waits[delivered // 2],
        "p99_seconds": waits[int(delivered * 0.99)],
        "max_seconds": waits[-1],
        "delivered": delivered,
        "missing": events * KINDS["healthy"] - delivered,
        "repeated": told["repeated"],
        "changed_ids": told["changed"],
        "server_megabytes": megabytes,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }


@contextmanager
def running(folder: Path, events: int) -> Iterator[tuple[Server, Subscribers]]:
    """Run a server and the subscribers, and end both."""
    server = Server(folder)
    try:
        server.wait()
        # Only now: the subscribers' ports are free ones too.
        subscribers = Subscribers(events)
        try:
            yield server, subscribers
        finally:
            server.stop()
            subscribers.stop()
    finally:
        server.process.kill()


def main() -> None:
    """Measure, print the table, and write the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="Write the figures to this file.")
    options.add_argument("--quick", action="store_true", help="5,000 alerts.")
    options.add_argument("--events", type=int, default=100_000)
    options.add_argument("--rate", type=float, default=100.0, help="Alerts a second (100).")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), 5_000 if chosen.quick else chosen.events, chosen.rate)
    for name, value in figures.items():
        print(f"{name:24} {value:12.3f}" if isinstance(value, float) else f"{name:24} {value}")
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
