"""How many actions a second one server runs, durably, against what a bare SQLite writer does with the same bytes.

A real server process over SQLite with `synchronous=FULL` runs a workflow: Request trigger, ten Compose actions with
expressions over a body of 2 KB, Response; the full history is kept. Clients wait for each answer.

The server takes turns with a bare writer that puts the same bytes into tables on the same disk, with
`synchronous=FULL` too: for every ten actions the ten entries of the history, that of the Response and the row of the
run, which holds the body, in one transaction. Beside it stands a writer of the ten entries alone, which keeps neither
the body nor the answer. The ratios are of what all turns came to.

`ratio_possible` is what the ratio would be, with one caller, of a run that costs nothing: a request that reads and
writes nothing, and then the bare writer's transaction.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

from parts import caller
from parts.server import Server

ACTIONS = 10
EXPRESSIONS = (
    "@concat('Alert ', toUpper(triggerBody()?['title']), ' sev ', string(add(1,2)))",
    "@triggerBody()?['userStates'][0]?['userPrincipalName']",
    "@if(equals(triggerBody()?['severity'], 'high'), 'page', 'mail')",
    {"title": "@triggerBody()?['title']", "host": "@{triggerBody()?['hostStates'][0]?['fqdn']}"},
    "@length(triggerBody()?['tags'])",
)
ENTRY = ("run_id", "sequence", "name", "repetition", "status", "document")
#: How many stored runs the bare writer repeats.
REPEATED = 200
#: How often the server and the bare writers take turns: a machine's speed changes within seconds.
TURNS = 6


def body() -> dict[str, Any]:
    """Answer an alert of about 2 KB."""
    return {
        "id": "da637727919412649530_-883158861",
        "title": "Suspicious sign-in from an unfamiliar place",
        "severity": "high",
        "category": "InitialAccess",
        "description": "A sign-in that does not fit what this user usually does. " * 20,
        "tags": ["identity", "sign-in", "review"],
        "userStates": [{"userPrincipalName": "ada@contoso.example", "accountName": "ada", "logonIp": "203.0.113.7"}],
        "hostStates": [{"fqdn": "pc-17.contoso.example", "privateIpAddress": "10.0.0.17", "os": "Windows"}],
        "vendorInformation": {"provider": "IPC", "vendor": "Microsoft", "subProvider": None},
    }


def definition() -> dict[str, Any]:
    """Answer the measured workflow."""
    actions: dict[str, Any] = {}
    before = ""
    for index in range(ACTIONS):
        name = f"Compose_{index}"
        after = {before: ["Succeeded"]} if before else {}
        actions[name] = {"type": "Compose", "inputs": EXPRESSIONS[index % len(EXPRESSIONS)], "runAfter": after}
        before = name
    answer = {"statusCode": 200, "body": {"said": "@outputs('Compose_0')"}}
    actions["Response"] = {"type": "Response", "kind": "Http", "inputs": answer, "runAfter": {before: ["Succeeded"]}}
    return {"triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}, "actions": actions}


def deployed(server: Server) -> str:
    """Deploy the workflow and answer its address."""
    group = f"/subscriptions/{'0' * 8}-0000-0000-0000-{'0' * 12}/resourceGroups/bench/providers/Microsoft.Logic"
    address = f"{group}/workflows/bench"
    with server.client() as client:
        client.put(address, json={"properties": {"definition": definition()}}).raise_for_status()
        found = client.post(f"{address}/triggers/manual/listCallbackUrl").raise_for_status()
    return str(found.json()["value"])


def start_runs(url: str, concurrency: int, number: int) -> float:
    """Start runs from so many connections at once and answer the seconds that all of them took."""
    return caller.call(url, json.dumps(body()).encode(), concurrency, number)


@dataclass
class Stored:
    """What the server has stored of one run."""

    row: tuple[Any, ...]
    entries: list[tuple[Any, ...]]


def stored(folder: Path) -> list[Stored]:
    """Answer what the server has stored of its latest runs."""
    with sqlite3.connect(folder / "sallyport.db") as connection:
        rows = connection.execute(f"SELECT * FROM runs ORDER BY id LIMIT {REPEATED}").fetchall()
        return [Stored(row, list(entry_rows(connection, row[0]))) for row in rows]


def entry_rows(connection: sqlite3.Connection, run_id: str) -> Iterator[tuple[Any, ...]]:
    """Answer the entries of a run as rows of their own: the server has one for all that it commits at a time."""
    query = "SELECT entries FROM run_history WHERE run_id = ? ORDER BY sequence"
    held = chain.from_iterable(json.loads(text) for (text,) in connection.execute(query, (run_id,)))
    for sequence, (name, repetition, status, document) in enumerate(held):
        yield run_id, sequence, name, repetition, status, json.dumps(document, separators=(",", ":"))


def bare_writer(folder: Path, runs: Sequence[Stored], seconds: float, *, whole: bool) -> float:
    """Write for some seconds, a run to a transaction, and answer how many actions a second were committed.

    What is written is all that the server stores of a run, or only the entries of its ten actions.
    """
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"CREATE TABLE h ({', '.join(ENTRY)}, PRIMARY KEY (run_id, sequence)) WITHOUT ROWID")
    width = len(runs[0].row)
    columns = ", ".join(f"c{index}" for index in range(width))
    connection.execute(f"CREATE TABLE r ({columns}, PRIMARY KEY (c0)) WITHOUT ROWID")
    into_history, into_runs = (
        f"INSERT INTO {table} VALUES ({marks})"
        for table, marks in (("h", ", ".join("?" * len(ENTRY))), ("r", ", ".join("?" * width)))
    )
    written, start = 0, perf_counter()
    while (passed := perf_counter() - start) < seconds:
        run = runs[written % len(runs)]
        name = f"{written:034d}"
        entries = run.entries if whole else run.entries[:ACTIONS]
        connection.execute("BEGIN IMMEDIATE")
        if whole:
            connection.execute(into_runs, (name, *run.row[1:]))
        connection.executemany(into_history, [(name, *each[1:]) for each in entries])
        connection.execute("COMMIT")
        written += 1
    connection.close()
    for left in ("bare.db", "bare.db-wal", "bare.db-shm"):
        (folder / left).unlink(missing_ok=True)
    return written * ACTIONS / passed


@dataclass
class Round:
    """What one level of concurrency gave."""

    concurrency: int
    runs_per_second: float
    actions_per_second: float
    bare_actions_per_second: float
    ratio_to_bare_writer: float
    bare_entries_per_second: float
    ratio_to_bare_entries: float


def measure(server: Server, url: str, concurrency: int, number: int, seconds: float) -> Round:
    """Measure one level of concurrency, taking turns with the bare writers."""
    runs = stored(server.folder)
    passed, started = 0.0, 0
    whole, entries = [], []
    for _ in range(TURNS):
        whole.append(bare_writer(server.folder, runs, seconds / TURNS, whole=True))
        passed += start_runs(url, concurrency, number // TURNS)
        started += number // TURNS
        entries.append(bare_writer(server.folder, runs, seconds / TURNS, whole=False))
    bare, plain = statistics.mean(whole), statistics.mean(entries)
    a_second = started / passed
    actions = a_second * ACTIONS
    return Round(concurrency, a_second, actions, bare, actions / bare, plain, actions / plain)


def possible(server: Server, alone: Round, number: int) -> float:
    """Answer what ratio one caller could see if a run cost nothing, beside what was measured with one caller."""
    nothing = caller.call(f"{server.origin}/healthz", None, 1, number) / number
    commit = ACTIONS / alone.bare_actions_per_second
    return commit / (nothing + commit)


def flatness(url: str, server: Server, total: int) -> dict[str, float]:
    """Go on until so many runs are stored; answer what a run costs at the end, in units of the cost at the start."""
    window = 1000
    stored = 0
    first = last = 0.0
    while stored < total:
        passed = start_runs(url, 50, window)
        stored += window
        first = first or passed
        last = passed
    return {"cost_growth": last / first, "runs_stored": stored, "rss_mb": server.megabytes()}


def main() -> None:
    """Measure, print one table, and write JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--quick", action="store_true", help="fewer runs, for a look")
    chosen = parser.parse_args()
    number, seconds, total = (600, 1.0, 2_000) if chosen.quick else (6_000, 6.0, 100_000)
    with tempfile.TemporaryDirectory(prefix="sallyport-bench-") as folder:
        server = Server(Path(folder))
        try:
            server.wait()
            url = deployed(server)
            start_runs(url, 10, 300)
            rounds = [measure(server, url, each, number, seconds) for each in (1, 10, 50)]
            reach = possible(server, rounds[0], number)
            grown = flatness(url, server, total)
        finally:
            server.stop()
    report(rounds, reach, grown, chosen.json)


