"""Public playbooks that answer alerts, deployed as they were published and run to their natural end."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import playhouse
import public_playbooks
from playhouse import Outside, Playhouse
from public_playbooks import CONNECTOR
from workplace import needs_shared

pytestmark = needs_shared


def alert(alert_id: str, severity: str, **more: Any) -> dict[str, Any]:
    vendor = {"provider": "Contoso Sensors", "vendor": "Contoso"}
    found = {"id": alert_id, "title": f"Alert {alert_id}", "severity": severity, "status": "newAlert"}
    return {**found, "createdDateTime": "2026-03-02T07:55:00Z", "vendorInformation": vendor, **more}


def user(name: str) -> dict[str, Any]:
    return {"userPrincipalName": name, "accountName": name.partition("@")[0]}


async def choose(play: Playhouse, subject: str, recipient: str, option: str) -> None:
    """Follow the link of an option in the mail that somebody got."""
    await play.until(lambda: any(to == (recipient,) for _, to in play.mails.sent))
    index = next(i for i, (_, to) in enumerate(play.mails.sent) if to == (recipient,))
    assert play.mails.subjects[index] == subject
    pattern = rf'href="{playhouse.PUBLIC_URL}([^"]+)"[^>]*>\s*{re.escape(option)}'
    link = re.search(pattern, play.mails.html(index).replace("&#x27;", "'"))
    assert link is not None, play.mails.html(index)
    await play.post(link[1])


def test_every_public_playbook_that_uses_the_connector_is_tested() -> None:
    assert {each.name for each in public_playbooks.listed()} == set(public_playbooks.FILES.values())


async def test_each_new_alert_is_mailed_once(tmp_path: Path) -> None:
    name = "Playbooks__SendEmailWhenNewAlertArrives"
    # Its recipient is a placeholder that no mail server takes, so the mail is the test's.
    outside = Outside(frozenset({"office365"}), {"office365 POST /v2/Mail": (200, None)})
    async with playhouse.opened(tmp_path, outside) as play:
        await play.deploy(public_playbooks.path("mail alerts"))
        await play.later(seconds=1)
        await play.ingest(alert("a", "low"), alert("b", "high"))
        await play.later(minutes=3)
        (run,) = await play.runs(name, 1)
        await play.later(minutes=3)
        await play.runs(name, 1)
        assert await play.histories(name, "On_all_new_alerts") == ["Skipped", "Succeeded", "Skipped"]
        loop, mail = "For_each_of_the_new_alerts,_send_an_email_with_all_alert_details", "Send_the_alert_to_an_email_"
        assert (run.status, run.statuses()) == ("Succeeded", {loop: "Succeeded"})
        assert run.repeated == {mail: {"000000": "Succeeded", "000001": "Succeeded"}}
        sent = sorted(outside.of("office365"), key=lambda call: str(call[2]["Subject"]))
        assert [(method, path) for method, path, _ in sent] == [("POST", "/v2/Mail")] * 2
        bodies = [body for _, _, body in sent]
        assert [(body["To"], body["Subject"]) for body in bodies] == [
            ("<Recipient_Email_Address>", "Alert a"),
            ("<Recipient_Email_Address>", "Alert b"),
        ]
        assert all(body["Body"].startswith('<p>{"id":"') and body["Body"].endswith("}</p>") for body in bodies)


async def test_users_say_what_their_alerts_mean(tmp_path: Path) -> None:
    name, trigger = (
        "Playbooks__AutomatedSecurityManagementWithUserInput.logicapp",
        "Recurrence_-_Polling_happens_every_15_minutes",
    )
    channel = f"/beta/groups/{quote('Alert Investigations')}/channels"
    outside = Outside(frozenset({"teams"}), {f"teams POST {channel}": (201, {"id": "19:x"})})
    async with playhouse.opened(tmp_path, outside) as play:
        await play.ingest(
            alert("ignored", "medium", userStates=[user("dana@contoso.com")]),
            alert("unsure", "low", userStates=[user("lee@contoso.com"), user("")]),
            alert("old", "high", createdDateTime="2026-03-02T07:44:59Z", userStates=[user("kim@contoso.com")]),
        )
        await play.deploy(public_playbooks.path("ask the user"))
        subject = "Your input is required on this alert"
        await choose(play, subject, "dana@contoso.com", "IgnoreThisAlert")
        await choose(play, subject, "lee@contoso.com", "I'mUnsure")
        (run,) = await play.runs(name, 1)
        assert run.status == "Succeeded"
        assert run.statuses() == {
            "Get_list_of_new_alerts_triggered_in_the_past_15_minutes": "Succeeded",
            "For_each": "Succeeded",
        }
        (listing, *changes) = outside.of(CONNECTOR)
        assert listing == (
            "GET",
            "/v1.0/security/alerts",
            {"$filter": "createddatetime gt 2026-03-02T07:45:00.0000000Z"},
        )
        vendor = {"provider": "Contoso Sensors", "vendor": "Contoso"}
        body = {"comments": "Closing alert per user input", "status": "resolved", "vendorInformation": vendor}
        assert changes == [("PATCH", "/v1.0/security/alerts/ignored", body)]
        assert outside.of("teams") == [("POST", channel, {"displayName": "Alert Investigations"})]
        stored = {each: await play.alert(each) for each in ("ignored", "unsure", "old")}
        assert {each: (found["status"], found["comments"]) for each, found in stored.items()} == {
            "ignored": ("resolved", ["Closing alert per user input"]),
            "unsure": ("newAlert", []),
            "old": ("newAlert", []),
        }
        assert len(play.mails.sent) == 2
        counted = {action: sorted(found.values()) for action, found in run.repeated.items()}
        assert counted == {
            "For_each_of_these_alerts,_do_these_steps": ["Succeeded"] * 2,
            "Condition": ["Succeeded"] * 3,
            "Send_email_with_options": ["Skipped", "Succeeded", "Succeeded"],
            "Condition_2": ["Skipped", "Succeeded", "Succeeded"],
            "Create_a_Teams_channel_for_alert_investigation_with_security_analysts": [
                "Skipped",
                "Skipped",
                "Succeeded",
            ],
            "Close_the_alert_based_on_user_input": ["Skipped", "Skipped", "Succeeded"],
        }
        await play.later(minutes=15)
        await play.runs(name, 2)
        assert await play.histories(name, trigger) == ["Succeeded", "Succeeded"]


async def test_an_investigation_gathers_what_else_happened_to_a_user(tmp_path: Path) -> None:
    name = "Playbooks__StartAnInvestigationOnTeamsForAUserCorrelatedAcrossMultipleAlerts"
    site, table = "https://<yourdomain>.sharepoint.com/securityanalyst/", "<guid>"
    items = f"/datasets/{quote(quote(site, safe=''), safe='')}/tables/{quote(quote(table, safe=''), safe='')}/items"
    messages = f"/v3/beta/teams/{quote('<Team_guid>')}/channels/{quote('<Channel_guid>')}/messages"
    analyst = {"ID": 7, "Person_x0020_Name": {"DisplayName": "Dana", "JobTitle": "Analyst on duty"}}
    replies: dict[str, playhouse.Reply] = {
        f"sharepointonline GET {items}": (200, {"value": [analyst]}),
        f"teams POST {messages}": (201, {"id": "1616990032035"}),
    }
    outside = Outside(frozenset({"sharepointonline", "teams"}), replies)
    async with playhouse.opened(tmp_path, outside) as play:
        await play.ingest(
            alert("before", "low", userStates=[user("lee@contoso.com")]),
            alert("stranger", "low", userStates=[user("kim@contoso.com")]),
        )
        await play.deploy(public_playbooks.path("investigate"))
        await play.later(seconds=1)
        await play.ingest(alert("high", "high", userStates=[user("lee@contoso.com")]), alert("low", "low"))
        await play.later(minutes=3)
        (run,) = await play.runs(name, 1)
        assert (run.status, set(run.statuses().values())) == ("Succeeded", {"Succeeded"})
        assert {status for found in run.repeated.values() for status in found.values()} == {"Succeeded"}
        assert {action: len(found) for action, found in run.repeated.items()} == dict.fromkeys(run.repeated, 1)
        assert outside.of("sharepointonline") == [("GET", items, {"$top": 1})]
        vendor = {"provider": "Contoso Sensors", "vendor": "Contoso"}
        update, related = [call for call in outside.of(CONNECTOR) if not call[1].startswith("/trigger/")]
        changed = {"assignedTo": "Analyst on duty", "status": "inProgress", "vendorInformation": vendor}
        assert update == ("PATCH", "/v1.0/security/alerts/high", changed)
        query = {"$filter": "userStates/any(a:a/userPrincipalName eq 'lee@contoso.com')"}
        assert related == ("GET", "/v1.0/security/alerts", query)
        stored = await play.alert("high")
        assert (stored["assignedTo"], stored["status"]) == ("Analyst on duty", "inProgress")
        ((_, path, message),) = outside.of("teams")
        content = message["body"]["content"]
        assert (path, message["body"]["contentType"]) == (messages, "html")
        assert "username:lee@contoso.com<br>" in content
        assert sorted(re.findall(r"<td>(Alert \w+)</td>", content)) == ["Alert before", "Alert high"]


async def test_an_address_is_blocked_when_an_analyst_approves(tmp_path: Path) -> None:
    name, contact = "Block_IPs_on_MDATP_Using_GraphSecurity", "analyst@contoso.com"
    case = "/Cases/alert-1/subscription-1/workspace-1/group-1"
    found = {"IPs": [{"$id": "3", "Address": "203.0.113.66", "Type": "ip"}]}
    replies: dict[str, playhouse.Reply] = {
        "azuresentinel POST /subscribe": (201, {"id": "subscription"}),
        f"azuresentinel GET {case}": (200, {"properties": {"CaseNumber": 42}}),
        "azuresentinel POST /entities/ip": (200, found),
    }
    outside = Outside(frozenset({"azuresentinel"}), replies)
    incident = {
        "SystemAlertId": "alert-1",
        "WorkspaceSubscriptionId": "subscription-1",
        "WorkspaceId": "workspace-1",
        "WorkspaceResourceGroup": "group-1",
        "Entities": '[{"$id":"3","Address":"203.0.113.66","Type":"ip"}]',
    }
    # Its indicators expire in April 2021.
    async with playhouse.opened(tmp_path, outside, now=datetime(2021, 4, 1, tzinfo=UTC)) as play:
        await play.deploy(public_playbooks.path("block addresses"), EmailApprovalContact=contact)
        ((_, _, subscribed),) = outside.of("azuresentinel")
        for option, count in (("Reject", 0), ("Approve", 1)):
            play.mails.sent.clear()
            await play.later(seconds=1)
            await play.post(subscribed["callback_url"], incident)
            await choose(play, "Approval Request", contact, option)
            run = (await play.runs(name, 2 if count else 1))[-1]
            assert (run.status, set(run.statuses().values())) == ("Succeeded", {"Succeeded"})
            submitted = {"000000": "Succeeded" if count else "Skipped"}
            assert run.repeated["Submit_TiIndicator_to_MDATP_to_block_IP"] == submitted
            assert len(await play.indicators()) == count
        assert "203.0.113.66" in play.mails.html()
        assert "Incident case number: 42" in play.mails.html()
        assert outside.of("azuresentinel")[1:3] == [
            ("GET", case, None),
            ("POST", "/entities/ip", incident["Entities"]),
        ]
        indicator = {
            "action": "block",
            "description": "IP to block",
            "expirationDateTime": "2021-04-23T19:53:10.2071263Z",
            "networkDestinationIPv4": "203.0.113.66",
            "targetProduct": "Microsoft Defender ATP",
        }
        assert outside.of(CONNECTOR) == [("POST", "/beta/security/tiIndicators", indicator)]
        (stored,) = await play.indicators()
        assert {key: stored[key] for key in indicator} == indicator
