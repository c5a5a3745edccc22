"""Numbers of alerts become visible in their order, so that a reader that keeps the last one misses nothing."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import Connection

import databases
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.query import parse_query
from sallyport.store import alerts, outbox
from sallyport.store.database import Database

AT = "2026-11-23T12:00:00.0000000Z"
ALL = parse_query([], ALERT)


def document(alert_id: str) -> alerts.Document:
    return {"id": alert_id, "title": "t", "createdDateTime": "2026-11-23T12:00:00Z"}


@pytest.fixture
def url(postgresql_url: str) -> Iterator[str]:
    """A database of the test's own."""
    with databases.postgresql_database(postgresql_url) as made:
        yield made


@pytest.mark.postgresql
def test_on_postgresql_a_later_number_is_never_committed_before_an_earlier_one(url: str) -> None:
    databases_of_processes = [Database(url) for _ in range(4)]
    stop = threading.Event()

    def slow_insert(connection: Connection, alert_id: str) -> None:
        alerts.insert(connection, document(alert_id), AT)
        time.sleep(0.002 * (hash(alert_id) % 3))

    def write(process: int) -> None:
        for n in range(25):
            databases_of_processes[process].write_now(functools.partial(slow_insert, alert_id=f"{process}-{n}"))

    def following(connection: Connection, state: int) -> list[alerts.Alert]:
        return alerts.between(connection, ALL, state, 2**62, 1000)

    def watch() -> None:
        seen: list[str] = []
        state = 0
        while True:
            last_look = stop.is_set()
            found = reader.read_now(functools.partial(following, state=state))
            seen += [each.id for each in found]
            state = found[-1].sequence if found else state
            if last_look:
                break
        results.append(seen)

    reader = Database(url)
    results: list[list[str]] = []
    watcher = threading.Thread(target=watch)
    writers = [threading.Thread(target=write, args=(process,)) for process in range(4)]
    for each in (watcher, *writers):
        each.start()
    for each in writers:
        each.join()
    stop.set()
    watcher.join()
    for database in (*databases_of_processes, reader):
        database.close()
    assert len(results[0]) == len(set(results[0])) == 100


def test_a_number_is_not_given_again_after_a_deletion(database: Database) -> None:
    first = database.write_now(lambda connection: alerts.insert(connection, document("a"), AT))
    assert database.write_now(lambda connection: alerts.delete(connection, "a", AT))
    assert not database.write_now(lambda connection: alerts.delete(connection, "a", AT))
    second = database.write_now(lambda connection: alerts.insert(connection, document("b"), AT))
    assert second.sequence > first.sequence
    events = database.read_now(lambda connection: outbox.after(connection, 0, 10))
    assert [each.change_type for each in events] == ["created", "deleted", "created"]
    assert database.read_now(outbox.highest) == events[-1].sequence
    assert database.write_now(lambda connection: outbox.advance(connection, "reader", 0, events[1].sequence))
    assert database.write_now(lambda connection: outbox.forget_read(connection, 10)) == 2
    assert database.read_now(lambda connection: outbox.after(connection, 0, 10)) == [events[2]]


def test_an_alert_and_its_event_are_stored_together_or_not_at_all(database: Database) -> None:
    def fail(connection: Connection) -> None:
        alerts.insert(connection, document("a"), AT)
        raise RuntimeError("after the insert")

    with pytest.raises(RuntimeError, match="after the insert"):
        database.write_now(fail)
    assert database.read_now(alerts.highest) == 0
    assert database.read_now(outbox.highest) == 0
