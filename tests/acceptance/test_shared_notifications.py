"""Two server processes on one PostgreSQL: one of them sends each notification, the other when that one is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

import processes
from acceptance.pair import pair
from acceptance.server import Server
from acceptance.test_notifications import alerts, subscribe, subscribed
from sallyport.store import lanes, leases
from sallyport.store.database import Database

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]
HEALTHY, EVENTS = 12, 600


def holders(database: Database) -> dict[str | None, int]:
    """Answer how many shares each process holds."""
    found: dict[str | None, int] = {}
    for each in database.read_now(leases.everything):
        if each.name.startswith("share-"):
            found[each.owner] = found.get(each.owner, 0) + 1
    return found


def ingest(server: Server, first: int, last: int) -> None:
    """Let alerts arrive, a few at a time, so that there is always something under way."""
    for number in range(first, last, 20):
        body, kind = alerts(number, min(number + 20, last)), {"content-type": "application/x-ndjson"}
        assert server.client.post("/ingest/alerts", content=body, headers=kind).status_code == 200


def test_two_processes_tell_everything_once_and_the_one_that_is_left_tells_the_rest(
    postgresql_url: str, tmp_path: Path
) -> None:
    kinds = {"healthy": HEALTHY, "hanging": 0, "failing": 0, "slow": 0}
    with (
        pair(postgresql_url, tmp_path, SALLYPORT_EGRESS_ALLOW="127.0.0.1") as servers,
        subscribed(EVENTS, kinds) as hearing,
    ):
        one, two, database = servers.one, servers.two, servers.database
        for port in hearing.ports["healthy"]:
            subscribe(one.client, port)
        processes.until(
            lambda: sorted(holders(database).values()) == [lanes.SHARES // 2] * 2, "each process to have its part"
        )
        ingest(one, 0, EVENTS // 3)
        heard = [EVENTS // 3] * HEALTHY
        processes.until(lambda: hearing.ask()["heard"] == heard, "everything while both live")
        assert hearing.ask("end")["repeated"] == 0
        ingest(one, EVENTS // 3, EVENTS // 2)
        one.kill()
        ingest(two, EVENTS // 2, EVENTS)
        processes.until(lambda: hearing.ask()["heard"] == [EVENTS] * HEALTHY, "everything from the one that is left")
        assert list(holders(database).values()) == [lanes.SHARES]
        assert hearing.ask("end")["changed"] == 0
        assert "Traceback" not in servers.log()
