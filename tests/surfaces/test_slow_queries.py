"""Queries that take as long as they are let, and everybody else meanwhile."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import playhouse

WORKFLOW = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows/busy"
DEFINITION = {
    "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
    "actions": {"Answer": {"type": "Response", "kind": "Http", "inputs": {"statusCode": 200, "body": "here"}}},
}


async def test_slow_queries_hold_up_neither_runs_nor_readiness_nor_what_is_read_by_its_id(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        await play.ingest({"id": "one", "title": "t", "vendorInformation": {"provider": "p", "vendor": "v"}})
        await play.client.put(WORKFLOW, json={"properties": {"definition": DEFINITION}})
        url = (await play.post(f"{WORKFLOW}/triggers/manual/listCallbackUrl")).json()["value"]
        answered = threading.Event()
        slow = [asyncio.ensure_future(play.house.database.query(lambda _: answered.wait(30))) for _ in range(20)]
        listing = asyncio.ensure_future(play.client.get("/v1.0/security/alerts", params={"$filter": "title eq 't'"}))
        try:
            told = [
                await play.client.get("/readyz"),
                await play.client.get("/v1.0/security/alerts/one"),
                await play.client.post(url, json={}),
            ]
            assert not listing.done()
        finally:
            answered.set()
        assert [each.status_code for each in told] == [200, 200, 200]
        assert [each["id"] for each in (await listing).json()["value"]] == ["one"]
        assert await asyncio.gather(*slow) == [True] * 20
