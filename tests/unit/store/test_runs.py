"""Who has a run, and when it wants attention."""

from __future__ import annotations

from pathlib import Path

import pytest

import databases
from sallyport.store import history, runs

EARLY, NOW, LATE = (f"2026-03-02T0{hour}:00:00.0000000Z" for hour in (7, 8, 9))
RUN = runs.Run("0858", "workflow", 1, "manual", None, "Running", EARLY, "0858", "{}", owner="here", epoch=1)


@pytest.mark.parametrize(("asked", "expected"), [(None, LATE), (NOW, NOW)])
def test_a_run_that_is_put_away_keeps_what_asked_for_its_attention_meanwhile(
    tmp_path: Path, asked: str | None, expected: str
) -> None:
    put_away = history.Batch(RUN.id, RUN.epoch, change={"owner": None, "wake_at": LATE})
    with databases.sqlite(tmp_path) as database:
        database.write_now(lambda connection: runs.insert_once(connection, RUN))
        if asked is not None:
            assert database.write_now(lambda connection: runs.wake(connection, RUN.id, asked))
        database.write_now(lambda connection: history.append(connection, [put_away], NOW))
        stored = database.read_now(lambda connection: runs.get(connection, RUN.id))
    assert (stored.owner, stored.wake_at) == (None, expected)
