"""What the playbook does with alerts, in a whole house."""

from __future__ import annotations

import json
from pathlib import Path

import playhouse

HERE = Path(__file__).parent
ALERTS = json.loads((HERE / "alerts.json").read_text("utf-8"))["value"]


async def test_each_high_severity_alert_is_one_mail_with_its_facts(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        await play.deploy(HERE, recipient="soc@contoso.com")
        await play.later(seconds=1)
        await play.ingest(*ALERTS, {**ALERTS[0], "id": "another", "severity": "medium"})
        await play.later(minutes=3)
        (run,) = await play.runs("mail-on-high-severity", 1)
        assert run.status == "Succeeded"
        assert sorted(play.mails.subjects) == [
            "High-severity alert: Connection to a known command-and-control server",
            "High-severity alert: Impossible travel: two sign-ins <1 hour apart>",
        ]
        first, second = sorted(range(2), key=lambda index: play.mails.subjects[index])
        message, recipients = play.mails.sent[first]
        assert (recipients, message["Importance"]) == (("soc@contoso.com",), "High")
        assert "<td>What to do</td><td>Isolate the device. Collect an investigation package.</td>" in play.mails.html(
            first
        )
        assert "<td>Hosts</td><td>fin-ws-042.contoso.com</td>" in play.mails.html(first)
        # What a vendor writes into an alert is text in the mail, never markup.
        assert "<td>Impossible travel: two sign-ins &lt;1 hour apart&gt;</td>" in play.mails.html(second)
        assert "<td>Hosts</td>" not in play.mails.html(second)


async def test_an_alert_is_mailed_once_and_a_quiet_poll_starts_nothing(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        await play.deploy(HERE)
        await play.later(seconds=1)
        await play.ingest(ALERTS[0])
        await play.later(minutes=3)
        await play.runs("mail-on-high-severity", 1)
        await play.later(minutes=3)
        await play.later(minutes=3)
        await play.runs("mail-on-high-severity", 1)
        assert len(play.mails.sent) == 1
        histories = await play.histories("mail-on-high-severity", "On_new_high_severity_alerts")
        assert histories == ["Skipped", "Succeeded", "Skipped", "Skipped"]
