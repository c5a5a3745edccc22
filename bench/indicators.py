"""What matching adds to ingest, what the usual queries of indicators cost, and how soon a new indicator finds alerts.

N indicators and N alerts, on SQLite by default, in one process, through the surface's own handlers. The alerts arrive
as NDJSON in portions, every other one with the look-up among the indicators left out: `matching_overhead` is the time
that the look-up adds, relative to the time without. Each query's p95 is told in units of the p95 of a read by id
through the same handlers, and its plan is looked at for a scan of the table. One alert in a hundred mentions what an
indicator looks for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
from sqlalchemy import event
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from sallyport.clock import SystemClock
from sallyport.graph import indicator_rules
from sallyport.graph.call import Deps
from sallyport.graph.indicator_search import IndicatorSearch
from sallyport.graph.routes import routes
from sallyport.http_messages import InboundResponse, OutboundRequest
from sallyport.odata.entity_indicator import INDICATOR
from sallyport.odata.query import parse_query
from sallyport.principal import Principal
from sallyport.store import indicators, matching, migrations, pending_searches
from sallyport.store.database import Database, sqlite_url

TENANT = "6a3b1f0e-5c1d-4f2e-9b7a-0d1c2e3f4a5b"
PERMISSIONS = frozenset({"SecurityEvents.ReadWrite.All", "ThreatIndicators.ReadWrite.OwnedBy"})
LIST = "/beta/security/tiIndicators"
AT_ONCE, PORTION, EARLY = 1_000, 2_500, 10_000
#: How many alerts the new indicator has to find.
WANTED = 100


class Samples:
    """Indicators and alerts, the same for the same seed."""

    def __init__(self, rows: int) -> None:
        self._random = random.Random(1)
        self._rows = rows

    def indicator(self, number: int) -> dict[str, Any]:
        """Answer an indicator; every fifth looks for the same kind of thing."""
        kinds: tuple[dict[str, Any], ...] = (
            {"networkDestinationIPv4": address(number)},
            {"domainName": domain(number)},
            {"url": f"http://{domain(number)}/drop/{number}"},
            {"fileHashValue": file_hash(number), "fileHashType": "sha256"},
            {"networkIPv4": address(number)},
        )
        threat = ("C2", "Botnet", "Malware", "Phishing")[number % 4]
        return {
            **kinds[number % 5],
            "action": "alert",
            "description": f"Seen by sensor {number % 97}",
            "expirationDateTime": "2036-01-01T00:00:00Z",
            "externalId": f"feed-{number}",
            "severity": number % 6,
            "tags": ["feed", threat],
            "targetProduct": "Azure Sentinel",
            "threatType": threat,
            "tlpLevel": "green",
        }

    def alert(self, number: int) -> dict[str, Any]:
        """Answer an alert of about 2 KB; one in a hundred mentions what an indicator looks for."""
        drawn = self._random
        user, host = f"user{drawn.randrange(10_000):05}", f"pc-{drawn.randrange(20_000):05}.contoso.example"
        known = drawn.randrange(self._rows) if number % 100 == 0 else self._rows + drawn.randrange(10_000_000)
        return {
            "id": f"{drawn.getrandbits(128):032x}",
            "title": f"Suspicious process {number}",
            "description": "A process that does not fit what this machine usually does was seen. " * 12,
            "category": "Execution",
            "severity": drawn.choice(["low", "medium", "high"]),
            "vendorInformation": {"provider": drawn.choice(["IPC", "ASC", "Zeek"]), "vendor": "Contoso"},
            "recommendedActions": ["Look at the process.", "Isolate the machine when nobody can explain it."],
            "userStates": [{"userPrincipalName": f"{user}@contoso.example", "accountName": user}],
            "hostStates": [{"fqdn": host, "privateIpAddress": f"10.0.{number % 250}.{number % 199}"}],
            "fileStates": [{"name": "tool.exe", "fileHash": {"hashType": "sha256", "hashValue": file_hash(known)}}],
            "networkConnections": [
                {
                    "destinationAddress": address(known),
                    "destinationDomain": "new.example" if number % (self._rows // WANTED) == 1 else domain(known),
                    "destinationPort": "443",
                }
            ],
        }


def address(number: int) -> str:
    """Answer an address, another for each number."""
    value = 0x0B000000 + number * 37 % 0xC0000000
    return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


def domain(number: int) -> str:
    """Answer a domain, another for each number."""
    return f"cdn{number}.evil{number % 1_000}.example"


def file_hash(number: int) -> str:
    """Answer a SHA-256, another for each number."""
    return f"{(number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251 % 2**256:064x}"


class Administrator:
    """Stands where the bearer check stands."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["principal"] = Principal("bench", None, "Bench", TENANT, PERMISSIONS)
        await self._app(scope, receive, send)


