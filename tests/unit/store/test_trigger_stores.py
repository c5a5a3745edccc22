"""What triggers remember, tell and gather, on both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from sallyport.store import batches, documents, runs, trigger_histories, trigger_states
from sallyport.store.batches import Gathering, Message
from sallyport.store.database import Database
from sallyport.store.trigger_histories import HistoryNotFound, TriggerHistory
from sallyport.store.trigger_states import ClaimLost, TriggerState


def at(minute: int) -> str:
    return f"2026-01-05T09:{minute:02}:00.0000000Z"


def state(name: str, next_at: str | None, **more: Any) -> TriggerState:
    return TriggerState("w", name, 1, "digest", at(0), next_at, **more)


def put(database: Database, *states: TriggerState) -> None:
    for each in states:
        database.write_now(lambda connection, one=each: trigger_states.put(connection, one))  # type: ignore[misc]


def claim(database: Database, now: int, owner: str = "me", limit: int = 10) -> list[TriggerState]:
    until = at(now + 10)
    return database.write_now(lambda connection: trigger_states.claim(connection, owner, at(now), until, limit))


def settle(database: Database, claimed: TriggerState, next_at: str | None, **more: Any) -> None:
    database.write_now(lambda connection: trigger_states.settle(connection, claimed, next_at, {"n": 1}, **more))


def test_what_is_due_is_claimed_once_the_longest_due_first(database: Database) -> None:
    put(database, state("b", at(5)), state("a", at(3)), state("later", at(9)), state("never", None))
    assert [each.trigger_name for each in claim(database, 6, limit=1)] == ["a"]
    assert [each.trigger_name for each in claim(database, 6)] == ["b"]
    assert claim(database, 6) == []


def test_a_claim_that_was_not_settled_in_time_goes_to_somebody_else(database: Database) -> None:
    put(database, state("a", at(0)))
    (first,) = claim(database, 0)
    (second,) = claim(database, 10, "other")
    assert second.epoch == first.epoch + 1
    with pytest.raises(ClaimLost, match="changed while it looked"):
        settle(database, first, at(20))
    settle(database, second, at(20))
    settled = database.read_now(lambda connection: trigger_states.of_workflow(connection, "w"))["a"]
    assert (settled.next_at, settled.memory, settled.sequence, settled.owner) == (at(20), {"n": 1}, 1, None)


def test_a_save_overtakes_a_look(database: Database) -> None:
    put(database, state("a", at(0)))
    (claimed,) = claim(database, 0)
    put(database, state("a", None))
    with pytest.raises(ClaimLost):
        settle(database, claimed, at(20))
    with pytest.raises(ClaimLost):
        database.write_now(lambda connection: trigger_states.remove(connection, claimed))


def test_a_look_that_is_to_be_repeated_does_not_count(database: Database) -> None:
    put(database, state("a", at(0)))
    settle(database, claim(database, 0)[0], at(1), repeated=True)
    assert claim(database, 1)[0].sequence == 0


def test_the_next_moment_is_that_of_a_claim_where_there_is_one(database: Database) -> None:
    assert database.read_now(trigger_states.next_due) is None
    put(database, state("a", at(0)), state("never", None))
    assert database.read_now(trigger_states.next_due) == at(0)
    claim(database, 1)
    assert database.read_now(trigger_states.next_due) == at(11)
    assert database.write_now(trigger_states.release_all) == 1
    assert database.read_now(trigger_states.next_due) == at(0)


def test_one_trigger_is_claimed_whoever_has_it(database: Database) -> None:
    put(database, state("a", at(0)))
    claim(database, 0)
    taken = database.write_now(lambda connection: trigger_states.claim_one(connection, "w", "a", "me", at(9)))
    assert taken is not None
    assert taken.epoch == 3
    assert database.write_now(lambda c: trigger_states.claim_one(c, "w", "b", "me", at(9))) is None


def entry(name: str, **more: Any) -> TriggerHistory:
    return replace(TriggerHistory(name, "w", "it", at(1), at(2), None, "Skipped", "Accepted"), **more)


def run(name: str, trigger: str = "it") -> runs.Run:
    told = {"startTime": at(3), "endTime": at(4), "status": "Succeeded", "code": "OK", "outputs": {"value": 1}}
    text = documents.dumps(told).decode()
    return runs.Run(name, "w", 1, trigger, None, "Running", at(4), name, text)


@pytest.fixture
def told(database: Database) -> Database:
    """Names descend in time: 01 is the newest."""
    entries = [entry("02"), entry("05", status="Failed", code="NotFound"), entry("03", trigger_name="other")]
    for each in entries:
        database.write_now(lambda connection, one=each: trigger_histories.insert(connection, one))  # type: ignore[misc]
    database.write_now(lambda connection: runs.insert(connection, [run("01"), run("04"), run("06", "other")]))
    return database


def names(database: Database, **asked: Any) -> list[str]:
    found = database.read_now(lambda connection: trigger_histories.listed(connection, "w", "it", **asked))
    return [each.id for each in found]


def test_firings_and_other_looks_are_one_history_the_newest_first(told: Database) -> None:
    assert names(told) == ["01", "02", "04", "05"]
    assert names(told, limit=2) == ["01", "02"]
    assert names(told, limit=2, skip=1) == ["02", "04"]
    assert names(told, before="02") == ["04", "05"]
    assert names(told, status="Failed") == ["05"]
    assert names(told, status="Succeeded") == ["01", "04"]


def test_an_entry_is_found_whether_it_started_a_run_or_not(told: Database) -> None:
    fired = told.read_now(lambda connection: trigger_histories.get(connection, "w", "it", "04"))
    assert (fired.fired, fired.run_id, fired.status, fired.started_at) == (True, "04", "Succeeded", at(3))
    assert documents.loads(fired.document) == {"outputs": {"value": 1}}
    skipped = told.read_now(lambda connection: trigger_histories.get(connection, "w", "it", "02"))
    assert (skipped.fired, skipped.run_id, skipped.status) == (False, None, "Skipped")
    with pytest.raises(HistoryNotFound):
        told.read_now(lambda connection: trigger_histories.get(connection, "w", "it", "03"))


def test_the_newest_entry_of_a_trigger_is_looked_for_among_the_latest_runs(
    told: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def latest(trigger: str) -> str | None:
        found = told.read_now(lambda connection: trigger_histories.latest(connection, "w", trigger))
        return found.id if found is not None else None

    assert [latest("it"), latest("other"), latest("never")] == ["01", "03", None]
    told.write_now(lambda connection: runs.insert(connection, [run("00", "rare"), run("07", "rarer")]))
    assert [latest("rare"), latest("rarer")] == ["00", "07"]
    monkeypatch.setattr(trigger_histories, "_LOOKED_AT", 2)
    assert [latest("rare"), latest("rarer")] == ["00", None]


def test_old_entries_are_forgotten(told: Database) -> None:
    assert told.write_now(lambda connection: trigger_histories.forget_before(connection, at(3), 2)) == 2
    assert told.write_now(lambda connection: trigger_histories.forget_before(connection, at(3), 9)) == 1
    assert names(told) == ["01", "04"]


HERE = Gathering("w", "it", "batch", "one")


def take(connection: Connection, gathering: Gathering, most: int, now: str) -> list[Message]:
    """Answer the oldest messages, and release them."""
    taken = batches.oldest(connection, gathering, most)
    if taken:
        batches.release(connection, gathering, taken, now)
    return taken


def add(database: Database, delivery: str, where: Gathering = HERE) -> bool:
    message = Message(f"m{delivery}", delivery, "sealed", 10)
    return database.write_now(lambda connection: batches.add(connection, where, message, at(0)))


def test_messages_are_counted_and_taken_together_once(database: Database) -> None:
    elsewhere = replace(HERE, partition_name="two")
    assert [add(database, each) for each in ("1", "2", "1")] == [True, True, False]
    assert add(database, "1", elsewhere)
    assert database.read_now(lambda connection: batches.measure(connection, HERE)) == (2, 20)
    assert database.read_now(lambda connection: batches.waiting(connection, "w", "it")) == [HERE, elsewhere]
    taken = database.write_now(lambda connection: take(connection, HERE, 9, at(1)))
    assert [(each.message_id, each.content) for each in taken] == [("m1", "sealed"), ("m2", "sealed")]
    assert database.write_now(lambda connection: take(connection, HERE, 9, at(1))) == []
    assert not add(database, "2")
    assert database.read_now(lambda connection: batches.waiting(connection, "w", "it")) == [elsewhere]


def test_more_than_a_batch_may_hold_waits_for_the_next(database: Database) -> None:
    for each in "123":
        add(database, each)
    assert len(database.write_now(lambda connection: take(connection, HERE, 2, at(1)))) == 2
    assert database.read_now(lambda connection: batches.measure(connection, HERE)) == (1, 10)


def test_released_messages_are_forgotten_and_waiting_ones_are_not(database: Database) -> None:
    add(database, "1")
    database.write_now(lambda connection: take(connection, HERE, 9, at(1)))
    add(database, "2")
    assert database.write_now(lambda connection: batches.forget_before(connection, at(2), 9)) == 1
    assert database.read_now(lambda connection: batches.measure(connection, HERE)) == (1, 10)
    database.write_now(lambda connection: batches.delete(connection, "w", "it"))
    assert database.read_now(lambda connection: batches.measure(connection, HERE)) == (0, 0)
