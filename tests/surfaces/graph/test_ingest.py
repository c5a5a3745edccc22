"""Ingest: any number of alerts in one request, one result for each, and nothing acknowledged that is not stored."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from graph_surface import Surface, alert, assert_error
from sallyport import errors
from sallyport.graph.call import Limits
from sallyport.graph.ingest import BATCH
from sallyport.store import alerts
from sallyport.store.database import Database

INGEST = "/ingest/alerts"
LINES = {"content-type": "application/x-ndjson"}


def lines(*items: Any) -> bytes:
    """Answer a body of lines; what is bytes already stays as it is."""
    return b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in items)


def results(text: str) -> list[dict[str, Any]]:
    """Answer the results of a body of lines."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (lines(alert("a"), alert("b")), "application/x-ndjson"),
        (lines(alert("a"), alert("b")) + b"\n", "application/json"),
        (lines(alert("a"), alert("b")).replace(b"\n", b"\r\n"), "text/plain"),
        (json.dumps([alert("a"), alert("b")]).encode(), "application/json"),
        (json.dumps([alert("a"), alert("b")], indent=2).encode(), "application/x-ndjson"),
        (b"\xef\xbb\xbf [" + lines(alert("a")) + b",\n" + lines(alert("b")) + b"] \n", ""),
    ],
)
async def test_arrays_and_lines_are_told_apart_by_type_or_first_byte(surface: Surface, body: bytes, media: str) -> None:
    answered = await surface.client.post(INGEST, content=body, headers={"content-type": media})
    assert answered.status_code == 200
    assert answered.headers["content-type"].startswith("application/x-ndjson")
    assert [(each["id"], each["status"]) for each in results(answered.text)] == [("a", 201), ("b", 201)]
    assert sorted(await surface.ids("/v1.0/security/alerts")) == ["a", "b"]
    assert surface.events() == [("alert", "a", "created"), ("alert", "b", "created")]


async def test_one_alert_written_over_several_lines_is_one_alert(surface: Surface) -> None:
    body = json.dumps(alert("a", description="x"), indent=2)
    answered = await surface.client.post(INGEST, content=body, headers={"content-type": "application/json"})
    assert results(answered.text) == [{"line": 1, "id": "a", "status": 201}]


async def test_a_bad_line_is_told_by_its_number_and_stops_no_other(surface: Surface) -> None:
    body = lines(
        alert("a"),
        b"{broken",
        b"",
        {"id": "no title"},
        b"[1]",
        b'{"a":1,"a":2}',
        b"[" * 100_000,
        b'{"x":NaN}',
        alert("z"),
    )
    answered = await surface.client.post(INGEST, content=body, headers=LINES)
    assert answered.status_code == 206
    found = results(answered.text)
    assert [each["line"] for each in found] == [1, 2, 4, 5, 6, 7, 8, 9]
    assert [each["status"] for each in found] == [201, 400, 400, 400, 400, 400, 400, 201]
    assert "title" in found[2]["error"]["message"]
    assert "twice" in found[4]["error"]["message"]
    assert "deeper" in found[5]["error"]["message"]
    assert sorted(await surface.ids("/v1.0/security/alerts")) == ["a", "z"]


async def test_an_array_that_breaks_off_keeps_the_elements_before(surface: Surface) -> None:
    body = b"[" + lines(alert("a")) + b"," + lines(alert("b")) + b', {"id": "c'
    answered = await surface.client.post(INGEST, content=body)
    assert answered.status_code == 206
    assert [each["status"] for each in results(answered.text)] == [201, 201, 400]


@pytest.mark.parametrize(
    "body", [b"", b"  \n \n", b"[]", b"{broken", b"nonsense", b"[1, 2]", b'{"title": 1}', b"\xff\xfe", b"[" * 100_000]
)
async def test_a_body_without_one_good_alert_is_an_error_like_any_other(surface: Surface, body: bytes) -> None:
    assert_error(await surface.client.post(INGEST, content=body), 400, "BadRequest")
    assert surface.events() == []


async def test_an_alert_brought_again_changes_what_is_new_and_keeps_what_the_analyst_did(surface: Surface) -> None:
    first = alert("a", status="newAlert", tags=["sensor"], description="one")
    await surface.ingest([first])
    vendor = first["vendorInformation"]
    change = {"vendorInformation": vendor, "status": "resolved", "assignedTo": "me", "comments": ["done"]}
    await surface.client.patch("/v1.0/security/alerts/a", json=change)
    again = await surface.client.post(INGEST, content=lines(first), headers=LINES)
    assert results(again.text) == [{"line": 1, "id": "a", "status": 200}]
    assert len(surface.events()) == 2
    await surface.clock.advance(60)
    updated = await surface.client.post(INGEST, content=lines({**first, "description": "two"}), headers=LINES)
    assert results(updated.text)[0]["status"] == 200
    assert surface.events()[-1] == ("alert", "a", "updated")
    found = (await surface.client.get("/v1.0/security/alerts/a")).json()
    assert (found["description"], found["status"], found["assignedTo"]) == ("two", "resolved", "me")
    assert (found["comments"], len(found["historyStates"])) == (["done"], 1)
    assert found["createdDateTime"] == "2026-11-23T12:00:00Z"
    assert found["lastModifiedDateTime"] == "2026-11-23T12:01:00Z"


