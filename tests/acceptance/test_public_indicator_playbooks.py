"""Public playbooks that bring indicators, deployed as they were published and run to their natural end."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import playhouse
import public_playbooks
from playhouse import NOW, Outside, Playhouse
from public_playbooks import CONNECTOR
from workplace import needs_shared

pytestmark = needs_shared

SUBMIT = "/beta/security/tiIndicators/submitTiIndicators"


def indicator(number: int, product: str) -> dict[str, Any]:
    expires = (NOW + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    described = {"description": "Seen by a feed", "threatType": "WatchList", "tlpLevel": "green"}
    where = {"networkDestinationIPv4": f"198.51.100.{number}", "externalId": f"feed-{number}"}
    return {"action": "alert", "expirationDateTime": expires, "targetProduct": product, **described, **where}


async def a_sender(play: Playhouse, folder: Path, receiver: str, batch: str) -> str:
    """Deploy a workflow that sends each message of a list to a batch; answer its address."""
    host = {"triggerName": "Batch_messages", "workflow": {"id": f"/any/Microsoft.Logic/workflows/{receiver}"}}
    inputs = {"batchName": batch, "content": "@items('For_each')", "host": host}
    loop = {
        "type": "Foreach",
        "foreach": "@triggerBody()",
        "actions": {"Send": {"type": "SendToBatch", "inputs": inputs}},
    }
    definition = {"triggers": {"manual": {"type": "Request"}}, "actions": {"For_each": loop}}
    file = folder / "sender.json"
    file.write_text(json.dumps({"definition": definition}), "utf-8")
    (deployed,) = await play.deploy(file)
    return deployed.callback_urls["manual"]


@pytest.mark.parametrize(
    ("playbook", "workflow", "batch", "count", "hours", "product"),
    [
        ("covid indicators", "C19ImportToSentinel", "tiIndicators", 10, 1, "Azure Sentinel"),
        (
            *("recorded future", "RecordedFuture_IP_SCF_ImportToDefenderATP", "RFIpSCFImport"),
            *(100, 23, "Microsoft Defender ATP"),
        ),
    ],
)
async def test_a_batch_is_submitted_when_it_is_full_and_when_it_is_time(
    tmp_path: Path, playbook: str, workflow: str, batch: str, count: int, hours: int, product: str
) -> None:
    messages = [indicator(number, product) for number in range(count + 3)]
    async with playhouse.opened(tmp_path) as play:
        await play.deploy(public_playbooks.path(playbook))
        url = await a_sender(play, tmp_path, workflow, batch)
        await play.post(url, messages[: count - 1])
        await play.runs("sender", 1)
        await play.runs(workflow, 0)
        await play.post(url, messages[count - 1 : count])
        (full,) = await play.runs(workflow, 1)
        await play.post(url, messages[count:])
        await play.runs("sender", 3)
        await play.later(hours=hours)
        runs = await play.runs(workflow, 2)
        assert traced(runs[0]) == traced(full)
        for run in runs:
            steps = {"Select": "Succeeded", "Submit_multiple_tiIndicators": "Succeeded"}
            assert (run.status, run.statuses()) == ("Succeeded", steps)
        calls = play.outside.of(CONNECTOR)
        assert [(method, path) for method, path, _ in calls] == [("POST", SUBMIT)] * 2
        submitted = [sorted(each["externalId"] for each in body["value"]) for _, _, body in calls]
        assert submitted == [
            sorted(each["externalId"] for each in messages[:count]),
            sorted(each["externalId"] for each in messages[count:]),
        ]
        assert all(each in messages for _, _, body in calls for each in body["value"])
        listed = await play.get("/beta/security/tiIndicators", **{"$top": "200"})
        assert sorted(each["externalId"] for each in listed["value"]) == sorted(m["externalId"] for m in messages)
        assert {each["targetProduct"] for each in listed["value"]} == {product}


def traced(run: playhouse.Ended) -> dict[str, tuple[str, str]]:
    """Answer which calls a run has made, and when each was over."""
    return {name: (each["trackingId"], each["endTime"]) for name, each in run.actions.items()}


async def test_a_batch_that_is_submitted_as_it_is_has_the_wrong_shape_and_fails(tmp_path: Path) -> None:
    workflow = "Solutions__Group-IB__Playbooks__GIBIndicatorsProcessor"
    async with playhouse.opened(tmp_path) as play:
        await play.deploy(public_playbooks.path("group-ib"))
        url = await a_sender(play, tmp_path, workflow, "GIBIndicatorsBatch")
        await play.post(url, [indicator(1, "Azure Sentinel"), indicator(2, "Azure Sentinel")])
        (run,) = await play.runs(workflow, 1)
        # The playbook sends the whole batch, `{"items": [{"content", "messageId"}]}`, where `{"value": [...]}` belongs.
        ((method, path, body),) = play.outside.of(CONNECTOR)
        assert (method, path) == ("POST", SUBMIT)
        assert sorted(each["content"]["externalId"] for each in body["items"]) == ["feed-1", "feed-2"]
        assert (run.status, run.statuses()) == ("Failed", {"Submit_multiple_tiIndicators": "Failed"})
        action = run.actions["Submit_multiple_tiIndicators"]
        assert (action["code"], "value" in action["error"]["message"]) == ("BadRequest", True)
        assert await play.indicators() == []


FEED = "https://threatintelligence.guardicore.com"
SEEN = {"first_seen": "2026-02-01", "last_seen": "2026-03-01", "country_code": None}
FLAGS = {"attacker": True, "connect_back": False, "scanner": False}


def threat_intelligence() -> dict[str, Any]:
    """Answer a feed as the playbook's schema describes it."""
    seen = {**SEEN, **FLAGS}
    return {
        "connect_back_ips": [{**seen, "ip": "203.0.113.1", "isp": None, "asn": None, "seen_amount": 3}],
        "human_ratio": [{"number_of_human_attacks": 1, "number_of_script_attacks": 99}],
        "malicious_domains": [
            {"dns_record": "bad.example", "ips": "203.0.113.2,203.0.113.3"},
            {"dns_record": "localhost", "ips": None},
        ],
        "ports": [{"port_number": 22, "scans_seen_amount": 5}],
        "scanners": [
            {
                **seen,
                "ip": "203.0.113.4",
                "isp": "Contoso Net",
                "asn": 64500,
                "number_of_scans": 9,
                "scanned_services": "SSH",
            }
        ],
        "top_attackers": [
            {**seen, "ip": "203.0.113.5", "isp": None, "asn": 64501, "number_of_attacks": 7, "attacked_services": "RDP"}
        ],
    }


