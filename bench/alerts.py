"""How fast alerts are stored against a bare writer, and what the usual queries cost against a read by primary key.

A real server process takes alerts of several vendors as NDJSON. After each portion a bare writer puts the very rows
that the server stored into a table with the same columns and indexes, in batches of the same size, with
`synchronous=FULL` on the same disk; a second one puts their keys and events beside them, which is all that the server
stores of an alert; a third one only id and JSON. Making the alerts, and the rows for the bare writers, is not measured.
Then twelve usual queries are asked over HTTP, each time with other values; each p95 is told in units of the p95 of a
read by id through the same path, and each plan is looked at for a scan of the table. On SQLite by default; with
`--database` on PostgreSQL, in a database that is empty.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from parts.alert_samples import Samples, lines
from parts.bare_writers import Bare, PostgresqlBare, SqliteBare
from parts.server import Server

#: Alerts in one request, and in one portion between measurements of the bare writers.
REQUEST, PORTION = 5_000, 20_000
EARLY = 10_000
LIST = "/v1.0/security/alerts"


def queries(samples: Samples, days: int) -> dict[str, Callable[[int], str]]:
    """Answer the usual queries: for each, what makes its address from a number."""

    def filtered(make: Callable[[int], str]) -> Callable[[int], str]:
        return lambda number: f"{LIST}?$filter={make(number)}"

    def since(number: int) -> str:
        day = number % max(1, days - 1)
        return f"2026-{1 + day // 28 % 12:02}-{1 + day % 28:02}T00:00:00Z"

    severities, statuses = ("high", "medium", "low"), ("newAlert", "inProgress", "dismissed")
    providers = ("IPC", "Zeek", "Palo Alto Networks", "MCAS")
    return {
        "severity": filtered(lambda n: f"severity eq '{severities[n % 3]}'"),
        "status": filtered(lambda n: f"status eq '{statuses[n % 3]}'"),
        "provider": filtered(lambda n: f"vendorInformation/provider eq '{providers[n % 4]}'"),
        "created range": filtered(
            lambda n: f"createdDateTime ge 2026-01-01T00:00:00Z and createdDateTime le {since(n)}"
        ),
        "assigned to": filtered(lambda _: f"assignedTo eq '{samples.analyst()}'"),
        "user": filtered(lambda _: f"userStates/any(u: tolower(u/userPrincipalName) eq '{samples.user()}')"),
        "host": filtered(lambda _: f"hostStates/any(h: h/fqdn eq '{samples.host()}')"),
        "hash": filtered(lambda _: f"fileStates/any(f: f/fileHash/hashValue eq '{samples.file_hash()}')"),
        "destination": filtered(lambda _: f"networkConnections/any(n: n/destinationDomain eq '{samples.domain()}')"),
        "first page": lambda _: LIST,
        "next page": lambda _: "",
        "severity and time": filtered(lambda n: f"severity eq 'high' and createdDateTime gt {since(n)}"),
    }


@dataclass
class Figures:
    """What was measured."""

    rows: int
    stored: int = 0
    alerts_per_second: float = 0
    bare_per_second: float = 0
    all_per_second: float = 0
    plain_per_second: float = 0
    early_point_ms: float = 0
    point_ms: float = 0
    point_p95_ms: float = 0
    p95_ms: dict[str, float] = field(default_factory=dict)
    scans: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Answer the figures with what follows from them."""
        ratios = {name: value / self.point_p95_ms for name, value in self.p95_ms.items()}
        return {
            "rows": self.rows,
            "ingest_ratio": self.alerts_per_second / self.bare_per_second,
            "ingest_ratio_all": self.alerts_per_second / self.all_per_second,
            "ingest_ratio_plain": self.alerts_per_second / self.plain_per_second,
            "worst_p95_ratio": max(ratios.values()),
            "flatness": self.point_ms / self.early_point_ms,
            "scans": self.scans,
            "alerts_per_second": self.alerts_per_second,
            "bare_per_second": self.bare_per_second,
            "all_per_second": self.all_per_second,
            "plain_per_second": self.plain_per_second,
            "point_p95_ms": self.point_p95_ms,
            "p95_ms": self.p95_ms,
            "p95_ratio": ratios,
            "machine": platform.platform(),
            "cores": os.cpu_count(),
        }