async def test_an_alert_brought_again_with_an_older_time_is_found_among_what_has_changed_since(
    surface: Surface,
) -> None:
    await surface.ingest([alert("a", lastModifiedDateTime="2026-11-23T08:00:00Z")])
    vendor = {"provider": "ASC", "vendor": "Microsoft"}
    await surface.client.patch("/v1.0/security/alerts/a", json={"vendorInformation": vendor, "status": "inProgress"})
    since = (await surface.client.get("/v1.0/security/alerts/a")).json()["lastModifiedDateTime"]
    await surface.clock.advance(60)
    await surface.ingest([alert("a", description="more", lastModifiedDateTime="2026-11-23T09:00:00Z")])
    changed = await surface.ids("/v1.0/security/alerts", params={"$filter": f"lastModifiedDateTime gt {since}"})
    assert changed == ["a"]
    count = len(surface.events())
    await surface.ingest([alert("a", description="more", lastModifiedDateTime="2026-11-23T10:00:00Z")])
    assert len(surface.events()) == count


async def test_an_id_that_comes_twice_in_one_request_is_one_alert(surface: Surface) -> None:
    body = lines(alert("a"), alert("a"), alert("a", description="later"))
    answered = await surface.client.post(INGEST, content=body, headers=LINES)
    assert [each["status"] for each in results(answered.text)] == [201, 200, 200]
    assert surface.events() == [("alert", "a", "created")]
    assert (await surface.client.get("/v1.0/security/alerts/a")).json()["description"] == "later"


async def test_an_alert_without_an_id_gets_one_and_the_result_tells_it(surface: Surface) -> None:
    nameless = alert("")
    answered = await surface.client.post(INGEST, content=lines(nameless, nameless), headers=LINES)
    ids = [each["id"] for each in results(answered.text)]
    assert len(set(ids)) == 2
    assert sorted(await surface.ids("/v1.0/security/alerts")) == sorted(ids)


async def test_a_stream_is_stored_batch_by_batch_while_it_arrives(surface: Surface) -> None:
    seen: list[int] = []

    async def trickle() -> AsyncIterator[bytes]:
        for start in range(0, 2 * BATCH + 200, 100):
            text = lines(*(alert(f"a{n:04}") for n in range(start, start + 100))) + b"\n"
            middle = len(text) // 2
            yield text[:middle]
            await asyncio.sleep(0)
            yield text[middle:]
            seen.append(surface.database.read_now(alerts.highest))

    answered = await surface.client.post(INGEST, content=trickle(), headers=LINES)
    assert [each["line"] for each in results(answered.text)] == list(range(1, 2 * BATCH + 201))
    assert BATCH in seen
    assert surface.database.read_now(alerts.highest) == 2 * BATCH + 200


async def test_a_line_over_the_bound_is_refused_alone(surface: Surface) -> None:
    bounded = Surface(surface.database, Limits(line_bytes=1000))
    body = lines(alert("a"), alert("b", description="x" * 5000), alert("c"))
    answered = await bounded.client.post(INGEST, content=body, headers=LINES)
    assert [each["status"] for each in results(answered.text)] == [201, 413, 201]
    listed = json.dumps([alert("d"), alert("e", description="x" * 5000, tags=["t"] * 400), alert("f")]).encode()
    answered = await bounded.client.post(INGEST, content=listed)
    assert [each["status"] for each in results(answered.text)] == [201, 413, 201]


async def test_a_body_over_the_bound_is_refused_before_it_is_read(surface: Surface) -> None:
    bounded = Surface(surface.database, Limits(ingest_bytes=1000))
    body = lines(*(alert(f"a{n}") for n in range(50)))
    assert_error(await bounded.client.post(INGEST, content=body, headers=LINES), 413, "RequestEntityTooLarge")
    assert surface.events() == []


async def test_a_stream_that_grows_over_the_bound_keeps_what_was_acknowledged(surface: Surface) -> None:
    bounded = Surface(surface.database, Limits(ingest_bytes=2000))

    async def endless() -> AsyncIterator[bytes]:
        for n in range(50):
            yield lines(alert(f"a{n}")) + b"\n"

    answered = await bounded.client.post(INGEST, content=endless(), headers=LINES)
    assert answered.status_code == 206
    *stored, last = results(answered.text)
    assert last["status"] == 413
    assert {each["status"] for each in stored} == {201}
    assert len(surface.events()) == len(stored)


