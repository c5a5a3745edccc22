"""How soon subscribers hear of changes while others hang, fail or are slow, with a real server process.

Fifty subscribers, each at an endpoint of its own: 35 healthy ones, 5 that never answer, 5 that answer 500 and 5 that
take six seconds. N alerts are written at a steady pace; each is told to all of them. `p99_seconds` runs from the moment
before an alert is sent to the server until a healthy subscriber has it, over all alerts and all healthy subscribers.

With `--kills`, the server is killed so many times (`kill -9`) at random moments of the writing and started again at
once; the writer sends again what was not acknowledged. An alert counts as written when it was first sent, so who waits
for the server to be back waits in `p99_seconds` too; `p99_steady_seconds` leaves out the alerts that were first sent
from five seconds before a kill until five seconds after the server answered again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from parts.server import Server

SUBSCRIBERS = Path(__file__).parent.parent / "tests" / "acceptance" / "subscribers.py"
KINDS = {"healthy": 35, "hanging": 5, "failing": 5, "slow": 5}
BATCH = 100
_PATIENCE_SECONDS = 600.0
#: How long before and after an outage is not a steady time.
_AROUND = 5.0


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


class Killer(threading.Thread):
    """Kills the server at random moments, and starts it again at once."""

    def __init__(self, server: Server, moments: list[float]) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._moments = moments
        #: From when until when it was away.
        self.outages: list[tuple[float, float]] = []

    def run(self) -> None:
        for moment in self._moments:
            time.sleep(max(0.0, moment - time.time()))
            killed = time.time()
            self._server.kill()
            self._server.start()
            self._server.wait()
            self.outages.append((killed, time.time()))


def moments(began: float, seconds: float, kills: int) -> list[float]:
    """Answer random moments within a time, one in each of as many equal parts, so that each kill meets a server."""
    chance = random.Random(kills)
    part = seconds / max(1, kills)
    return [began + part * (number + chance.uniform(0.1, 0.9)) for number in range(kills)]


def write(client: httpx.Client, events: int, rate: float) -> array[float]:
    """Send the alerts at a pace, and answer when each was sent first."""
    sent = array("d")
    began = time.time()
    for first in range(0, events, BATCH):
        body = alerts(first, min(first + BATCH, events))
        time.sleep(max(0.0, began + first / rate - time.time()))
        sent.extend([time.time()] * min(BATCH, events - first))
        send(client, body)
    return sent


def send(client: httpx.Client, body: bytes) -> None:
    """Send some alerts until they are acknowledged: what is sent again is the same alert."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            answer = client.post("/ingest/alerts", content=body, headers={"content-type": "application/x-ndjson"})
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
        else:
            if answer.status_code < 500:
                answer.raise_for_status()
                return
        time.sleep(0.1)


def measure(folder: Path, events: int, rate: float, kills: int) -> dict[str, Any]:
    """Run it all, and answer the figures."""
    with running(folder, events) as (server, subscribers), server.client() as client:
        for ports in subscribers.ports.values():
            for port in ports:
                subscribe(client, port)
        began = time.time()
        killer = Killer(server, moments(began, events / rate, kills))
        killer.start()
        sent = write(client, events, rate)
        written = time.time() - began
        killer.join(_PATIENCE_SECONDS)
        until = time.monotonic() + _PATIENCE_SECONDS
        while set(subscribers.ask("count")["heard"]) != {events} and time.monotonic() < until:
            time.sleep(0.5)
        told = subscribers.ask("end")
        megabytes = server.most_megabytes()
    waits = sorted(at - sent[number] for first in told["first"] for number, at in enumerate(first) if at)
    steady = [not any(down - _AROUND < at < up + _AROUND for down, up in killer.outages) for at in sent]
    calm = sorted(
        at - sent[number] for first in told["first"] for number, at in enumerate(first) if at and steady[number]
    )
    return {
        "events": events,
        "subscribers": KINDS,
        "kills": len(killer.outages),
        "longest_outage_seconds": max((up - down for down, up in killer.outages), default=0.0),
        "asked_per_second": rate,
        "events_per_second": events / written,
        "p50_seconds": share(waits, 0.5),
        "p99_seconds": share(waits, 0.99),
        "max_seconds": waits[-1],
        "p99_steady_seconds": share(calm, 0.99),
        "steady_events": sum(steady),
        "delivered": len(waits),
        "missing": events * KINDS["healthy"] - len(waits),
        "repeated": told["repeated"],
        "changed_ids": told["changed"],
        "server_megabytes": megabytes,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load_average": os.getloadavg()[0],
    }


def share(waits: list[float], part: float) -> float:
    """Answer what so large a part of sorted waits does not exceed."""
    return waits[min(len(waits) - 1, int(len(waits) * part))] if waits else 0.0


@contextmanager
def running(folder: Path, events: int) -> Iterator[tuple[Server, Subscribers]]:
    """Run a server and the subscribers, and end both."""
    server = Server(folder, SALLYPORT_EGRESS_ALLOW="127.0.0.1", SALLYPORT_LOG_LEVEL="error")
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
        server.kill()


def main() -> None:
    """Measure, print the table, and write the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="Write the figures to this file.")
    options.add_argument("--quick", action="store_true", help="5,000 alerts.")
    options.add_argument("--events", type=int, default=100_000)
    options.add_argument("--rate", type=float, default=100.0, help="Alerts a second (100).")
    options.add_argument("--kills", type=int, default=0, help="How often the server is killed meanwhile.")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), 5_000 if chosen.quick else chosen.events, chosen.rate, chosen.kills)
    for name, value in figures.items():
        print(f"{name:24} {value:12.3f}" if isinstance(value, float) else f"{name:24} {value}")
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
