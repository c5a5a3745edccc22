"""Processes that read large bodies, beside a real server: they answer as it does, and never outlive it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import httpx
import pytest

import processes

ALERTS = 1_500
MALFORMED = 700
VENDOR = {"provider": "Zeek", "vendor": "Zeek"}


def body(first: int) -> bytes:
    """Answer alerts as lines, one of which is no JSON."""
    return b"\n".join(
        b"{broken"
        if number == MALFORMED
        else json.dumps({"id": f"a{first + number}", "title": "t", "vendorInformation": VENDOR}).encode()
        for number in range(ALERTS)
    )


def children(server: processes.Server) -> list[int]:
    """Answer the processes that a server has started."""
    listed = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    return [int(each) for file in listed for each in file.read_text().split()]


def run(pid: int) -> bool:
    """Answer whether a process is there and not only waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ingest(client: httpx.Client, first: int) -> list[int]:
    """Send alerts, and answer what is told of each."""
    headers = {"content-type": "application/x-ndjson"}
    told = client.post("/ingest/alerts", content=body(first), headers=headers)
    return [json.loads(line)["status"] for line in told.text.splitlines()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("end", ["kill", "end"])
def test_they_tell_of_each_alert_and_end_with_the_server(tmp_path: Path, end: str) -> None:
    expected = [400 if number == MALFORMED else 201 for number in range(ALERTS)]
    with processes.server(tmp_path, "--https-port", "0", SALLYPORT_READING_PROCESSES="2") as server:
        headers = {"authorization": f"Bearer {server.sallyport('token').stdout.strip()}"}
        with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=60) as client:
            assert ingest(client, 0) == expected
            # Both processes, and the one that Python starts to clean up behind them.
            started = processes.until(lambda: len(found := children(server)) >= 3 and found, "the processes")
            for number in range(1, 5):
                assert ingest(client, number * ALERTS) == expected
            assert ingest(client, ALERTS) == [400 if each == 400 else 200 for each in expected]
            listed = client.get("/v1.0/security/alerts/$count")
            assert int(listed.text) == 5 * (ALERTS - 1)
        try:
            if end == "kill":
                server.process.kill()
            else:
                server.process.terminate()
            processes.until(lambda: not any(map(run, started)), "the end of the processes")
        finally:
            for each in filter(run, started):
                os.kill(each, signal.SIGKILL)
