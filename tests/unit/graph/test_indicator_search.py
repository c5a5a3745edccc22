"""The loop that looks for new indicators: when it works, what stops it, and what changes under its hands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import event
from sqlalchemy.engine import Connection

import databases
from sallyport import errors
from sallyport.clock import ManualClock
from sallyport.graph.indicator_search import IndicatorSearch
from sallyport.odata import instants
from sallyport.store import alerts, indicators, matches, pending_searches, searches
from sallyport.store.database import Database

CLOCK = ManualClock()
AT = instants.of_datetime(CLOCK.now())
SINCE = "2000-01-01T00:00:00.0000000Z"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A store with an alert in it."""
    with databases.sqlite(tmp_path) as opened:
        document = {"id": "a", "title": "t", "createdDateTime": instants.wire(AT)}
        document["networkConnections"] = [{"destinationDomain": "evil.example"}]  # type: ignore[assignment]
        opened.write_now(lambda connection: alerts.insert(connection, document, AT))
        yield opened


def _store(database: Database, domain: str = "evil.example", **more: Any) -> indicators.Indicator:
    document = {"id": "i", "domainName": domain, "expirationDateTime": "2036-01-01T00:00:00Z", **more}
    document |= {"targetProduct": "Azure Sentinel", "ingestedDateTime": "2026-01-01T00:00:00Z"}
    new = [indicators.New("identity", document)]
    return database.write_now(lambda connection: indicators.insert(connection, "app", new, AT))[0]


async def _until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


async def test_the_loop_looks_at_once_when_it_is_told_and_by_itself_after_a_rest(database: Database) -> None:
    clock = ManualClock()
    loop = IndicatorSearch(database, clock, 3_650, 30)
    await loop.open()
    await _until(lambda: clock.next_wake_at() is not None)
    _store(database)
    loop.ring()
    await _until(lambda: database.read_now(matches.highest) == 1)
    database.write_now(lambda connection: connection.execute(matches.matches.delete()))
    database.write_now(lambda connection: pending_searches.begin(connection, [1]))
    await _until(lambda: clock.next_wake_at() is not None)
    await clock.advance(5)
    await _until(lambda: database.read_now(matches.highest) == 2)
    await loop.close()


async def test_a_store_that_fails_stops_the_loop_only_until_the_next_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, real = ManualClock(), searches.look
    asked: list[str] = []

    def failing(connection: Any, at: str) -> searches.Portion:
        asked.append(at)
        if len(asked) == 1:
            raise errors.StorageUnavailable("The database cannot be used.")
        return real(connection, at)

    monkeypatch.setattr(searches, "look", failing)
    _store(database)
    loop = IndicatorSearch(database, clock, 3_650, 30)
    with structlog.testing.capture_logs() as logged:
        await loop.open()
        await _until(lambda: clock.next_wake_at() is not None)
        await clock.advance(5)
        await _until(lambda: database.read_now(matches.highest) == 1)
        await loop.close()
    assert [each["error"] for each in logged if each["event"] == "indicators.stalled"] == [
        "The database cannot be used."
    ]


def test_an_indicator_that_changed_after_it_was_looked_at_is_looked_at_again(database: Database) -> None:
    stored = _store(database, "nothing.example")
    portion = database.read_now(lambda connection: searches.look(connection, AT))
    changed = indicators.New("identity", {**stored.document, "domainName": "evil.example"})
    database.write_now(lambda connection: indicators.update(connection, stored, changed, AT))
    database.write_now(lambda connection: searches.settle(connection, portion, AT, SINCE))
    assert database.read_now(pending_searches.count) == 1
    again = database.read_now(lambda connection: searches.look(connection, AT))
    database.write_now(lambda connection: searches.settle(connection, again, AT, SINCE))
    assert database.read_now(matches.highest) == 1
    assert database.read_now(pending_searches.count) == 0


def test_an_indicator_that_is_gone_after_it_was_looked_at_hits_nothing(database: Database) -> None:
    stored = _store(database)
    portion = database.read_now(lambda connection: searches.look(connection, AT))
    database.write_now(lambda connection: indicators.delete(connection, stored, AT))
    database.write_now(lambda connection: searches.settle(connection, portion, AT, SINCE))
    assert database.read_now(matches.highest) == 0
    assert database.read_now(pending_searches.count) == 0


def test_looking_scans_no_table_however_many_alerts_there_are(database: Database) -> None:
    _store(database)
    statements: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    def plans(connection: Connection) -> list[str]:
        event.listen(connection, "before_cursor_execute", remember)
        searches.look(connection, AT)
        event.remove(connection, "before_cursor_execute", remember)
        explained = (connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {each}", given) for each, given in statements)
        return [row[3] for rows in explained for row in rows]

    found = database.read_now(plans)
    assert any("SEARCH alert_observables" in step and "key=?" in step for step in found), found
    assert [step for step in found if "SCAN alert" in step or "SCAN indicators" in step] == []
