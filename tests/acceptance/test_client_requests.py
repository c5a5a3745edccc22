"""Each kind of client's requests as they were seen on the wire, byte by byte, against a real process.

The rule: the table holds what is sent and what must come back; nothing here mends a request on its way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acceptance.receiver import receiving
from acceptance.server import Server, request_bytes, serving
from workplace import CASES

STORIES: list[dict[str, Any]] = json.loads((CASES / "graph" / "client_requests.json").read_text())
PERMISSIONS = (
    *("SecurityEvents.ReadWrite.All", "SecurityAlert.ReadWrite.All", "SecurityIncident.ReadWrite.All"),
    "ThreatIndicators.ReadWrite.OwnedBy",
)


@dataclass(frozen=True)
class Stage:
    """A server, and what the table's requests may name in braces."""

    server: Server
    names: dict[str, str]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server with three alerts, an application, and an endpoint for notifications."""
    folder = tmp_path_factory.mktemp("clients")
    around = {"SALLYPORT_ACCEPT_BARE_TOKENS": "true", "SALLYPORT_EGRESS_ALLOW": "127.0.0.1"}
    with (
        receiving() as receiver,
        serving(folder / "data", folder / "server.log", **around) as server,
    ):
        asked = [word for permission in PERMISSIONS for word in ("--permission", permission)]
        made = server.json("client", "add", "Client", *asked)
        names = {
            "client_id": made["clientId"],
            "client_secret": made["clientSecret"],
            "endpoint": receiver.url,
            "tomorrow": (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d"),
            "origin": "http://sallyport.test",
        }
        granted = server.stranger.post(
            "/contoso.example/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": made["clientId"],
                "client_secret": made["clientSecret"],
                "scope": "https://graph.microsoft.com/.default",
            },
        )
        yield Stage(server, {**names, "token": granted.json()["access_token"]})


def alert(number: int) -> dict[str, Any]:
    """Answer an alert as it is before every story; what a story changed is set back."""
    return {
        "id": f"wire-{number}",
        "title": f"Wire {number}",
        "severity": "low" if number == 1 else "high",
        "category": "Labor Zürich",
        "createdDateTime": f"2026-11-0{number + 2}T00:00:00Z",
        "eventDateTime": f"2026-11-0{number + 2}T00:00:00Z",
        "vendorInformation": {"provider": "ASC", "vendor": "Microsoft"},
        "fileStates": [{"name": "a.exe", "fileHash": {"hashType": "sha256", "hashValue": "AA64"}}],
        "processes": [{"name": "a.exe"}],
        "userStates": [{"accountName": f"user{number}", "userPrincipalName": f"User{number}@contoso.com"}],
    }


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["client"])
def test_what_a_kind_of_client_sends_is_answered_as_it_reads_it(stage: Stage, story: dict[str, Any]) -> None:
    stored = stage.server.client.post("/ingest/alerts", json=[alert(number) for number in range(3)])
    assert stored.is_success, stored.text
    names = dict(stage.names)
    for step in story["steps"]:
        send(stage.server, step, names)


def send(server: Server, step: dict[str, Any], names: dict[str, str]) -> None:
    """Send one request as it stands in the table, look at what comes back, and keep what later requests name."""
    method, _, target = named(step["send"], names).partition(" ")
    body = named(step.get("body", ""), names).encode()
    headers = {"Authorization": f"Bearer {names['token']}", **step.get("headers", {})}
    if "authorization" in step:
        headers["Authorization"] = named(step["authorization"], names)
    if body:
        headers["Content-Length"] = str(len(body))
    kept = {name: value for name, value in headers.items() if value}
    status, received, content = server.raw([request_bytes(method, target, kept, body)])
    assert status == step["status"], (step["send"], content)
    if content:
        assert received["content-type"].startswith("application/json"), step["send"]
    answered = json.loads(content or b"null")
    for pointer, expected in step.get("has", {}).items():
        wanted = named(expected, names) if isinstance(expected, str) else expected
        assert at(answered, pointer) == wanted, (step["send"], pointer, answered)
    for name, pointer in step.get("keep", {}).items():
        found = str(at(answered, pointer.removesuffix("?")))
        names[name] = found.partition("?")[2] if pointer.endswith("?") else found


def named(text: str, names: dict[str, str]) -> str:
    """Answer a text of the table with the names in braces filled in."""
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text


def at(document: Any, pointer: str) -> Any:
    """Answer what stands at a JSON pointer; a key that is not there fails."""
    found = document
    for part in pointer.lstrip("/").split("/"):
        found = found[int(part)] if isinstance(found, list) else found[part]
    return found


def test_a_query_is_read_as_it_was_written_also_where_it_is_not_encoded(stage: Stage) -> None:
    assert stage.server.client.post("/ingest/alerts", json=[alert(0)]).is_success
    headers = {"Authorization": f"Bearer {stage.names['token']}"}
    target = "/v1.0/security/alerts?$filter=category eq 'Labor Zürich' and id eq 'wire-0'&$select=id".encode()
    status, _, content = stage.server.raw([request_bytes("GET", target, headers)])
    assert (status, [each["id"] for each in json.loads(content)["value"]]) == (200, ["wire-0"])
    # Only a query is mended: with a blank in its path, a request is none.
    assert stage.server.raw([request_bytes("GET", b"/v1.0/security/a b", headers)])[0] == 400
    assert stage.server.raw([request_bytes("GET", b"/v1.0/security/a b?c", headers)])[0] == 400
