"""What the playbook asks, and what it does with the answer, in a whole house."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import playhouse
from playhouse import Outside, Playhouse

HERE = Path(__file__).parent
(ALERT,) = json.loads((HERE / "alerts.json").read_text("utf-8"))["value"]
PAGER = "https://pager.example.com"


def link(play: Playhouse, option: str) -> str:
    """Answer where a mail's link for an option leads."""
    found = re.search(rf'href="{playhouse.PUBLIC_URL}([^"]+)"[^>]*>\s*{option}', play.mails.html())
    assert found is not None, play.mails.html()
    return found[1]


async def asked(play: Playhouse, *alerts: dict[str, Any], **values: str) -> None:
    await play.deploy(HERE, onCall="dana@contoso.com", **values)
    await play.later(seconds=1)
    await play.ingest(*alerts)
    await play.later(minutes=3)


@pytest.mark.parametrize(
    ("option", "tags", "status", "comment"),
    [
        (
            "Approve",
            ["edr", "approval:approved"],
            "inProgress",
            "On-call approved: 203.0.113.66, 198.51.100.23 blocked for 7 days.",
        ),
        ("Reject", ["edr", "approval:rejected"], "newAlert", "On-call decided not to block anything."),
    ],
)
async def test_what_on_call_chooses_in_the_mail_is_done(
    tmp_path: Path, option: str, tags: list[str], status: str, comment: str
) -> None:
    async with playhouse.opened(tmp_path) as play:
        await asked(play, ALERT)
        await play.until(lambda: play.mails.sent)
        assert play.mails.subjects == ["Block 203.0.113.66, 198.51.100.23?"]
        assert await play.indicators() == []
        await play.client.get(link(play, option))
        await play.post(link(play, option))
        (run,) = await play.runs("on-call-approval", 1)
        assert run.status == "Succeeded"
        blocked = {each["networkDestinationIPv4"] for each in await play.indicators()}
        assert blocked == ({"203.0.113.66", "198.51.100.23"} if option == "Approve" else set())
        stored = await play.alert(ALERT["id"])
        assert (stored["tags"], stored["status"], stored["comments"]) == (tags, status, [comment])
        assert stored["assignedTo"] == "dana@contoso.com"


async def test_without_an_answer_nothing_is_blocked_and_the_alert_says_so(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        await asked(play, ALERT)
        await play.until(lambda: play.mails.sent)
        await play.later(hours=4)
        (run,) = await play.runs("on-call-approval", 1)
        assert run.status == "Succeeded"
        assert await play.indicators() == []
        assert (await play.alert(ALERT["id"]))["tags"] == ["edr", "approval:unanswered"]


async def test_a_paging_service_asks_over_a_callback_address(tmp_path: Path) -> None:
    outside = Outside(replies={"POST /pages": (202, {"page": 1})})
    async with playhouse.opened(tmp_path, outside, web=[PAGER]) as play:
        await asked(play, ALERT, pagingUrl=f"{PAGER}/pages")
        await play.until(lambda: outside.requests)
        ((_, url, _, page),) = outside.requests
        assert (url, page["alertId"], page["options"]) == (f"{PAGER}/pages", ALERT["id"], ["Approve", "Reject"])
        await play.post(page["callbackUrl"], {"decision": "Approve"})
        (run,) = await play.runs("on-call-approval", 1)
        assert (run.status, play.mails.sent) == ("Succeeded", [])
        assert len(await play.indicators()) == 2


async def test_nobody_is_asked_about_an_alert_that_names_no_address(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        await asked(play, {**ALERT, "networkConnections": []})
        (run,) = await play.runs("on-call-approval", 1)
        assert (run.status, play.mails.sent) == ("Succeeded", [])
        assert (await play.alert(ALERT["id"]))["tags"] == ["edr", "approval:not-needed"]


async def test_nobody_is_asked_to_block_a_host_of_the_house(tmp_path: Path) -> None:
    inside = [{"destinationAddress": each} for each in ("10.20.7.15", "192.168.40.23", "172.16.0.9", "")]
    async with playhouse.opened(tmp_path) as play:
        await asked(play, {**ALERT, "networkConnections": inside})
        (run,) = await play.runs("on-call-approval", 1)
        assert (run.status, play.mails.sent) == ("Succeeded", [])
        assert (await play.alert(ALERT["id"]))["tags"] == ["edr", "approval:not-needed"]


async def test_addresses_of_both_kinds_are_blocked(tmp_path: Path) -> None:
    both = [{"destinationAddress": each} for each in ("203.0.113.66", "2001:db8::66", "10.20.7.15")]
    async with playhouse.opened(tmp_path) as play:
        await asked(play, {**ALERT, "networkConnections": both})
        await play.until(lambda: play.mails.sent)
        assert play.mails.subjects == ["Block 203.0.113.66, 2001:db8::66?"]
        await play.post(link(play, "Approve"))
        (run,) = await play.runs("on-call-approval", 1)
        assert run.status == "Succeeded"
        stored = {(each["networkDestinationIPv4"], each["networkDestinationIPv6"]) for each in await play.indicators()}
        assert stored == {("203.0.113.66", None), (None, "2001:db8::66")}