def report(rounds: list[Round], reach: float, grown: dict[str, float], target: Path | None) -> None:
    """Print the table and write the figures."""
    print(
        f"{'concurrency':>12} {'runs/s':>9} {'actions/s':>10} {'bare writer':>12} {'ratio':>7} "
        f"{'bare entries':>13} {'ratio':>7}"
    )
    for each in rounds:
        print(
            f"{each.concurrency:>12} {each.runs_per_second:>9.0f} {each.actions_per_second:>10.0f} "
            f"{each.bare_actions_per_second:>12.0f} {each.ratio_to_bare_writer:>7.1%} "
            f"{each.bare_entries_per_second:>13.0f} {each.ratio_to_bare_entries:>7.1%}"
        )
    print(f"a run that cost nothing would reach {reach:.1%} with one caller")
    print(
        f"after {grown['runs_stored']:.0f} runs: {grown['rss_mb']:.0f} MB resident, "
        f"a run costs {grown['cost_growth']:.2f} times what it cost at first"
    )
    if target is not None:
        by = {str(each.concurrency): each for each in rounds}
        figures = {
            "ratio_to_bare_writer": {key: each.ratio_to_bare_writer for key, each in by.items()},
            "actions_per_second": {key: each.actions_per_second for key, each in by.items()},
            "runs_per_second": {key: each.runs_per_second for key, each in by.items()},
            "bare_actions_per_second": {key: each.bare_actions_per_second for key, each in by.items()},
            "ratio_to_bare_entries": {key: each.ratio_to_bare_entries for key, each in by.items()},
            "ratio_possible": reach,
            **grown,
            "machine": platform.platform(),
            "cores": os.cpu_count(),
        }
        target.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