class Run:
    """One run of the benchmark against one server."""

    def __init__(self, server: Server, bare: Bare, rows: int, repeats: int) -> None:
        self._client = server.client()
        self._bare = bare
        self._samples = Samples()
        self._ids: list[str] = []
        self._repeats = repeats
        self.figures = Figures(rows)

    def ingest(self) -> None:
        """Store everything, portion by portion, each between the bare writers' turns."""
        figures, spent = self.figures, [0.0, 0.0, 0.0, 0.0]
        for first in range(0, figures.rows, PORTION):
            count = min(PORTION, figures.rows - first)
            bodies = [
                lines(self._samples.alerts(start, min(REQUEST, first + count - start)))
                for start in range(first, first + count, REQUEST)
            ]
            start = perf_counter()
            for body in bodies:
                self._store(body)
                if not figures.early_point_ms and figures.stored >= EARLY:
                    start += self._look_early()
            spent[0] += perf_counter() - start
            spent[1] += self._bare.write()
            spent[2] += self._bare.write_all()
            spent[3] += self._bare.write_plain()
            _say(f"{first + count:>9} stored, {(first + count) / spent[0]:.0f} alerts/s")
        figures.alerts_per_second, figures.bare_per_second, figures.all_per_second, figures.plain_per_second = (
            figures.rows / each for each in spent
        )

    def ask(self) -> None:
        """Ask every query so often, between reads by id."""
        figures = self.figures
        points = self._points()
        days = figures.rows * 20 // 86_400
        for name, address in queries(self._samples, days).items():
            chosen = [self._next(number) if name == "next page" else address(number) for number in range(self._repeats)]
            figures.p95_ms[name] = _p95([self._timed(each) for each in chosen])
            points += self._points()
            if self._bare.scans(chosen[-1]):
                figures.scans.append(name)
        figures.point_p95_ms, figures.point_ms = _p95(points), statistics.median(points)

    def _store(self, body: bytes) -> None:
        answered = self._client.post("/ingest/alerts", content=body, headers={"Content-Type": "application/x-ndjson"})
        if answered.status_code != 200 or answered.content.count(b'"status":201') != body.count(b"\n"):
            sys.exit(f"the server answered {answered.status_code}: {answered.text[:400]}")
        # Ids for reads by id: a few of each request are enough.
        self._ids += [json.loads(line)["id"] for line in answered.content.splitlines()[::50]]
        self.figures.stored += body.count(b"\n")

    def _look_early(self) -> float:
        start = perf_counter()
        self.figures.early_point_ms = statistics.median(self._points(5))
        return perf_counter() - start

    def _points(self, times: int = 1) -> list[float]:
        step = max(1, len(self._ids) // (self._repeats * times))
        return [self._timed(f"{LIST}/{each}") for each in self._ids[::step][: self._repeats * times]]

    def _next(self, number: int) -> str:
        """Answer the address of the page behind a first one."""
        first = self._client.get(f"{LIST}?$top={100 - number % 10}").raise_for_status().json()
        return str(first["@odata.nextLink"]).partition("/v1.0")[2].join(("/v1.0", ""))

    def _timed(self, address: str) -> float:
        start = perf_counter()
        self._client.get(address).raise_for_status()
        return (perf_counter() - start) * 1000


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print one table, and write JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--quick", action="store_true", help="20,000 alerts, for a look")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--database", default="", help="postgresql+psycopg://... of an empty database")
    chosen = parser.parse_args()
    settings = {"SALLYPORT_DATABASE_URL": chosen.database} if chosen.database else {}
    with tempfile.TemporaryDirectory(prefix="sallyport-bench-") as folder:
        server = Server(Path(folder), **settings)
        try:
            server.wait()
            bare = PostgresqlBare(chosen.database) if chosen.database else SqliteBare(Path(folder))
            run = Run(server, bare, 20_000 if chosen.quick else chosen.rows, 100)
            run.ingest()
            run.ask()
            memory = server.megabytes()
        finally:
            server.stop()
    report(run.figures, memory, chosen.json)


def report(figures: Figures, memory: float, target: Path | None) -> None:
    """Print the table and write the figures."""
    told = {**figures.summary(), "rss_mb": memory}
    print(f"{'query':<20} {'p95 ms':>8} {'ratio to a read by id':>22}")
    print(f"{'by id':<20} {figures.point_p95_ms:>8.2f} {1:>22.1f}")
    for name, value in figures.p95_ms.items():
        print(f"{name:<20} {value:>8.2f} {told['p95_ratio'][name]:>22.1f}")
    print(
        f"{figures.rows} alerts: {figures.alerts_per_second:.0f} a second stored, "
        f"{told['ingest_ratio']:.1%} of the bare writer's {figures.bare_per_second:.0f} "
        f"({told['ingest_ratio_all']:.1%} with keys and events: {figures.all_per_second:.0f}; "
        f"{told['ingest_ratio_plain']:.1%} of id and JSON alone: {figures.plain_per_second:.0f})"
    )
    print(
        f"a read by id costs {told['flatness']:.2f} times what it cost at {EARLY} alerts; "
        f"{memory:.0f} MB resident; scans of the table: {', '.join(figures.scans) or 'none'}"
    )
    if target is not None:
        target.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