class Nowhere:
    """The way out, which nothing takes."""

    async def send(self, request: OutboundRequest) -> InboundResponse:
        sys.exit(f"nothing should go to {request.url}")


@dataclass
class Figures:
    """What was measured."""

    rows: int
    with_matching: list[float] = field(default_factory=list)
    without_matching: list[float] = field(default_factory=list)
    indicators_per_second: float = 0
    point_p95_ms: float = 0
    early_point_p95_ms: float = 0
    p95_ms: dict[str, float] = field(default_factory=dict)
    scans: list[str] = field(default_factory=list)
    hits: int = 0
    new_indicator_seconds: float = 0
    new_indicator_hits: int = 0

    def summary(self) -> dict[str, Any]:
        """Answer the figures with what follows from them."""
        with_it, without = sum(self.with_matching), sum(self.without_matching)
        count = len(self.with_matching) * PORTION
        ratios = {name: value / self.point_p95_ms for name, value in self.p95_ms.items()}
        return {
            "rows": self.rows,
            "matching_overhead": with_it / without - 1,
            "worst_p95_ratio": max(ratios.values()),
            "flatness": self.point_p95_ms / self.early_point_p95_ms,
            "scans": self.scans,
            "alerts_per_second_with_matching": count / with_it,
            "alerts_per_second_without": count / without,
            "indicators_per_second": self.indicators_per_second,
            "hits": self.hits,
            "new_indicator_seconds": self.new_indicator_seconds,
            "new_indicator_hits": self.new_indicator_hits,
            "point_p95_ms": self.point_p95_ms,
            "p95_ms": self.p95_ms,
            "p95_ratio": ratios,
            "machine": platform.platform(),
            "cores": os.cpu_count(),
        }


