"""Ingest when something goes wrong on the way: a sender that is gone, a disk that fills, a store that is slow."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection
from starlette.types import Message

import databases
from graph_surface import Surface, alert, indicator
from sallyport.graph.ingest import BATCH
from sallyport.store import alerts
from sallyport.store.database import Database

INGEST = "/ingest/alerts"
LISTED = "/v1.0/security/alerts"
LINES = {"content-type": "application/x-ndjson"}


def lines(items: Iterable[dict[str, Any]]) -> bytes:
    """Answer a body of lines."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in items)


async def results(surface: Surface, body: bytes | AsyncIterator[bytes]) -> list[dict[str, Any]]:
    """Answer what is told of each alert of a body."""
    answered = await surface.client.post(INGEST, content=body, headers=LINES)
    return [json.loads(line) for line in answered.text.splitlines()]


async def test_a_sender_that_is_gone_leaves_whole_batches_and_a_server_that_goes_on(surface: Surface) -> None:
    body = lines(alert(f"a{n:04}") for n in range(2 * BATCH + 10))
    arriving: list[Message] = [
        {"type": "http.request", "body": body, "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError(f"nobody is there to be told {message['type']}")

    headers = [(b"authorization", b"Bearer app"), (b"content-type", b"application/x-ndjson"), (b"host", b"graph.test")]
    scope = {"type": "http", "method": "POST", "path": INGEST, "query_string": b"", "headers": headers}
    await surface.app({**scope, "http_version": "1.1", "scheme": "http", "server": ("graph.test", 80)}, receive, send)
    assert surface.database.read_now(alerts.highest) == 2 * BATCH
    assert len(await results(surface, body)) == 2 * BATCH + 10
    assert surface.database.read_now(alerts.highest) == 2 * BATCH + 10


async def test_a_disk_that_fills_amid_a_stream_takes_back_nothing_and_acknowledges_nothing(tmp_path: Path) -> None:
    with databases.sqlite(tmp_path) as database:
        surface = Surface(database)
        sent = [alert(f"a{n:04}", description="x" * 2_000) for n in range(3 * BATCH)]
        await results(surface, lines(sent[:1]))
        # Room for one batch and a half; a writer that failed opens the database anew, without the bound.
        await database.write(lambda connection: _leave(connection, 3 * BATCH // 2 * 5_000))
        told = await results(surface, lines(sent))
        assert [each["status"] for each in told] == [200, *[201] * (BATCH - 1), *[507] * BATCH, *[201] * BATCH]
        acknowledged = {each["id"] for each in told if each["status"] < 300}
        assert set(database.read_now(_ids)) == acknowledged
        told = await results(surface, lines(sent))
        assert [each["status"] for each in told] == [*[200] * BATCH, *[201] * BATCH, *[200] * BATCH]


def _leave(connection: Connection, room: int) -> None:
    """Let the database grow by so many bytes and no more."""
    size, pages = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()) for name in ("page_size", "page_count")
    )
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + room // size}")


def _ids(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql("SELECT id FROM alerts").scalars())


async def test_a_slow_store_keeps_a_stream_waiting_instead_of_filling_the_memory(surface: Surface) -> None:
    goes_on = threading.Event()
    # Something else that is being written: as long as it lasts, nothing is stored.
    busy = asyncio.ensure_future(surface.database.write(lambda _: goes_on.wait(60)))
    taken = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal taken
        for n in range(6 * BATCH):
            taken = n
            yield lines([alert(f"a{n:04}")])

    told = asyncio.ensure_future(results(surface, stream()))
    before = -1
    while before != taken:
        before = taken
        for _ in range(200):
            await asyncio.sleep(0)
    # One batch waits for the store, the next one has been read; what follows stays with the sender.
    assert taken == 2 * BATCH - 1
    goes_on.set()
    assert [each["status"] for each in await told] == [201] * 6 * BATCH
    await busy


async def test_a_batch_of_new_known_changed_and_bad_alerts_tells_each_and_finds_them_as_they_are_now(
    database: Database,
) -> None:
    surface = Surface(database)
    await surface.client.post("/v1.0/security/tiIndicators", json=indicator(domainName="evil.example"))
    stored = [alert(f"a{n}", hostStates=[{"fqdn": f"old{n}.example"}]) for n in range(40)]
    await surface.ingest(stored)
    before = len(surface.events())
    changed = [
        {**each, "hostStates": [{"fqdn": "new.evil.example" if n == 3 else f"new{n}.example"}]}
        for n, each in enumerate(stored)
    ]
    body = lines([stored[0]]) + b"{broken\n" + lines(changed[1:40]) + lines([alert("b"), changed[1]])
    told = await results(surface, body)
    assert [each["status"] for each in told] == [200, 400, *[200] * 39, 201, 200]
    assert surface.events()[before:] == [
        ("alert", "b", "created"),
        *(("alert", f"a{n}", "updated") for n in range(1, 40)),
    ]

    async def at(host: str) -> list[str]:
        return await surface.ids(LISTED, params={"$filter": f"hostStates/any(h: h/fqdn eq '{host}')"})

    assert [await at(host) for host in ("old0.example", "old7.example", "new7.example")] == [["a0"], [], ["a7"]]
    newer = {"$filter": "evidence/any(e: e/microsoft.graph.security.deviceEvidence/deviceDnsName eq 'new9.example')"}
    assert await surface.ids("/v1.0/security/alerts_v2", params=newer) == ["a9"]
    assert await surface.ids(LISTED, params={"$filter": "matchedIndicators/any()"}) == ["a3"]
    tags = [(await surface.client.get(f"{LISTED}/{each}")).headers["etag"] for each in ("a0", "a7")]
    assert tags[0] != tags[1]
