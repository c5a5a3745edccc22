"""Limits that hold for several processes together: each with its own buckets, on one PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest

import databases
from sallyport import errors
from sallyport.clock import ManualClock
from sallyport.graph.throttle import Limit, Throttle, Throttled
from sallyport.graph.throttle_sharing import Sharing
from sallyport.store import throttle_counts
from sallyport.store.database import Database

ALERTS = "/{version}/security/alerts"
LIMITS = {"security": Limit(10, 60)}
SLOWLY = {"security": Limit(10, 86_400)}

pytestmark = pytest.mark.postgresql


@pytest.fixture
def database(postgresql_store: str) -> Iterator[Database]:
    """An empty database; what the processes of a test share."""
    with databases.emptied(postgresql_store) as opened:
        yield opened


class Process:
    """One process: its buckets, and its way to tell the others."""

    def __init__(self, database: Database, clock: ManualClock, limits: Mapping[str, Limit] = LIMITS) -> None:
        self.throttle = Throttle(clock, limits)
        self.sharing = Sharing(database, clock, self.throttle)

    def left(self) -> float:
        """Answer how many requests would pass at once."""
        self.throttle.spend("a", "security", 0)
        return next(each.tokens for each in self.throttle._buckets.values())

    def passed(self, tries: int, app_id: str = "a") -> int:
        """Answer how many of some requests pass at once."""
        number = 0
        for _ in range(tries):
            try:
                self.throttle.check(app_id, ALERTS)
            except Throttled:
                continue
            number += 1
        return number


async def told(*processes: Process) -> None:
    """Let all tell and hear, as they do within a second."""
    for _ in range(2):
        for each in processes:
            await each.sharing.exchange()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 23, tzinfo=UTC))


async def test_processes_let_as_many_requests_pass_together_as_one_would(
    database: Database, clock: ManualClock
) -> None:
    one, other = Process(database, clock), Process(database, clock)
    await told(one, other)
    assert (one.passed(6), other.passed(4)) == (6, 4)
    assert one.passed(1, "b") == 1
    await told(one, other)
    assert (one.passed(10), other.passed(10)) == (0, 0)
    assert other.passed(10, "b") == 9
    await clock.advance(6)
    assert one.passed(10) == 1
    await told(one, other)
    assert other.passed(10) == 0
    # What was told once is taken once.
    await clock.advance(60)
    await told(one, other)
    await told(one, other)
    assert one.passed(20) + other.passed(0) == 10


async def test_what_passed_too_much_before_anybody_knew_is_waited_for(database: Database, clock: ManualClock) -> None:
    processes = [Process(database, clock) for _ in range(3)]
    await told(*processes)
    assert [each.passed(20) for each in processes] == [10, 10, 10]
    await told(*processes)
    with pytest.raises(Throttled) as refused:
        processes[0].throttle.check("a", ALERTS)
    # A whole bucket is owed, and one more request.
    assert refused.value.retry_after_seconds == 66
    passed = 0
    for _ in range(180):
        await clock.advance(1)
        passed += sum(each.passed(20) for each in processes)
        await told(*processes)
    # In three minutes 30 requests are allowed; 20 were taken in advance, of which one bucket is forgiven.
    assert 20 <= passed <= 30


async def busy(database: Database, clock: ManualClock) -> Process:
    """A process that has let pass all that it may, and told the others."""
    one = Process(database, clock)
    await told(one)
    assert one.passed(10) == 10
    await told(one)
    return one


async def test_a_process_that_begins_takes_nothing_for_what_passed_before(
    database: Database, clock: ManualClock
) -> None:
    await busy(database, clock)
    late = Process(database, clock)
    await told(late)
    assert late.passed(3) == 3


async def test_a_process_that_begins_takes_nothing_for_what_passed_minutes_before_either(
    database: Database, clock: ManualClock
) -> None:
    one = await busy(database, clock)
    await clock.advance(120)
    late = Process(database, clock)
    await told(late)
    # The application comes back before its requests are counted anew.
    assert one.passed(1) == 1
    await told(one, late)
    assert late.passed(20) == 9


async def test_what_was_told_while_a_process_could_not_read_is_taken_afterwards(
    database: Database, clock: ManualClock
) -> None:
    one, other = Process(database, clock, SLOWLY), Process(database, clock, SLOWLY)
    await told(one, other)
    assert one.passed(6) == 6
    await told(one)
    await clock.advance(120)
    await told(other)
    assert other.passed(20) == 4


async def test_an_application_that_comes_back_after_a_long_time_is_not_charged_twice(
    database: Database, clock: ManualClock
) -> None:
    one, other = Process(database, clock), Process(database, clock)
    await told(one, other)
    for _ in range(5):
        assert one.passed(8) == 8
        await told(one, other)
        await clock.advance(60)
    await clock.advance(1200)
    await told(one, other)
    assert one.passed(2) == 2
    await told(one, other)
    assert other.passed(20) == 8
    rows = database.read_now(lambda connection: throttle_counts.others(connection, "nobody", ""))
    assert list(rows.values()) == [2]


async def test_the_loop_tells_by_itself_and_counts_alone_while_the_database_is_gone(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Process(database, clock, SLOWLY), Process(database, clock, SLOWLY)
    await one.sharing.open()
    await other.sharing.open()
    try:
        while one.sharing._heard is None or other.sharing._heard is None:
            await database.read(lambda connection: throttle_counts.others(connection, "nobody", ""))
        with monkeypatch.context() as gone:

            async def unavailable(work: object) -> None:
                raise errors.StorageUnavailable("gone")

            gone.setattr(database, "write", unavailable)
            assert one.passed(10) == 10
            await clock.advance(1)
            assert other.passed(1) == 1
        left = 9.0
        for _ in range(200):
            await clock.advance(0.5)
            await database.read(lambda connection: throttle_counts.others(connection, "nobody", ""))
            left = other.left()
            if left < 1:
                break
        assert left < 1
        assert other.passed(1) == 0
    finally:
        await one.sharing.close()
        await other.sharing.close()
