"""The journal: whoever was superseded cannot write, and what failed leaves no holes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import databases
from sallyport.clock import ManualClock
from sallyport.engine.interruptions import JournalFailed, Superseded
from sallyport.engine.journal import Journal
from sallyport.errors import StorageFull
from sallyport.store import callbacks, history, runs
from sallyport.store.database import Database, Work

NOW = "2026-01-05T09:00:00.0000000Z"


class FailingDatabase:
    """A database that refuses writes while it is told to."""

    def __init__(self, real: Database) -> None:
        self.real = real
        self.refuses: Callable[[], Exception | None] = lambda: None
        self.writes = 0

    async def write(self, work: Work[Any]) -> Any:
        self.writes += 1
        error = self.refuses()
        if error is not None:
            await asyncio.sleep(0)
            raise error
        return await self.real.write(work)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    with databases.sqlite(tmp_path) as opened:
        yield opened


def _run(name: str, epoch: int = 1) -> runs.Run:
    return runs.Run(name, "workflow", 1, "manual", None, "Running", NOW, name, "{}", epoch=epoch, owner="me")


def _segment(sequence: int) -> history.Segment:
    return history.Segment(sequence, '[["Act","","Succeeded",{}]]')


def _batch(name: str, sequence: int, *, epoch: int = 1, **more: Any) -> history.Batch:
    return history.Batch(name, epoch, segment=_segment(sequence), **more)


async def _sequences(database: Database, name: str) -> list[int]:
    return await database.read(lambda connection: [entry.sequence for entry in history.read(connection, name)])


async def test_what_is_appended_is_committed_in_its_order(database: Database) -> None:
    journal = Journal(database, ManualClock())
    await asyncio.gather(*(journal.append(_batch("a", n, start=_run("a") if n == 0 else None)) for n in range(300)))
    assert await _sequences(database, "a") == list(range(300))


async def test_a_run_under_an_earlier_epoch_cannot_write(database: Database) -> None:
    journal = Journal(database, ManualClock())
    await journal.append(_batch("a", 0, start=_run("a")))
    await journal.append(_batch("b", 0, start=_run("b")))
    taken = await database.write(lambda connection: runs.claim_one(connection, "a", "other"))
    assert taken is not None
    late, other = journal.append(_batch("a", 1)), journal.append(_batch("b", 1))
    newer = journal.append(_batch("a", 1, epoch=taken.epoch))
    with pytest.raises(Superseded):
        await late
    await other
    await newer
    assert await _sequences(database, "a") == [0, 1]


async def test_a_run_that_has_ended_cannot_be_written(database: Database) -> None:
    journal = Journal(database, ManualClock())
    await journal.append(_batch("a", 0, start=_run("a")))
    await journal.append(_batch("a", 1, change={"status": "Succeeded", "ended_at": NOW, "owner": None}))
    with pytest.raises(Superseded):
        await journal.append(_batch("a", 2))
    assert await _sequences(database, "a") == [0, 1]


async def test_after_a_batch_that_failed_nothing_of_the_run_is_committed(database: Database) -> None:
    failing = FailingDatabase(database)
    journal = Journal(failing, ManualClock())  # type: ignore[arg-type]
    await journal.append(_batch("a", 0, start=_run("a")))
    await journal.append(_batch("b", 0, start=_run("b")))
    failing.refuses = lambda: StorageFull("full") if failing.writes == 3 else None
    first = journal.append(_batch("a", 1))
    await asyncio.sleep(0)
    second, other = journal.append(_batch("a", 2)), journal.append(_batch("b", 1))
    for failed in (first, second):
        with pytest.raises(JournalFailed) as stated:
            await failed
        assert isinstance(stated.value.__cause__, StorageFull)
    await other
    assert (await _sequences(database, "a"), await _sequences(database, "b")) == ([0], [0, 1])


async def test_a_batch_that_cannot_be_stored_is_nobody_elses_fault(database: Database) -> None:
    journal = Journal(database, ManualClock())
    for name in "abc":
        await journal.append(_batch(name, 0, start=_run(name)))
    broken = history.Batch("b", 1, segment=history.Segment(1, object()))  # type: ignore[arg-type]
    appended = [journal.append(_batch("a", 1)), journal.append(broken), journal.append(_batch("c", 1))]
    found = await asyncio.gather(*appended, return_exceptions=True)
    assert [type(each) for each in found] == [type(None), JournalFailed, type(None)]
    assert [await _sequences(database, name) for name in "abc"] == [[0, 1], [0], [0, 1]]


async def test_putting_away_hears_of_a_report_that_it_did_not_know(database: Database) -> None:
    journal = Journal(database, ManualClock())
    later = "2027-01-01T00:00:00.0000000Z"
    report = callbacks.Callback("Act", "", "sealed")
    for name in ("told", "untold"):
        await journal.append(_batch(name, 0, start=_run(name)))
    await database.write(lambda connection: callbacks.receive(connection, "told", report, NOW))
    for name in ("told", "untold"):
        await journal.append(_batch(name, 1, change={"owner": None, "wake_at": later}))
    found = await database.read(lambda connection: [runs.get(connection, name).wake_at for name in ("told", "untold")])
    assert found == [NOW, later]


async def test_what_was_reported_to_runs_that_end_together_is_let_go_of_and_nothing_else(database: Database) -> None:
    journal = Journal(database, ManualClock())
    report = callbacks.Callback("Act", "", "sealed")
    for name in "abc":
        await journal.append(_batch(name, 0, start=_run(name)))
        await database.write(lambda connection, name=name: callbacks.receive(connection, name, report, NOW))  # type: ignore[misc]
    change = {"status": "Succeeded", "ended_at": NOW, "owner": None, "wake_at": None}
    leaving = history.Leaving("workflow", "manual", 1, None, lambda _: None)
    await asyncio.gather(*(journal.append(_batch(name, 1, change=change, leaving=leaving)) for name in "ab"))
    found = await database.read(lambda connection: [callbacks.of_run(connection, name) for name in "abc"])
    assert found == [[], [], [report]]


async def test_the_end_of_a_run_lets_the_next_one_go_on_in_the_same_transaction(database: Database) -> None:
    journal = Journal(database, ManualClock())
    waiting = [runs.Run(f"w{n}", "workflow", 1, "manual", None, "Waiting", NOW, "", "{}", epoch=1) for n in range(2)]
    await database.write(lambda connection: runs.insert(connection, waiting))
    await journal.append(_batch("a", 0, start=_run("a")))
    change = {"status": "Succeeded", "ended_at": NOW, "owner": None, "wake_at": None}
    leaving = history.Leaving("workflow", "manual", 1, 1, lambda _: 1)
    await journal.append(_batch("a", 1, change=change, leaving=leaving))
    assert leaving.promoted == 1
    rows = await database.read(lambda connection: [runs.get(connection, each.id) for each in waiting])
    assert sorted(row.status for row in rows) == ["Running", "Waiting"]
