"""A busy server is killed at random moments, again and again: nothing acknowledged is lost, nothing ends differently.

Runs are started by requests and by ingested alerts; each has two effects outside, in a process that keeps what reached
it, and a wait between them. SALLYPORT_SOAK_KILLS says how often to kill, SALLYPORT_SOAK_SEED when.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

import databases
from acceptance.victim import Victim
from sallyport.engine import entries, resume
from sallyport.engine.records import ABSENT, Record
from sallyport.statuses import TERMINAL
from sallyport.store import documents, runs
from sallyport.store.database import Database, sqlite_url

KILLS = int(os.environ.get("SALLYPORT_SOAK_KILLS", "20"))
SEED = int(os.environ.get("SALLYPORT_SOAK_SEED", str(random.randrange(10**6))))
RUNS = 1_000
#: How long the server may take, after the last start, to end everything.
_DRAIN_SECONDS = 90.0
#: A request that left the server before a kill may be written down a little after it.
_SLACK_SECONDS = 2.0


def _definition(trigger: dict[str, Any], what: str, sink: str) -> dict[str, Any]:
    def tell(path: str, body: Any, *after: str) -> dict[str, Any]:
        inputs = {"method": "POST", "uri": f"{sink}/{path}", "body": body}
        return {"type": "Http", "inputs": inputs, "runAfter": {name: ["Succeeded"] for name in after}}

    return {
        "parameters": {"$connections": {"type": "Object", "defaultValue": {}}},
        "triggers": {"when": trigger},
        "actions": {
            "Tell": tell("tell", {"id": what}),
            "Note": {"type": "Compose", "inputs": "@body('Tell')?['took']?['id']", "runAfter": {"Tell": ["Succeeded"]}},
            "Pause": {
                "type": "Wait",
                "inputs": {"interval": {"count": 3, "unit": "Second"}},
                "runAfter": {"Note": ["Succeeded"]},
            },
            "Told": tell("told", {"id": "@outputs('Note')", "again": True}, "Pause"),
        },
        "outputs": {"id": {"type": "String", "value": "@body('Told')?['took']?['id']"}},
    }


CALLED = {"type": "Request", "kind": "Http", "inputs": {}}
ALERTED = {
    "type": "ApiConnection",
    "recurrence": {"frequency": "Second", "interval": 1},
    "splitOn": "@triggerBody()?['value']",
    "inputs": {
        "host": {"connection": {"name": "@parameters('$connections')['microsoftgraphsecurity']['connectionId']"}},
        "method": "get",
        "path": "/trigger/v1.0/security/alerts",
    },
}
_API = "/subscriptions/x/providers/Microsoft.Web/locations/local/managedApis/microsoftgraphsecurity"
CONNECTIONS = {
    "$connections": {
        "value": {
            "microsoftgraphsecurity": {"connectionId": "graph", "connectionName": "graph", "id": _API},
        }
    }
}


@dataclass
class Acknowledged:
    """What the server said it has."""

    #: Names of runs, by what was sent.
    called: dict[str, str] = field(default_factory=dict)
    alerts: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        return len(self.called) + len(self.alerts)


@contextmanager
def _sink(file: Path) -> Iterator[int]:
    program = Path(__file__).with_name("sink.py")
    process = subprocess.Popen(
        [sys.executable, str(program), str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


class Clients:
    """Callers who go on whatever happens to the server; what fails is not acknowledged, and they do not ask again."""

    def __init__(self, url: str, origin: str, token: str) -> None:
        self._url = url
        self._ingest = f"{origin}/ingest/alerts"
        self._token = token
        self._sent = 0
        self.acknowledged = Acknowledged()

    async def send(self, client: httpx.AsyncClient, most: int) -> None:
        """Send one thing after the other while fewer than `most` are acknowledged."""
        while self.acknowledged.count < most:
            self._sent += 1
            name = f"n-{self._sent:08d}"
            try:
                await (self._call(client, name) if self._sent % 2 else self._alert(client, name))
            except httpx.TransportError:
                await asyncio.sleep(0.2)

    async def _call(self, client: httpx.AsyncClient, name: str) -> None:
        answer = await client.post(self._url, json={"id": name})
        if answer.status_code == 202:
            self.acknowledged.called[name] = answer.headers["x-ms-workflow-run-id"]

    async def _alert(self, client: httpx.AsyncClient, name: str) -> None:
        alert = {"id": name, "title": name, "severity": "high", "status": "newAlert", "category": "Soak"}
        alert["vendorInformation"] = {"provider": "Soak", "vendor": "Sallyport"}  # type: ignore[assignment]
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/x-ndjson"}
        answer = await client.post(self._ingest, content=json.dumps(alert), headers=headers)
        if answer.status_code == 200 and answer.json()["status"] == 201:
            self.acknowledged.alerts.add(name)


async def _warm_up(clients: Clients, url: str) -> None:
    """Send until both workflows have ended a run: the trigger has looked for the first time, and nothing was killed."""
    async with httpx.AsyncClient(timeout=5) as client:
        for _ in range(60):
            await clients.send(client, clients.acknowledged.count + 2)
            await asyncio.sleep(0.5)
            ended = [run for run in _runs(url) if run.status in TERMINAL]
            if len({run.workflow_id for run in ended}) == 2:
                return
    raise TimeoutError("the workflows do not run")


async def _campaign(victim: Victim, clients: Clients, chance: random.Random) -> list[float]:
    """Kill and start again while clients send; answers when the kills were."""
    kills = []
    for number in range(1, KILLS + 1):
        most = RUNS * number // KILLS
        async with httpx.AsyncClient(timeout=5) as client:
            senders = [asyncio.ensure_future(clients.send(client, most)) for _ in range(8)]
            await asyncio.sleep(chance.uniform(0.05, 2.0))
            victim.kill()
            kills.append(time.time())
            await asyncio.to_thread(victim.start)
            await asyncio.wait_for(asyncio.gather(*senders), 60)
    return kills


def _drain(url: str, clients: Clients) -> None:
    ends = time.monotonic() + _DRAIN_SECONDS
    while time.monotonic() < ends:
        found = _runs(url)
        told = _alerts_of(found)
        if all(run.status in TERMINAL for run in found) and clients.acknowledged.alerts <= told.keys():
            return
        time.sleep(0.5)
    open_runs = [f"{run.id} {run.status} {run.owner} {run.wake_at}" for run in _runs(url)]
    raise TimeoutError(f"not everything ends: {[each for each in open_runs if ' Succeeded' not in each][:5]}")


def _runs(url: str) -> list[runs.Run]:
    opened = Database(url)
    try:
        return opened.read_now(lambda connection: runs.listed(connection, limit=10**6))
    finally:
        opened.close()


def _alerts_of(found: list[runs.Run]) -> Counter[str]:
    """Answer how many runs each alert has."""
    ids = [(documents.loads(run.trigger).get("outputs") or {}).get("value", {}).get("body", {}) for run in found]
    return Counter(body["id"] for body in ids if isinstance(body, dict) and "title" in body)


def _histories(url: str) -> dict[str, tuple[runs.Run, list[Record], list[int]]]:
    opened = Database(url)
    try:
        found = {}
        for run in opened.read_now(lambda connection: runs.listed(connection, limit=10**6)):
            stored = opened.read_now(lambda connection, run=run: resume.read(connection, run))  # type: ignore[misc]
            reader = entries.Reader(None, stored.bodies)
            records = [reader.record(entry) for entry in stored.entries]
            found[run.id] = (run, records, [entry.sequence for entry in stored.entries])
        return found
    finally:
        opened.close()


def _shown(run: runs.Run, records: list[Record]) -> Any:
    """Answer how a run ended, without what two runs do not share: the name of what started it."""
    actions = {
        each.name: [
            each.status.value,
            each.code,
            each.error,
            None if each.inputs is ABSENT else each.inputs,
            None if each.outputs is ABSENT else each.outputs,
        ]
        for each in records
    }
    name = records[0].inputs["body"]["id"]
    return json.loads(json.dumps([run.status, run.code, run.outputs, actions]).replace(name, "NAME"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The server's database; in PostgreSQL what a killed process asked for may still be done while the next begins."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "data" / "sallyport.db")
    return databases.created(request.getfixturevalue("postgresql_url"))


@pytest.mark.timeout(120 + 30 * KILLS)
@pytest.mark.soak
@pytest.mark.slow
def test_a_server_that_is_killed_again_and_again_loses_nothing(url: str, tmp_path: Path) -> None:
    sys.stdout.write(f"SALLYPORT_SOAK_SEED={SEED} SALLYPORT_SOAK_KILLS={KILLS}\n")
    data, effects = tmp_path / "data", tmp_path / "effects"
    with _sink(effects) as port:
        victim = Victim(data, {"SALLYPORT_EGRESS_ALLOW": f"127.0.0.1:{port}", "SALLYPORT_DATABASE_URL": url})
        victim.start()
        victim.consent()
        try:
            sink = f"http://127.0.0.1:{port}"
            address = victim.deploy("called", _definition(CALLED, "@{triggerBody()?['id']}", sink))
            victim.deploy("alerted", _definition(ALERTED, "@{triggerBody()?['id']}", sink), CONNECTIONS)
            clients = Clients(victim.callback_url(address, "when"), victim.origin, victim.token())
            asyncio.run(_warm_up(clients, url))
            undisturbed = {run.id for run in _runs(url) if run.status in TERMINAL}
            before = set(clients.acknowledged.alerts)
            kills = asyncio.run(_campaign(victim, clients, random.Random(SEED)))
            clients.acknowledged.alerts -= before - _alerts_of(_runs(url)).keys()
            _drain(url, clients)
        finally:
            victim.stop()
    assert len(kills) == KILLS
    _check(url, clients.acknowledged, undisturbed, _effects(effects), kills)


def _effects(file: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in file.read_text().splitlines():
        effect = json.loads(line)
        found.setdefault((effect["run"], effect["action"]), []).append(effect)
    return found


def _check(
    url: str,
    acknowledged: Acknowledged,
    undisturbed: set[str],
    effects: dict[tuple[str, str], list[dict[str, Any]]],
    kills: list[float],
) -> None:
    histories = _histories(url)
    alerts = _alerts_of([run for run, _, _ in histories.values()])
    assert acknowledged.called
    assert acknowledged.alerts
    assert {name: alerts[name] for name in acknowledged.alerts if alerts[name] != 1} == {}
    assert set(acknowledged.called.values()) <= histories.keys()
    first = next(run_id for run_id in undisturbed)
    expected = _shown(*histories[first][:2])
    repeats = 0
    for run_id, (run, records, sequences) in histories.items():
        assert sequences == list(range(len(sequences))), f"the history of {run_id} has holes"
        assert _shown(run, records) == expected, run_id
        ended = Counter(each.name for each in records if each.status in TERMINAL)
        assert set(ended.values()) == {1}, f"{run_id} ended an action twice: {ended}"
        for action in ("Tell", "Told"):
            repeats += _check_effect(run_id, action, records, effects.get((run_id, action.lower()), []), kills)
    assert {run_id for run_id, _ in effects} <= histories.keys(), "an effect of a run that is not stored"
    sys.stdout.write(f"{len(histories)} runs, {len(kills)} kills, {repeats} repeated effects\n")


def _check_effect(
    run_id: str, action: str, records: list[Record], found: list[dict[str, Any]], kills: list[float]
) -> int:
    """Check that an effect is there, under the key of its action, and repeated only by kills; answers how often."""
    (key,) = {each.tracking_id for each in records if each.name == action}
    assert found, f"the effect '{action}' of {run_id} is missing"
    assert {each["key"] for each in found} == {key}, f"{run_id} {action}"
    between = [kill for kill in kills if found[0]["at"] - _SLACK_SECONDS <= kill <= found[-1]["at"]]
    assert len(found) - 1 <= len(between), f"'{action}' of {run_id} was repeated without a kill: {found}"
    return len(found) - 1