def _full() -> asyncio.Future[Any]:
    """Answer what the writer answers when there is no room."""
    refused: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    refused.set_exception(errors.StorageFull("The database has no room left: nothing of this request was stored."))
    return refused


async def test_nothing_is_acknowledged_when_the_store_is_full(
    surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surface.database, "begin_write", lambda _: _full())
    answered = await surface.client.post(INGEST, content=lines(alert("a"), alert("b")), headers=LINES)
    assert_error(answered, 507, "InsufficientStorage")
    assert [each["target"] for each in answered.json()["error"]["details"]] == ["line 1", "line 2"]
    assert int(answered.headers["retry-after"]) > 0


async def test_a_later_batch_that_cannot_be_stored_does_not_take_back_an_earlier_one(
    surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = surface.database.begin_write, iter((True, False))

    def once(work: Any) -> asyncio.Future[Any]:
        return write(work) if next(calls) else _full()

    monkeypatch.setattr(surface.database, "begin_write", once)
    body = lines(*(alert(f"a{n}") for n in range(BATCH + 200)))
    answered = await surface.client.post(INGEST, content=body, headers=LINES)
    assert answered.status_code == 206
    assert [each["status"] for each in results(answered.text)] == [201] * BATCH + [507] * 200


@pytest.mark.parametrize("body", [b"x\n" * 50_000, b"[" + b"1," * 50_000 + b"1]"], ids=["lines", "an array"])
async def test_a_flood_of_what_is_no_alert_is_not_read_to_its_end(surface: Surface, body: bytes) -> None:
    answered = await surface.client.post(INGEST, content=body)
    assert_error(answered, 400, "BadRequest")
    details = answered.json()["error"]["details"]
    assert len(details) == 1_002
    assert details[-1]["target"] == "line 1002"
    assert details[-1]["message"].endswith("what follows was not read.")


async def test_good_alerts_before_a_flood_are_stored_and_told(database: Database) -> None:
    surface = Surface(database, limits=Limits(ingest_failures=2))
    body = lines(alert("a"), b"x", b"x", alert("b"), b"x", alert("c"))
    answered = await surface.client.post(INGEST, content=body, headers=LINES)
    assert answered.status_code == 206
    assert [(each["line"], each["status"]) for each in results(answered.text)] == [
        *((1, 201), (2, 400), (3, 400), (4, 201), (5, 400), (6, 400))
    ]
    assert sorted(await surface.ids("/v1.0/security/alerts")) == ["a", "b"]


async def test_a_sensor_may_ingest_and_do_nothing_else(surface: Surface) -> None:
    sensor = surface.calling("sensor")
    assert (await sensor.post(INGEST, content=lines(alert("a")))).status_code == 200
    assert (await sensor.post("/v1.0/security/alerts", json=alert("b"))).status_code == 201
    assert_error(await sensor.get("/v1.0/security/alerts"), 403, "Forbidden")
    assert_error(await surface.calling("reader").post(INGEST, content=lines(alert("c"))), 403, "Forbidden")


async def test_alerts_that_arrive_at_once_are_each_stored_once(surface: Surface, database: Database) -> None:
    async def bring(sender: int) -> None:
        await surface.ingest(alert(f"s{sender}-{n}") for n in range(20))
        await surface.ingest([alert("shared")])

    await asyncio.gather(*(bring(sender) for sender in range(8)))
    assert database.read_now(alerts.highest) >= 161
    assert len(surface.events()) == 161


async def test_an_alert_that_no_index_has_room_for_stops_no_other(surface: Surface) -> None:
    rare = "".join(chr(0x20000 + 7 * n) for n in range(600))
    fits = "".join(chr(0x4E00 + 7 * n) for n in range(600))
    body = lines(
        alert("a"), alert(rare[:192], assignedTo=rare[:450]), alert(fits[:256], category=fits), alert(rare[:193])
    )
    answered = await surface.client.post(INGEST, content=body, headers=LINES)
    assert [each["status"] for each in results(answered.text)] == [201, 201, 201, 400]


async def test_an_alert_that_mentions_more_than_a_statement_takes_is_changed_all_the_same(surface: Surface) -> None:
    hosts = [{"fqdn": ".".join([f"{n:x}"] * 9 + ["example"])} for n in range(7_400)]
    await surface.ingest([alert("a", hostStates=hosts)])
    await surface.ingest([alert("a", hostStates=hosts[:1])])
    for n, expected in ((0, ["a"]), (1, [])):
        condition = f"hostStates/any(h: h/fqdn eq '{hosts[n]['fqdn']}')"
        assert await surface.ids("/v1.0/security/alerts", params={"$filter": condition}) == expected
