"""What the playbook sends, and when, in a whole house."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import playhouse

HERE = Path(__file__).parent


def alert(alert_id: str, severity: str, created: str, **more: Any) -> dict[str, Any]:
    vendor = {"provider": "Microsoft Defender ATP", "vendor": "Microsoft"}
    found = {"id": alert_id, "title": f"Alert <{alert_id}>", "severity": severity, "createdDateTime": created}
    return {**found, "vendorInformation": vendor, **more}


async def test_the_digest_comes_at_eight_and_lists_the_last_day(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        await play.deploy(HERE)
        await play.ingest(
            alert("1", "high", "2026-03-02T22:41:00Z", assignedTo="dana@contoso.com"),
            alert("2", "low", "2026-03-03T05:10:00Z"),
            alert("3", "high", "2026-03-01T05:10:00Z"),
        )
        # It is 8:00 in UTC, 9:00 in central Europe: the next digest is due at 7:00 in UTC.
        await play.later(hours=22, minutes=59)
        await play.runs("daily-digest", 0)
        await play.later(minutes=1)
        (run,) = await play.runs("daily-digest", 1)
        assert run.status == "Succeeded"
        assert play.mails.subjects == ["2 alerts in the last 24 hours, 1 of them high"]
        assert play.mails.sent[0][0]["Importance"] == "High"
        rows = play.mails.html().partition("<tbody>")[2].split("<tr>")[1:]
        assert [row.replace("</td>", "").split("<td>")[1:4] for row in rows] == [
            ["03 Mar 06:10", "low", "Alert &lt;2&gt;"],
            ["02 Mar 23:41", "high", "Alert &lt;1&gt;"],
        ]
        assert "<td>nobody</td>" in rows[0]
        assert "<td>dana@contoso.com</td>" in rows[1]


async def test_a_quiet_day_is_said_in_one_line(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        await play.deploy(HERE, recipient="soc@contoso.com; boss@contoso.com")
        await play.later(hours=23)
        (run,) = await play.runs("daily-digest", 1)
        assert (run.status, play.mails.subjects) == ("Succeeded", ["No alerts in the last 24 hours"])
        assert play.mails.sent[0][1] == ("soc@contoso.com", "boss@contoso.com")


async def test_the_hour_is_kept_when_the_clocks_change(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path, now=datetime(2026, 3, 28, 7, 30, tzinfo=UTC)) as play:
        await play.deploy(HERE)
        # 8:00 is 7:00 in UTC until that night, and 6:00 from then on.
        await play.later(hours=22, minutes=29)
        await play.runs("daily-digest", 0)
        await play.later(minutes=1)
        await play.runs("daily-digest", 1)
