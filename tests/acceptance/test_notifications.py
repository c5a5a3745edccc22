"""Fifty subscribers, of which some hang, fail or are slow, and a server that is killed: the healthy hear of everything.

SALLYPORT_SOAK_EVENTS says how many alerts arrive, SALLYPORT_SOAK_KILLS how often the server is killed meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from acceptance.victim import Victim

EVENTS = int(os.environ.get("SALLYPORT_SOAK_EVENTS", "4000"))
KILLS = min(int(os.environ.get("SALLYPORT_SOAK_KILLS", "4")), 20)
BATCH = 200
_PATIENCE_SECONDS = 60.0 + EVENTS / 200
KINDS = {"healthy": 35, "hanging": 5, "failing": 5, "slow": 5}


class Subscribers:
    """The process of the subscribers."""

    def __init__(self, process: subprocess.Popen[str], ports: dict[str, list[int]]) -> None:
        self._process = process
        self.ports = ports

    def ask(self, what: str = "count") -> dict[str, Any]:
        """Answer what they have heard."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found


@contextmanager
def subscribed(events: int = EVENTS, kinds: Mapping[str, int] = KINDS) -> Iterator[Subscribers]:
    program = Path(__file__).with_name("subscribers.py")
    command = [sys.executable, str(program), str(events), *(str(each) for each in kinds.values())]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield Subscribers(process, json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def alerts(first: int, last: int) -> bytes:
    vendor = {"provider": "Soak", "vendor": "Contoso"}
    lines = (
        json.dumps({"id": f"n-{number}", "title": "x", "severity": "high", "vendorInformation": vendor})
        for number in range(first, last)
    )
    return "\n".join(lines).encode()


def ingest(client: httpx.Client, first: int, last: int) -> None:
    """Send alerts until they are acknowledged; what is sent again is the same alert."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            answer = client.post(
                "/ingest/alerts", content=alerts(first, last), headers={"content-type": "application/x-ndjson"}
            )
            if answer.status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(int(240 + EVENTS / 50))
def test_the_healthy_hear_of_every_alert_whatever_becomes_of_the_others(tmp_path: Path) -> None:
    victim = Victim(tmp_path / "data", {"SALLYPORT_EGRESS_ALLOW": "127.0.0.1"})
    victim.start()
    with subscribed() as hearing:
        headers = {"Authorization": f"Bearer {victim.token()}"}
        client = httpx.Client(base_url=victim.origin, headers=headers, trust_env=False, timeout=60)
        try:
            for ports in hearing.ports.values():
                for port in ports:
                    subscribe(client, port)
            every = max(EVENTS // (KILLS + 1), BATCH)
            for first in range(0, EVENTS, BATCH):
                ingest(client, first, min(first + BATCH, EVENTS))
                if first and first % every < BATCH:
                    victim.kill()
                    victim.start()
            until = time.monotonic() + _PATIENCE_SECONDS
            while set(hearing.ask()["heard"]) != {EVENTS}:
                assert time.monotonic() < until, (hearing.ask(), victim.log())
                time.sleep(0.5)
            told = hearing.ask("end")
            administer(victim)
        finally:
            client.close()
            victim.stop()
    assert all(all(each) for each in told["first"])
    # What is told twice is told under the same id.
    assert told["changed"] == 0


def administer(victim: Victim) -> None:
    """Look after subscriptions from the command line."""
    found = [json.loads(line) for line in victim.command("subscriptions", "list", "--json").splitlines()]
    assert len(found) == sum(KINDS.values())
    removed = victim.command("subscriptions", "remove", found[0]["id"], "--json")
    assert json.loads(removed) == {"removed": found[0]["id"]}
    assert len(victim.command("subscriptions", "list", "--json").splitlines()) == len(found) - 1
    assert victim.command("subscriptions", "dead", "--json") == ""
    assert json.loads(victim.command("subscriptions", "redeliver", "--all", "--json")) == {"redelivered": 0}


def subscribe(client: httpx.Client, port: int) -> None:
    """Subscribe an endpoint to what is new and severe."""
    given = {
        "changeType": "created",
        "notificationUrl": f"http://127.0.0.1:{port}/hook",
        "resource": "security/alerts?$filter=severity eq 'high'",
        "expirationDateTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400)),
    }
    made = client.post("/v1.0/subscriptions", json=given)
    assert made.status_code == 201, made.text