class Run:
    """One run over one database."""

    def __init__(self, url: str, rows: int, repeats: int) -> None:
        self._database = Database(url)
        migrations.upgrade(self._database)
        app = Starlette(
            routes=routes(Deps(self._database, SystemClock(), Nowhere(), TENANT), [Middleware(Administrator)])
        )
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bench", timeout=600)
        self._samples = Samples(rows)
        self._repeats = repeats
        self._ids: list[str] = []
        self.figures = Figures(rows)

    async def run(self) -> Figures:
        """Measure everything."""
        rows = self.figures.rows
        early = min(EARLY, rows)
        start = perf_counter()
        self._store_indicators(0, early)
        self.figures.early_point_p95_ms = await self._point()
        begun = perf_counter()
        self._store_indicators(early, rows)
        self.figures.indicators_per_second = (
            (rows - early) / (perf_counter() - begun) if rows > early else early / (begun - start)
        )
        self._database.write_now(lambda connection: connection.execute(pending_searches.pending_searches.delete()))
        await self._ingest()
        if self._database.dialect == "postgresql":
            # What its autovacuum does within a minute, the benchmark does at once.
            self._database.write_now(lambda connection: connection.exec_driver_sql("ANALYZE"))
        self.figures.point_p95_ms = await self._point()
        await self._queries()
        await self._new_indicator()
        self._database.close()
        return self.figures

    def _store_indicators(self, first: int, last: int) -> None:
        """Store indicators by the store's own hand, many in a transaction; a hundred arrive at the same moment."""
        begun = datetime.now(UTC)
        for start in range(first, last, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, last))
            new = [self._new(number, _instant(begun + timedelta(microseconds=number // 100))) for number in numbers]
            self._database.write_now(partial(indicators.insert, app_id="bench", new=new, at=_instant(begun)))

    def _new(self, number: int, at: str) -> indicators.New:
        submission = indicator_rules.submitted(self._samples.indicator(number))
        new_id = str(uuid.UUID(int=number + 2**100, version=4))
        self._ids.append(new_id)
        return indicators.New(submission.identity, indicator_rules.created(submission, new_id, TENANT, at))

    async def _ingest(self) -> None:
        """Store the alerts, every other portion without the look-up."""
        for index, start in enumerate(range(0, self.figures.rows, PORTION)):
            count = min(PORTION, self.figures.rows - start)
            given = b"\n".join(
                json.dumps(self._samples.alert(number)).encode() for number in range(start, start + count)
            )
            if index % 2:
                self.figures.with_matching.append(await self._ingested(given))
            else:
                with _without_matching():
                    self.figures.without_matching.append(await self._ingested(given))
        found = (await self._client.get("/v1.0/security/alerts/$count?$filter=matchedIndicators/any()")).text
        self.figures.hits = int(found)

    async def _ingested(self, lines: bytes) -> float:
        start = perf_counter()
        headers = {"content-type": "application/x-ndjson"}
        (await self._client.post("/ingest/alerts", content=lines, headers=headers)).raise_for_status()
        return perf_counter() - start

    async def _point(self) -> float:
        return await self._timed(lambda _: f"{LIST}/{random.choice(self._ids)}")

    async def _queries(self) -> None:
        last = len(self._ids)

        def filtered(make: Callable[[int], str]) -> Callable[[int], str]:
            return lambda number: f"{LIST}?$filter={make(number * 7919 % last)}"

        page = (await self._client.get(LIST)).json().get("@odata.nextLink", LIST)
        queries: dict[str, Callable[[int], str]] = {
            "externalId": filtered(lambda n: f"externalId eq 'feed-{n}'"),
            "threatType": filtered(lambda n: f"threatType eq '{('C2', 'Botnet', 'Malware')[n % 3]}'&$top=20"),
            "networkIPv4": filtered(lambda n: f"networkIPv4 eq '{address(n - n % 5 + 4)}'"),
            "networkDestinationIPv4": filtered(lambda n: f"networkDestinationIPv4 eq '{address(n - n % 5)}'"),
            "domainName": filtered(lambda n: f"domainName eq '{domain(n - n % 5 + 1)}'"),
            "url": filtered(lambda n: f"url eq 'http://{domain(n - n % 5 + 2)}/drop/{n - n % 5 + 2}'"),
            "fileHashValue": filtered(lambda n: f"fileHashValue eq '{file_hash(n - n % 5 + 3)}'"),
            "expiry": filtered(lambda n: f"expirationDateTime lt 2030-01-{1 + n % 28:02}T00:00:00Z"),
            "first page": lambda _: f"{LIST}?$top=20",
            "next page": lambda _: page.replace("http://bench", "") + "&$top=20",
        }
        for name, address_of in queries.items():
            self.figures.p95_ms[name] = await self._timed(address_of)
            if self._scans(address_of(1)):
                self.figures.scans.append(name)

    async def _timed(self, address_of: Callable[[int], str]) -> float:
        """Answer the p95 of asking again and again, in milliseconds."""
        times = []
        for number in range(self._repeats):
            where = address_of(number + 1)
            start = perf_counter()
            (await self._client.get(where)).raise_for_status()
            times.append(perf_counter() - start)
        return statistics.quantiles(times, n=20)[-1] * 1_000

    def _scans(self, where: str) -> bool:
        """Answer whether a query reads the whole table; following the order's own index is what a page does."""
        query = parse_query(where.partition("?")[2], INDICATOR, default_orderby="ingestedDateTime desc")
        view = indicators.View("2026-01-01T00:00:00.0000000Z", "bench")
        statements: list[tuple[str, Any]] = []

        def explained(connection: Any) -> list[str]:
            def remember(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
                statements.append((statement, parameters))

            event.listen(connection, "before_cursor_execute", remember)
            indicators.page(connection, query, view)
            event.remove(connection, "before_cursor_execute", remember)
            statement, parameters = statements[-1]
            if self._database.dialect == "postgresql":
                return [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
            return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]

        plan = self._database.read_now(explained)
        return any(
            ("SCAN indicators" in step and "ix_indicators_" not in step) or "Seq Scan on indicators" in step
            for step in plan
        )

    async def _new_indicator(self) -> None:
        """Submit an indicator that some stored alerts mention, and wait until all of them show it."""
        body = {**self._samples.indicator(1), "domainName": "new.example", "externalId": "new"}
        start = perf_counter()
        made = (await self._client.post(LIST, json=body)).raise_for_status().json()["id"]
        await IndicatorSearch(self._database, SystemClock(), 3_650, 30).search()
        self.figures.new_indicator_seconds = perf_counter() - start
        found = (await self._client.get(f"{LIST}/{made}/matches?$top=1000")).json()["value"]
        self.figures.new_indicator_hits = len(found)


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "0Z")


@contextmanager
def _without_matching() -> Iterator[None]:
    """Store alerts as if there were no indicators."""
    real = matching.looked_up
    matching.looked_up = lambda *_, **__: {}
    try:
        yield
    finally:
        matching.looked_up = real


def main() -> None:
    """Measure, print the table, and write the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="Write the figures to this file.")
    options.add_argument("--quick", action="store_true", help="20,000 rows and fewer repeats.")
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--database", help="A PostgreSQL database that is empty; otherwise SQLite in a new file.")
    chosen = options.parse_args()
    rows = 20_000 if chosen.quick else chosen.rows
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.database or sqlite_url(Path(folder) / "bench.db")
        summary = asyncio.run(Run(url, rows, 100 if chosen.quick else 300).run()).summary()
    for name, value in summary.items():
        if isinstance(value, dict):
            for inner, each in value.items():
                print(f"{name + ' ' + inner:40} {each:12.3f}")
        else:
            print(f"{name:40} {value:12.3f}" if isinstance(value, float) else f"{name:40} {value}")
    if chosen.json:
        chosen.json.write_text(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
