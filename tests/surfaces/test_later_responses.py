"""A Response with the asynchronous pattern: an address at once, and at the address the response in its time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import playhouse

PAUSE = {"type": "Wait", "inputs": {"interval": {"count": 10, "unit": "Minute"}}, "runAfter": {}}
ANSWER = {
    "type": "Response",
    "kind": "Http",
    "operationOptions": "Asynchronous",
    "inputs": {"statusCode": 201, "headers": {"X-Own": "yes"}, "body": {"got": "@triggerBody()"}},
    "runAfter": {"Pause": ["Succeeded"]},
}


def _file(folder: Path, **actions: Any) -> Path:
    file = folder / "slow.json"
    triggers = {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}
    file.write_text(json.dumps({"triggers": triggers, "actions": actions}))
    return file


async def test_a_caller_is_told_where_the_response_will_be(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        (deployed,) = await play.deploy(_file(tmp_path, Pause=PAUSE, Answer=ANSWER))
        accepted = await play.client.post(deployed.callback_urls["manual"], json={"n": 1})
        assert (accepted.status_code, accepted.headers["retry-after"]) == (202, "5")
        assert accepted.headers["x-ms-workflow-run-id"]
        address = accepted.headers["location"]
        early = await play.client.get(address)
        assert (early.status_code, early.headers["location"]) == (202, address)
        await play.later(minutes=11)
        (run,) = await play.runs("slow", 1)
        assert (run.status, run.actions["Answer"]["status"]) == ("Succeeded", "Succeeded")
        answered = await play.client.get(address)
        assert (answered.status_code, answered.json(), answered.headers["x-own"]) == (201, {"got": {"n": 1}}, "yes")


@pytest.mark.parametrize("changed", ["sig=x", "sig=", "nothing"])
async def test_the_address_of_a_response_is_signed(tmp_path: Path, changed: str) -> None:
    async with playhouse.opened(tmp_path) as play:
        (deployed,) = await play.deploy(_file(tmp_path, Pause=PAUSE, Answer=ANSWER))
        accepted = await play.client.post(deployed.callback_urls["manual"], json={})
        forged = accepted.headers["location"].partition("sig=")[0] + changed
        assert (await play.client.get(forged)).status_code == 401


async def test_where_no_response_came_the_address_says_so(tmp_path: Path) -> None:
    never = {**ANSWER, "runAfter": {"Pause": ["Failed"]}}
    async with playhouse.opened(tmp_path) as play:
        (deployed,) = await play.deploy(_file(tmp_path, Pause=PAUSE, Answer=never))
        accepted = await play.client.post(deployed.callback_urls["manual"], json={})
        await play.later(minutes=11)
        await play.runs("slow", 1)
        gone = await play.client.get(accepted.headers["location"])
        assert (gone.status_code, gone.json()["error"]["code"]) == (502, "NoResponse")
