"""The paths that the connector's triggers poll: every alert once, in the order in which it was stored."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from graph_surface import Surface, alert, assert_error
from sallyport.graph.call import Limits

ALL = "/trigger/v1.0/security/alerts"
HIGH = "/trigger/beta/security/alerts"


async def poll(surface: Surface, address: str) -> tuple[list[str], str]:
    """Poll once; answer the ids that came, and the next address."""
    answered = await surface.client.get(address)
    assert answered.status_code in (200, 202), answered.text
    found = [each["id"] for each in answered.json()["value"]] if answered.status_code == 200 else []
    assert bool(found) is (answered.status_code == 200)
    return found, answered.headers["location"]


async def test_the_first_poll_begins_now_and_has_no_history(surface: Surface) -> None:
    await surface.ingest([alert("before")])
    answered = await surface.client.get(ALL)
    assert (answered.status_code, answered.content) == (202, b"")
    assert answered.headers["location"] == f"{ALL}?triggerState=1"
    assert int(answered.headers["retry-after"]) >= 1


async def test_a_poll_answers_every_alert_since_the_last_one_and_nothing_twice(surface: Surface) -> None:
    _, address = await poll(surface, ALL)
    await surface.ingest([alert("b"), alert("a", createdDateTime="2001-01-01")])
    found, address = await poll(surface, address)
    assert found == ["b", "a"]
    found, address = await poll(surface, address)
    assert found == []
    await surface.ingest([alert("late", createdDateTime="1999-01-01T00:00:00Z")])
    found, after = await poll(surface, address)
    assert found == ["late"]
    assert (await poll(surface, address))[0] == ["late"], "an unacknowledged poll may be made again"
    assert (await poll(surface, after))[0] == []


async def test_a_change_of_an_alert_does_not_deliver_it_again(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    change = {"status": "resolved", "vendorInformation": {"provider": "ASC", "vendor": "Microsoft"}}
    await surface.client.patch("/v1.0/security/alerts/a", json=change)
    assert (await poll(surface, f"{ALL}?triggerState=1"))[0] == []


async def test_the_alerts_come_in_the_whole_shape(surface: Surface) -> None:
    await surface.ingest([alert("a", own={"x": 1})])
    polled = (await surface.client.get(f"{ALL}?triggerState=0")).json()["value"][0]
    read = (await surface.client.get("/v1.0/security/alerts/a")).json()
    read.pop("@odata.context")
    assert polled == read


@pytest.mark.parametrize(
    ("path", "given", "expected"),
    [
        (ALL, "", ["low", "high", "high-ipc"]),
        (HIGH, "", ["high", "high-ipc"]),
        (HIGH, "vendorInformation/provider eq 'IPC'", ["high-ipc"]),
        (HIGH, "severity eq 'low' or provider eq 'IPC'", ["high-ipc"]),
        (ALL, "severity eq 'low' or provider eq 'IPC'", ["low", "high-ipc"]),
    ],
)
async def test_beta_means_high_severity_and_any_other_filter_is_added(
    surface: Surface, path: str, given: str, expected: list[str]
) -> None:
    ipc = {"provider": "IPC", "vendor": "Microsoft"}
    await surface.ingest(
        [alert("low"), alert("high", severity="high"), alert("high-ipc", severity="high", vendorInformation=ipc)]
    )
    answered = await surface.client.get(path, params={"$filter": given, "triggerState": "0"})
    assert [each["id"] for each in answered.json()["value"]] == expected


async def test_the_next_address_keeps_the_filter_and_moves_beyond_what_was_not_selected(surface: Surface) -> None:
    first = await surface.client.get(ALL, params={"$filter": "severity eq 'high' and title ne 'a+b'"})
    address = first.headers["location"]
    await surface.ingest([alert("low")])
    found, address = await poll(surface, address)
    assert found == []
    assert "triggerState=1&" in address
    await surface.ingest([alert("high", severity="high"), alert("c", severity="high", title="a+b")])
    assert (await poll(surface, address))[0] == ["high"]


async def test_a_poll_stops_at_its_bound_and_the_next_one_goes_on_at_once(surface: Surface) -> None:
    bounded = Surface(surface.database, Limits(poll_bytes=6000))
    await bounded.ingest(alert(f"a{n:02}", description="x" * 1000) for n in range(10))
    address, found, answers = f"{ALL}?triggerState=0", [], 0
    while True:
        answered = await bounded.client.get(address)
        if answered.status_code == 202:
            break
        answers += 1
        found += [each["id"] for each in answered.json()["value"]]
        assert len(answered.content) < 7000
        assert (answered.headers.get("retry-after") == "0") is (len(found) < 10)
        address = answered.headers["location"]
    assert found == [f"a{n:02}" for n in range(10)]
    assert answers > 1


@pytest.mark.parametrize("asked", ["odata.maxpagesize=4", 'respond-async, maxpagesize="4"'])
async def test_a_poll_brings_no_more_items_than_its_client_takes(surface: Surface, asked: str) -> None:
    await surface.ingest(alert(f"a{n}") for n in range(9))
    address, found = f"{ALL}?triggerState=0", []
    while (answered := await surface.client.get(address, headers={"Prefer": asked})).status_code == 200:
        found.append([each["id"] for each in answered.json()["value"]])
        assert (answered.headers.get("retry-after") == "0") is (len(found) < 3)
        address = answered.headers["location"]
    assert [len(each) for each in found] == [4, 4, 1]
    assert [each for page in found for each in page] == [f"a{n}" for n in range(9)]


@pytest.mark.parametrize("asked", ["odata.maxpagesize=0", "maxpagesize=many", "maxpagesize", "return=minimal"])
async def test_a_number_of_items_that_is_none_bounds_nothing(surface: Surface, asked: str) -> None:
    await surface.ingest(alert(f"a{n}") for n in range(9))
    answered = await surface.client.get(f"{ALL}?triggerState=0", headers={"Prefer": asked})
    assert len(answered.json()["value"]) == 9


async def test_an_alert_larger_than_the_bound_still_gets_through(surface: Surface) -> None:
    bounded = Surface(surface.database, Limits(poll_bytes=10))
    await bounded.ingest([alert("a"), alert("b")])
    found, address = await poll(bounded, f"{ALL}?triggerState=0")
    assert found == ["a"]
    assert (await poll(bounded, address))[0] == ["b"]


async def test_more_alerts_than_one_read_fetches_come_in_one_poll(surface: Surface) -> None:
    await surface.ingest(alert(f"a{n}") for n in range(1100))
    found, _ = await poll(surface, f"{ALL}?triggerState=0")
    assert found == [f"a{n}" for n in range(1100)]


async def test_polls_beside_many_writers_deliver_every_alert_exactly_once(surface: Surface) -> None:
    _, address = await poll(surface, ALL)
    found: list[str] = []

    async def write(sender: int) -> None:
        for n in range(10):
            await surface.ingest(alert(f"{sender}-{n}-{each}") for each in range(3))

    async def read(writers: asyncio.Future[Any]) -> None:
        nonlocal address
        while not writers.done():
            new, address = await poll(surface, address)
            found.extend(new)

    writers = asyncio.ensure_future(asyncio.gather(*(write(sender) for sender in range(6))))
    await read(writers)
    await writers
    found += (await poll(surface, address))[0]
    assert len(found) == 180
    assert len(set(found)) == 180


@pytest.mark.parametrize("state", ["x", "-1", "1.5", "9" * 30, "٣"])
async def test_a_state_that_was_not_given_out_is_refused(surface: Surface, state: str) -> None:
    answered = await surface.client.get(ALL, params={"triggerState": state})
    assert "was not given out" in assert_error(answered, 400, "BadRequest")


async def test_a_filter_cannot_reach_beyond_the_severity_that_beta_means(surface: Surface) -> None:
    await surface.ingest([alert("low")])
    sly = "severity eq 'low') or (severity eq 'low'"
    answered = await surface.client.get(HIGH, params={"$filter": sly, "triggerState": "0"})
    assert "Invalid filter clause" in assert_error(answered, 400, "BadRequest")
