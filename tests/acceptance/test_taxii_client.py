"""Feeders and readers of STIX against a real server over HTTP: the TAXII client from PyPI, and Sentinel's upload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
import stix2  # type: ignore[import-untyped]
from taxii2client.v21 import Server as TaxiiServer  # type: ignore[import-untyped]
from taxii2client.v21 import as_pages

from acceptance.server import Server, serving
from stix_objects import IDENTITY, stix_indicator

ALERT = {
    "id": "a",
    "title": "Traffic",
    "vendorInformation": {"provider": "ASC", "vendor": "Microsoft"},
    "networkConnections": [{"destinationAddress": "203.0.113.1"}],
}


class Bearer(requests.auth.AuthBase):
    """The administrator's token, as any client of requests brings it."""

    def __init__(self, server: Server) -> None:
        self._header = server.client.headers["authorization"]

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


def test_a_taxii_client_adds_pages_and_reads_what_stix2_understands(tmp_path: Path) -> None:
    with serving(tmp_path, tmp_path / "log") as server:
        auth = Bearer(server)
        (collection,) = TaxiiServer(f"{server.url}/taxii2/", auth=auth).default.collections
        assert (collection.title, collection.can_read, collection.can_write) == ("Indicators", True, True)

        status = collection.add_objects({"objects": [stix_indicator(n) for n in range(25)]})
        assert (status.status, status.success_count, status.failure_count) == ("complete", 25, 0)
        made = server.client.post("/beta/security/tiIndicators", json=_native())
        assert made.status_code == 201, made.text
        collection.add_objects({"objects": [IDENTITY]})

        pages = list(as_pages(collection.get_objects, per_request=10))
        found: list[dict[str, Any]] = [each for page in pages for each in page["objects"]]
        assert [len(page["objects"]) for page in pages] == [10, 10, 7]
        read = [stix2.parse(each) for each in found]
        assert [each.id for each in read[:25]] == [stix_indicator(n)["id"] for n in range(25)]
        assert read[25].pattern == "[domain-name:value = 'evil.example']"
        assert [each["id"] for each in collection.get_objects(type="identity")["objects"]] == [IDENTITY["id"]]
        assert collection.get_object(IDENTITY["id"])["objects"] == [IDENTITY]
        assert len(collection.get_manifest()["objects"]) == 27

        server.client.post("/ingest/alerts", json=[ALERT]).raise_for_status()
        shown = server.client.get("/v1.0/security/alerts/a").json()["matchedIndicators"]
        assert [each["externalId"] for each in shown] == [stix_indicator(1)["id"]]


def test_a_taxii_client_signs_in_with_user_and_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        # They beat what a client is told to verify with.
        monkeypatch.delenv(name, raising=False)
    with serving(tmp_path, tmp_path / "log") as server:
        made = server.json("client", "add", "feed", "--permission", "ThreatIndicators.ReadWrite.OwnedBy")
        known = {"user": made["clientId"], "password": made["clientSecret"]}
        (collection,) = TaxiiServer(f"{server.url}/taxii2/", **known).default.collections
        assert collection.add_objects({"objects": [stix_indicator(1)]}).success_count == 1
        assert [each["id"] for each in collection.get_objects()["objects"]] == [stix_indicator(1)["id"]]
        secure = TaxiiServer(f"{server.told('https_url')}/taxii2/", **known, verify=str(server.authority_file))
        assert [each.can_write for each in secure.default.collections] == [True]

        for wrong in ({**known, "password": "wrong"}, {**known, "user": "nobody"}):
            with pytest.raises(requests.HTTPError, match="401"):
                _ = TaxiiServer(f"{server.url}/taxii2/", **wrong).title


def _native() -> dict[str, Any]:
    needed = {"targetProduct": "Azure Sentinel", "expirationDateTime": "2036-12-01T00:00:00Z", "action": "alert"}
    return {**needed, "domainName": "evil.example", "threatType": "C2", "description": "seen", "tlpLevel": "green"}


def test_a_feeder_of_sentinel_uploads_with_a_token_for_azure_s_management(tmp_path: Path) -> None:
    with serving(tmp_path, tmp_path / "log") as server:
        feeder = server.json("client", "add", "feeder", "--permission", "ThreatIndicators.ReadWrite.OwnedBy")
        given = {
            "grant_type": "client_credentials",
            "client_id": feeder["clientId"],
            "client_secret": feeder["clientSecret"],
            "scope": "https://management.azure.com/.default",
        }
        answered = server.stranger.post(f"/{feeder['tenantId']}/oauth2/v2.0/token", data=given)
        assert answered.status_code == 200, answered.text
        headers = {"Authorization": f"Bearer {answered.json()['access_token']}"}
        address = "/workspaces/55123d3d-fe35-42c1-bde6-ed5a2cbd5e19/threat-intelligence-stix-objects:upload"
        body = {"sourcesystem": "feed", "stixobjects": [stix_indicator(1)]}
        version = {"api-version": "2024-02-01-preview"}

        uploaded = server.stranger.post(address, params=version, json=body, headers=headers)
        revoked = {**body, "stixobjects": [stix_indicator(1, revoked=True, modified="2026-02-01T00:00:00Z")]}
        again = server.stranger.post(address, params=version, json=revoked, headers=headers)

        assert [(each.status_code, each.content) for each in (uploaded, again)] == [(200, b"")] * 2
        (known,) = server.lines("indicators", "list")
        assert (known["externalId"], known["isActive"]) == (stix_indicator(1)["id"], False)
        refused = server.stranger.post(address, params=version, json=body)
        assert (refused.status_code, refused.json()["statusCode"]) == (401, 401)
