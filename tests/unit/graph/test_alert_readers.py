"""Processes that read alerts: what they answer, and what becomes of the alerts when they end."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator

import pytest

from sallyport.clock import ManualClock
from sallyport.graph.alert_readers import AlertReaders, default_processes
from sallyport.store.arrivals import Arrival

NOW = "2026-11-28T12:00:00Z"
VENDOR = {"provider": "Zeek", "vendor": "Zeek"}
BATCH = [
    b"{broken" if number == 7 else json.dumps({"id": f"a{number}", "title": "t", "vendorInformation": VENDOR}).encode()
    for number in range(120)
]
#: A process may have to wait for its turn on a busy machine.
PATIENCE_SECONDS = 120


async def ended() -> None:
    """Wait until no process is left."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while multiprocessing.active_children():
            await asyncio.sleep(0.02)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def readers(clock: ManualClock) -> AsyncIterator[AlertReaders]:
    opened = AlertReaders(clock, 1)
    yield opened
    await opened.close()
    await ended()


async def read(readers: AlertReaders) -> list[Arrival | None]:
    """Answer what is read of the batch."""
    return await readers.read(BATCH, "tenant", NOW)


async def started(readers: AlertReaders) -> None:
    """Wait until a process reads."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not readers.ahead:
            await read(readers)


async def test_a_process_reads_as_the_server_does(readers: AlertReaders) -> None:
    here = await AlertReaders(ManualClock()).read(BATCH, "tenant", NOW)
    assert [index for index, each in enumerate(here) if each is None] == [7]
    await started(readers)
    assert await read(readers) == here


async def test_a_few_alerts_start_no_process(readers: AlertReaders) -> None:
    assert len(await readers.read(BATCH[:99], "tenant", NOW)) == 99
    assert not multiprocessing.active_children()


async def test_alerts_are_read_although_a_process_is_killed(readers: AlertReaders) -> None:
    await started(readers)
    here = await AlertReaders(ManualClock()).read(BATCH, "tenant", NOW)
    for each in multiprocessing.active_children():
        assert each.pid is not None
        os.kill(each.pid, signal.SIGKILL)
    assert [await read(readers), await read(readers)] == [here, here]
    await started(readers)
    assert await read(readers) == here


async def test_a_process_that_has_nothing_to_do_ends_and_another_begins(
    readers: AlertReaders, clock: ManualClock
) -> None:
    await started(readers)
    await clock.advance(59)
    assert multiprocessing.active_children()
    await clock.advance(1)
    await ended()
    assert not readers.ahead
    await started(readers)


async def test_closing_ends_processes_that_are_still_loading(readers: AlertReaders) -> None:
    await read(readers)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (loading := multiprocessing.active_children()):
            await asyncio.sleep(0)
    await readers.close()
    await ended()
    assert [each.exitcode for each in loading] == [0]
    assert not readers.ahead


def test_one_processor_is_left_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, processes in ((1, 0), (2, 2), (16, 2)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, there=there: set(range(there)))
        assert default_processes() == processes
