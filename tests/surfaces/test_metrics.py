"""What `/metrics` shows, to whom, and that nobody can make it grow."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

import playhouse
from playhouse import Playhouse
from sallyport.auth.tokens import Subject
from sallyport.web.metrics import METRICS, PREFIX, Metrics

HERE = "http://127.0.0.1:8080"
HOSTILE = "\r\nforged=1 \x1b[31m canary-title"
ALERT = {
    "title": HOSTILE,
    "severity": "high",
    "vendorInformation": {"provider": "canary-provider", "vendor": "Contoso"},
}


def figures(text: str) -> dict[str, float]:
    """Answer every sample by its name and labels."""
    return {
        each.name + "".join(f",{label}={value}" for label, value in sorted(each.labels.items())): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def caller(play: Playhouse, host: str = "127.0.0.1", base_url: str = HERE) -> httpx.AsyncClient:
    """Answer a client whose requests come from an address."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(play.house.app, client=(host, 1)), base_url=base_url)


async def shown(play: Playhouse) -> dict[str, float]:
    """Answer the metrics as somebody on this machine sees them."""
    async with caller(play) as client:
        answered = await client.get("/metrics")
    assert answered.status_code == 200
    return figures(answered.text)


async def test_what_was_done_is_counted(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        answered = await play.client.post("/ingest/alerts", json=[ALERT, {**ALERT, "severity": "none such"}])
        assert answered.status_code == 206, answered.text
        await play.client.get("/v1.0/security/alerts/nothing")
        found = await shown(play)
    assert found[f"{PREFIX}alerts_ingested_total,outcome=created"] == 1
    assert found[f"{PREFIX}alerts_ingested_total,outcome=refused"] == 1
    assert found[f"{PREFIX}http_requests_total,method=GET,status=4xx,surface=graph"] == 1
    assert found[f"{PREFIX}http_request_seconds_count,surface=graph"] >= 1
    assert found[f"{PREFIX}http_requests_in_progress"] == 1
    assert found[f"{PREFIX}outbox_events"] == 1
    assert found[f"{PREFIX}database_up"] == 1
    assert found[f"{PREFIX}database_bytes"] > 100_000
    assert found[f"{PREFIX}writer_commits_total"] > 0
    assert found["process_open_fds"] > 0


async def test_the_numbers_of_runs_actions_and_triggers_follow_them(tmp_path: Path) -> None:
    definition = {
        "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
        "actions": {
            "Good": {"type": "Compose", "inputs": 1, "runAfter": {}},
            "Bad": {"type": "Compose", "inputs": "@int('x')", "runAfter": {"Good": ["Succeeded"]}},
        },
    }
    async with playhouse.opened(tmp_path) as play:
        kept = tmp_path / "counted.json"
        kept.write_text(json.dumps({"definition": definition}))
        await play.deploy(kept)
        workflow = (await play.house.engine.library.listed())[0]
        await play.house.triggers.fire_now(workflow, "manual")
        await play.runs("counted", 1)
        found = await shown(play)
    assert found[f"{PREFIX}runs_started_total"] == 1
    assert found[f"{PREFIX}runs_ended_total,status=Failed"] == 1
    assert found[f"{PREFIX}run_seconds_count"] == 1
    assert found[f"{PREFIX}actions_total,status=Succeeded"] == 1
    assert found[f"{PREFIX}actions_total,status=Failed"] == 1
    assert found[f"{PREFIX}runs_working"] == found[f"{PREFIX}runs_waiting"] == 0


@pytest.mark.parametrize(
    ("host", "base_url", "headers"),
    [
        ("192.0.2.7", HERE, {}),
        ("127.0.0.1", HERE, {"X-Forwarded-For": "192.0.2.7"}),
        ("127.0.0.1", HERE, {"Forwarded": "for=192.0.2.7"}),
        ("127.0.0.1", "http://rebound.example:8080", {}),
        ("0.0.0.0", HERE, {}),
    ],
)
async def test_another_machine_needs_a_token_with_the_permission(
    tmp_path: Path, host: str, base_url: str, headers: dict[str, str]
) -> None:
    async with playhouse.opened(tmp_path) as play, caller(play, host, base_url) as client:

        def bearing(*roles: str) -> dict[str, str]:
            return {**headers, "Authorization": f"Bearer {play.house.authority.tokens.mint(Subject('a', 'A', roles))}"}

        statuses = [
            (await client.get("/metrics", headers=each)).status_code
            for each in (headers, bearing("SecurityEvents.Read.All"), bearing("Sallyport.Metrics"))
        ]
    assert statuses == [401, 403, 200]


async def test_neither_labels_nor_the_log_repeat_what_came_from_outside(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play, caller(play) as client:
        await play.client.post("/ingest/alerts", json=[ALERT])
        with capture_logs() as logged:
            for number in range(50):
                await client.request(f"CANARY{number}", f"/canary/{number}?canary-query={number}")
                await client.get(f"/approvals/canary-link-{number}")
                if number == 0:
                    before = set(await shown(play))
        after = set(await shown(play))
        async with caller(play) as again:
            text = (await again.get("/metrics")).text
    assert {each for each in after - before if "surface=watching" not in each} == set()
    assert "canary" not in text.lower()
    answered = [each for each in logged if each["event"] == "http.answered"]
    assert len(answered) == 101
    assert all(each["request_id"] and each["status"] for each in answered)
    assert not any("canary-query" in str(each) or "canary-link" in str(each) for each in logged)


async def test_metrics_are_shown_while_the_database_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sallyport.errors import StorageUnavailable

    async with playhouse.opened(tmp_path) as play:

        async def gone(_: object) -> None:
            raise StorageUnavailable("gone")

        with monkeypatch.context() as broken:
            broken.setattr(play.house.database, "read", gone)
            found = await shown(play)
    assert found[f"{PREFIX}database_up"] == 0


def test_two_servers_in_one_process_share_no_number() -> None:
    one, other = Metrics(), Metrics()
    one.count("runs_started_total")
    assert figures(one.shown().decode())[f"{PREFIX}runs_started_total"] == 1
    assert figures(other.shown().decode())[f"{PREFIX}runs_started_total"] == 0


def test_a_metric_is_named_as_prometheus_advises() -> None:
    for name, metric in METRICS.items():
        assert name.endswith("_total") == (metric.kind == "counter"), name
        assert metric.meaning.endswith(".")
        assert bool(metric.buckets) == (metric.kind == "histogram"), name
