from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from rich.console import Console

from sallyport.cli import banner, examples
from sallyport.cli.demo import play
from sallyport.cli.demo.picture import Ended, Mail, Picture
from sallyport.cli.demo.sample import Samples
from sallyport.cli.demo.screen import drawing
from sallyport.cli.remote import Refused, Unreachable
from sallyport.cli.sources import Given
from sallyport.graph import alert_rules

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
#: Addresses that belong to nobody: for documentation, and inside of networks.
NOBODYS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "10.0.0.0/8", "192.168.0.0/16")


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(each)


def test_the_same_seed_gives_the_same_alerts_but_for_their_ids() -> None:
    one, other = (Samples(7) for _ in range(2))
    first, second = ([each.alert(NOW) for _ in range(20)] for each in (one, other))
    assert [{**alert, "id": ""} for alert in first] == [{**alert, "id": ""} for alert in second]
    assert len({alert["id"] for alert in first + second}) == 40


def test_every_alert_is_one_that_the_graph_takes_as_it_is() -> None:
    samples = Samples(1)
    for _ in range(200):
        alert = samples.alert(NOW)
        arrival = alert_rules.arriving(alert, lambda: "x", "t", "2026-01-05T09:00:00Z")
        assert arrival.document["title"] == alert["title"]
        assert [text for text in texts(alert) if "{" in text] == []


def test_alerts_of_several_vendors_come_and_every_address_belongs_to_nobody() -> None:
    samples = Samples(2)
    found = [samples.alert(NOW) for _ in range(300)]
    assert len({alert["vendorInformation"]["vendor"] for alert in found}) >= 4
    assert {alert["severity"] for alert in found} == {"high", "medium", "low", "informational"}
    for alert in found:
        for connection in alert.get("networkConnections", []):
            for name in ("sourceAddress", "destinationAddress"):
                if name in connection:
                    assert any(ip_address(connection[name]) in ip_network(net) for net in NOBODYS)


def test_a_severity_can_be_asked_for() -> None:
    samples = Samples(3)
    assert {samples.alert(NOW, "high")["severity"] for _ in range(20)} == {"high"}


def test_the_rate_of_actions_is_that_of_the_last_seconds() -> None:
    picture = Picture()
    picture.add_run(Ended("a", "Succeeded", 50), at=0.0)
    picture.add_run(Ended("a", "Failed", 20), at=8.0)
    assert picture.actions_per_second(9.0) == pytest.approx(7.0)
    assert picture.actions_per_second(12.0) == pytest.approx(2.0)
    assert (picture.action_count, picture.ended["a"]["Failed"]) == (70, 1)


def test_the_picture_fits_one_screen_and_steers_no_terminal() -> None:
    picture = Picture()
    for number in range(30):
        picture.add_alert({**Samples(number).alert(NOW), "title": "evil \x1b[2J title"})
    picture.add_workflow("quiet")
    picture.add_run(Ended("busy", "Succeeded", 3), at=0.0)
    picture.add_mail(Mail("soc@example.com", "A mail"))
    console = Console(width=100, record=True, file=None)
    with console.capture() as captured:
        console.print(drawing(picture, 1.0, 5))
    shown = captured.get()
    assert len(shown.splitlines()) <= 14
    assert "\x1b[2J" not in shown
    assert "30 alerts" in shown
    assert "quiet" in shown
    assert "A mail -> soc@example.com" in shown


def test_a_demonstration_does_not_call_the_end_of_its_server_a_failure() -> None:
    stopping = threading.Event()
    assert play.is_surprising(Refused("InternalServerError", "no", 500), stopping)
    ending = threading.Timer(0.05, stopping.set)
    ending.start()
    assert not play.is_surprising(Unreachable("http://127.0.0.1:8080", "refused"), stopping)
    assert not play.is_surprising(Refused("ServiceUnavailable", "no", 503), stopping)
    ending.join()


@pytest.mark.parametrize("window", [20, 80, 200])
def test_the_addresses_that_a_start_tells_are_whole_in_any_window(window: int) -> None:
    token = f"http://127.0.0.1:8080/{uuid.uuid4()}/oauth2/v2.0/token"
    console = Console(width=window, soft_wrap=True)
    with console.capture() as captured:
        banner.list_places(console, [("Token endpoint", token), ("Mail", "kept")])
    assert captured.get().splitlines() == [f"  Token endpoint  {token}", "  Mail            kept"]


def test_every_example_is_found_and_those_that_poll_are_sped_up() -> None:
    found = examples.every()
    assert len(found) >= 5
    settings = {source.name: play.given(source).settings for source in found}
    assert settings["mail-on-high-severity"] == {"frequency": "Second", "interval": "3"}
    assert settings["daily-digest"] == {}
    for source in found:
        assert source.workflows(Given(settings=settings[source.name]))
