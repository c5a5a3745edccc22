"""How reports become batches, and batches indicators, in a whole house."""

from __future__ import annotations

import json
from pathlib import Path

import playhouse

HERE = Path(__file__).parent
REPORT = json.loads((HERE / "report.json").read_text("utf-8"))


async def test_what_feeds_report_is_submitted_once_the_batch_is_full(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        deployed = await play.deploy(HERE, messageCount="4")
        (url,) = [url for each in deployed for url in each.callback_urls.values()]
        answered = await play.post(url, REPORT)
        assert (answered.status_code, answered.json()) == (202, {"accepted": 3})
        await play.runs("collect-indicators", 1)
        await play.runs("submit-indicators", 0)
        await play.post(url, {"source": "sinkhole", "addresses": ["198.51.100.77"]})
        (run,) = await play.runs("submit-indicators", 1)
        assert run.status == "Succeeded"
        found = {each["externalId"]: each for each in await play.indicators()}
        assert sorted(found) == [
            "honeypot:198.51.100.23",
            "honeypot:203.0.113.66",
            "honeypot:login-contoso.example",
            "sinkhole:198.51.100.77",
        ]
        assert found["honeypot:login-contoso.example"]["domainName"] == "login-contoso.example"
        assert found["sinkhole:198.51.100.77"]["description"] == "Reported by sinkhole"


async def test_a_batch_that_does_not_fill_is_submitted_after_ten_minutes(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        deployed = await play.deploy(HERE)
        (url,) = [url for each in deployed for url in each.callback_urls.values()]
        await play.post(url, REPORT)
        await play.later(minutes=9)
        await play.runs("submit-indicators", 0)
        await play.later(minutes=1)
        await play.runs("submit-indicators", 1)
        assert len(await play.indicators()) == 3


async def test_a_report_that_does_not_fit_the_schema_is_refused(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        deployed = await play.deploy(HERE)
        (url,) = [url for each in deployed for url in each.callback_urls.values()]
        answered = await play.client.post(url, json={"addresses": ["198.51.100.77"]})
        assert answered.status_code == 400
        assert "source" in answered.text
        await play.runs("collect-indicators", 0)
