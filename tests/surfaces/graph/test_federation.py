"""Alerts of several sources in one list: merged, paged, and honest about a source that is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import databases
from graph_surface import Surface, alert, assert_error
from sallyport import errors
from sallyport.graph.federation import Found, Source
from sallyport.odata import matches
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.query import Query
from sallyport.store.database import Database

ALERTS = "/v1.0/security/alerts"


@dataclass(frozen=True)
class Shelf:
    """A source that holds alerts in a list, newest first; its tokens are numbers."""

    alerts: Sequence[dict[str, Any]]
    vendor: str = "Contoso"
    provider: str = "Shelf"

    async def find(self, query: Query) -> Found:
        wanted = [each for each in self.alerts if matches.matches(query.filter, each, ALERT)]
        start = int(query.skiptoken or 0)
        end = start + query.top
        token = str(end) if end < len(wanted) else None
        return Found(wanted[start:end], token, len(wanted) if query.count and not start else None)


@dataclass(frozen=True)
class Failing:
    """A source that always fails."""

    error: Exception
    vendor: str = "Microsoft"
    provider: str = "MCAS"

    async def find(self, _query: Query) -> Found:
        raise self.error


@dataclass(frozen=True)
class Silent:
    """A source that never answers."""

    vendor: str = "Micro\nsoft"
    provider: str = 'I"PC'

    async def find(self, _query: Query) -> Found:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty store; nothing here depends on which database it is."""
    with databases.sqlite(tmp_path) as opened:
        yield opened


def dated(alert_id: str, day: int, **more: Any) -> dict[str, Any]:
    """Answer an alert of a day in November."""
    return alert(alert_id, createdDateTime=f"2026-11-{day:02}T00:00:00Z", **more)


async def surface_with(database: Database, *sources: Source) -> Surface:
    """Answer a surface with three stored alerts and further sources."""
    surface = Surface(database, sources=sources)
    await surface.ingest([dated("own-1", 1), dated("own-5", 5), dated("own-9", 9, severity="high")])
    return surface


def ids(answered: httpx.Response) -> list[str]:
    """Answer the ids of a page."""
    return [each["id"] for each in answered.json()["value"]]


async def test_sources_are_merged_in_the_order_of_the_query(database: Database) -> None:
    shelf = Shelf([dated("their-7", 7), dated("their-3", 3, severity="high")])
    surface = await surface_with(database, shelf)
    answered = await surface.client.get(f"{ALERTS}?$count=true")
    assert answered.status_code == 200
    assert "warning" not in answered.headers
    assert ids(answered) == ["own-9", "their-7", "own-5", "their-3", "own-1"]
    assert answered.json()["@odata.count"] == 5
    assert await surface.ids(f"{ALERTS}?$orderby=severity desc,createdDateTime asc") == [
        *("their-3", "own-9", "own-1", "own-5", "their-7")
    ]
    assert await surface.ids(f"{ALERTS}?$filter=severity eq 'high'") == ["own-9", "their-3"]


async def test_every_source_gives_a_page_and_the_next_one_goes_on_in_each(database: Database) -> None:
    shelf = Shelf([dated(f"their-{day}", day) for day in (8, 6, 4, 2)])
    surface = await surface_with(database, shelf)
    url, pages = f"{ALERTS}?$top=2&$select=id", []
    while url:
        answered = await surface.client.get(url)
        pages.append(ids(answered))
        url = answered.json().get("@odata.nextLink", "")
    assert pages == [["own-9", "their-8", "their-6", "own-5"], ["their-4", "their-2", "own-1"]]


async def test_a_source_that_fails_is_named_and_the_others_are_answered(database: Database) -> None:
    forbidden = Failing(errors.Forbidden("no licence"))
    surface = await surface_with(database, forbidden, Failing(ValueError("broken"), provider="ASC"))
    answered = await surface.client.get(ALERTS)
    assert answered.status_code == 206
    assert ids(answered) == ["own-9", "own-5", "own-1"]
    assert answered.headers["warning"] == '199 - "Microsoft/MCAS/403/0", 199 - "Microsoft/ASC/500/0"'
    assert "broken" not in answered.text


async def test_a_source_that_is_late_is_left_out_after_ten_seconds(database: Database) -> None:
    surface = await surface_with(database, Silent())
    asking = asyncio.ensure_future(surface.client.get(ALERTS))
    # Both sources are given their time; ours has answered when its own is taken back.
    while [patience.cancelled() for _, _, patience in surface.clock._sleepers].count(True) != 1:
        await asyncio.sleep(0.01)
    await surface.clock.advance(9.9)
    assert not asking.done()
    await surface.clock.advance(0.1)
    answered = await asking
    assert answered.status_code == 206
    assert answered.headers["warning"] == '199 - "Microsoft/IPC/504/10000"'
    assert len(ids(answered)) == 3


async def test_a_source_that_has_nothing_is_not_named(database: Database) -> None:
    surface = await surface_with(database, Failing(errors.NotFound("nothing")))
    answered = await surface.client.get(ALERTS)
    assert answered.status_code == 200
    assert "warning" not in answered.headers


async def test_a_question_that_cannot_be_read_is_the_callers_fault(database: Database) -> None:
    surface = await surface_with(database, Failing(errors.BadRequest("not so")))
    assert assert_error(await surface.client.get(ALERTS), 400, "BadRequest") == "not so"
    assert_error(await surface.client.get(f"{ALERTS}?$filter=severity is high"), 400, "BadRequest")
    mine = (await Surface(database).client.get(f"{ALERTS}?$top=1")).json()["@odata.nextLink"]
    for token in ("~", "~e30", "~W10", "~eyJ4IjoxfQ", "~eyJub2JvZHkiOiJ4In0", "x", mine.rpartition("=")[2]):
        assert_error(await surface.client.get(f"{ALERTS}?$skiptoken={token}"), 400, "BadRequest")


async def test_when_every_source_fails_the_answer_is_a_failure(database: Database) -> None:
    surface = Surface(database, sources=(Failing(errors.StorageUnavailable("gone")),))
    database.close()
    answered = await surface.client.get(ALERTS)
    assert answered.status_code >= 500
    assert "value" not in answered.json()