async def test_a_weekly_feed_becomes_indicators(tmp_path: Path) -> None:
    outside = Outside(replies={"GET /downloads/latest.json": (200, threat_intelligence())})
    async with playhouse.opened(tmp_path, outside, web=[FEED]) as play:
        await play.deploy(public_playbooks.path("guardicore"))
        # It is Monday, 8:00; the feed is read on Mondays at 6:00.
        await play.later(days=6, hours=21, minutes=59)
        await play.runs("Guardicore-ThreatIntel", 0)
        await play.later(minutes=1)
        (run,) = await play.runs("Guardicore-ThreatIntel", 1)
        assert (run.status, set(run.statuses().values())) == ("Succeeded", {"Succeeded"})
        assert [(method, url) for method, url, _, _ in outside.requests] == [("GET", f"{FEED}/downloads/latest.json")]
        assert {name: sorted(found.values()) for name, found in run.repeated.items()} == {
            "Condition_-_Check_Valid_Data_1": ["Succeeded", "Succeeded"],
            "Create_tiIndicator_2": ["Skipped", "Succeeded"],
            "Condition_-_Check_Valid_Data_2": ["Succeeded", "Succeeded"],
            "For_Each_-_GC_Data:_Malicious_Domains_IPs": ["Skipped", "Succeeded"],
            "Create_tiIndicator": ["Succeeded", "Succeeded"],
            "Create_Threat_Indicator_for_C2_IP": ["Succeeded"],
            "Create_Threat_Indicator_for_Scanner": ["Succeeded"],
            "Create_Threat_Indicator_for_Attacker": ["Succeeded"],
        }
        calls = outside.of(CONNECTOR)
        assert {(method, path) for method, path, _ in calls} == {("POST", "/beta/security/tiIndicators")}
        scanner = next(body for _, _, body in calls if body["description"] == "Guardicore Malicious Scanner")
        assert scanner == {
            "action": "alert",
            "additionalInformation": "ISP = Contoso Net",
            "confidence": 0,
            "description": "Guardicore Malicious Scanner",
            "expirationDateTime": "2026-03-16T06:00:00.0000000Z",
            "networkSourceAsn": "64500",
            "networkSourceIPv4": "203.0.113.4",
            "severity": 0,
            "targetProduct": "Azure Sentinel",
            "threatType": "WatchList",
            "tlpLevel": "white",
        }
        where = ("domainName", "networkDestinationCidrBlock", "networkDestinationIPv4", "networkSourceIPv4")
        stored = await play.indicators()
        assert sorted((name, each[name]) for each in stored for name in where if each.get(name)) == [
            ("domainName", "bad.example"),
            ("networkDestinationCidrBlock", "203.0.113.2"),
            ("networkDestinationCidrBlock", "203.0.113.3"),
            ("networkDestinationIPv4", "203.0.113.1"),
            ("networkSourceIPv4", "203.0.113.4"),
            ("networkSourceIPv4", "203.0.113.5"),
        ]
        assert {each["networkSourceAsn"] for each in stored} == {None, 64500, 64501}
