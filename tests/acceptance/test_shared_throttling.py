"""Two server processes on one PostgreSQL: together they let pass what one would, whichever of them is asked."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import processes
from acceptance.pair import Pair, pair
from acceptance.server import Server
from sallyport.store import throttle_counts

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]
#: As many requests in a minute: one comes back every second.
LIMIT, AT_FIRST = 60, 40


def ask(server: Server) -> int:
    """Ask for alerts, and answer the status; who is turned away is told for how long."""
    answered = server.client.get("/v1.0/security/alerts", params={"$top": "1"})
    if answered.status_code == 429:
        assert answered.json()["error"]["code"] == "TooManyRequests"
        assert 1 <= int(answered.headers["retry-after"]) <= LIMIT
    return answered.status_code


def told(servers: Pair) -> list[int]:
    """Answer how many requests for alerts each process has told the other that it let pass, fewest first."""
    found = servers.database.read_now(lambda connection: throttle_counts.others(connection, "neither", ""))
    return sorted(number for (_, (_, scope)), number in found.items() if scope == "security")


def test_what_one_process_let_pass_is_taken_from_what_the_other_lets_pass(postgresql_url: str, tmp_path: Path) -> None:
    limits = {"SALLYPORT_THROTTLE": "like-graph", "SALLYPORT_THROTTLE_LIMITS_SECURITY": str(LIMIT)}
    with pair(postgresql_url, tmp_path, **limits) as servers:
        began = time.monotonic()
        assert [ask(servers.one) for _ in range(AT_FIRST)] == [200] * AT_FIRST
        processes.until(lambda: told(servers) == [AT_FIRST], "what the first one tells")
        # Whoever has told a second time has read, after the first, what the other told before.
        for number in (1, 2):
            assert ask(servers.two) == 200
            processes.until(lambda number=number: told(servers) == [number, AT_FIRST], "what the second one tells")
        passed = AT_FIRST + 2
        while ask(servers.two) == 200:
            passed += 1
        assert LIMIT <= passed <= LIMIT + (time.monotonic() - began) * LIMIT / 60 + 1
        assert servers.two.client.get("/v1.0/subscriptions").status_code == 200, "other limits are others"
        assert "Traceback" not in servers.log()
