"""Notifications, from the change to the endpoint, on both databases and a clock that stands still."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as asymmetric
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlalchemy.engine import Connection

from graph_surface import CALLERS, Surface, alert, assert_error, echoing
from sallyport.graph import shares
from sallyport.graph.notifications import Notifications
from sallyport.http_messages import ConnectionFailed, Headers, InboundResponse, OutboundRequest
from sallyport.principal import Principal
from sallyport.store import audit, deliveries, figures, lanes, notices, subscriptions
from sallyport.store.lanes import Lane
from sallyport.web.metrics import PREFIX, Metrics

VENDOR = {"provider": "ASC", "vendor": "Microsoft"}
HOOK = "https://soc.contoso.com/hooks/alerts?key=1"
CALLERS["administrator"] = Principal(
    "app-9", None, "Administrator", CALLERS["app"].tenant_id, frozenset({"Sallyport.Administer"})
)


class Told:
    """The surface with its notifications, and endpoints that answer as they are told."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.metrics = Metrics()
        #: Who may subscribe.
        self.rights = {(each.app_id, each.user_id): each.roles | each.scopes for each in CALLERS.values()}
        self.notifications = self.started()
        #: What decides how much longer than planned a wait is.
        self.chance = 0.0
        #: How addresses or hosts answer notifications; 202 unless said otherwise.
        self.answers: dict[str, int | Exception] = {}
        self.answer_next: Callable[[], int] | None = None
        self.judge: Callable[[dict[str, Any]], int] | None = None
        self.posts: list[tuple[str, dict[str, Any]]] = []
        surface.outside.answer = self._answer

    def started(self) -> Notifications:
        """Answer what a process that has just started has."""
        return Notifications(
            self.surface.database,
            self.surface.clock,
            self.surface.outside,
            lambda app_id: f"token for {app_id}",
            chance=lambda: self.chance,
            recorder=self.metrics,
            rights=lambda _connection, app_id, user_id: self.rights.get((app_id, user_id), ()),
        )

    async def restart(self) -> None:
        """Let a process that has just started take the place of one that is gone without a word."""
        self.notifications = self.started()
        await self.notifications.shares.beat()
        await self.surface.clock.advance(shares.DEAD_SECONDS + 1)

    def _answer(self, request: OutboundRequest) -> InboundResponse:
        if "validationToken=" in request.url:
            return echoing(request)
        host = request.url.split("/")[2]
        answer = self.answers.get(request.url, self.answers.get(host, 202))
        if self.answer_next is not None:
            answer = self.answer_next()
        if self.judge is not None:
            answer = self.judge(json.loads(request.body))
        if isinstance(answer, Exception):
            raise answer
        if answer < 300:
            self.posts.append((request.url, json.loads(request.body)))
        assert not request.follow_redirects
        assert request.timeout_seconds == 10
        assert request.answer_bytes is not None, "nobody fills the memory with answers"
        return InboundResponse(answer, Headers(), b"")

    def sizes_until(self, most: int, otherwise: int) -> list[int]:
        """Let endpoints take so many at a time and no more; gives how many were sent each time."""
        sizes: list[int] = []

        def judge(body: dict[str, Any]) -> int:
            sizes.append(len(body["value"]))
            return 202 if sizes[-1] <= most else otherwise

        self.judge = judge
        return sizes

    async def subscribe(self, caller: str = "app", **more: Any) -> dict[str, Any]:
        given = {
            "changeType": "created,updated,deleted",
            "notificationUrl": HOOK,
            "resource": "security/alerts?$filter=severity eq 'high'",
            "expirationDateTime": "2026-12-01T00:00:00Z",
            "clientState": "secret",
            **more,
        }
        answered = await self.surface.calling(caller).post("/v1.0/subscriptions", json=given)
        assert answered.status_code == 201, answered.text
        body: dict[str, Any] = answered.json()
        return body

    async def round(self) -> None:
        """Let everything happen that is due now."""
        await self.notifications.shares.beat()
        while await self.notifications.notifier.round():
            pass
        await self.notifications.couriers.look()
        await self.notifications.couriers.settled()

    @property
    def notes(self) -> list[dict[str, Any]]:
        return [each for _, body in self.posts for each in body["value"]]

    def outcomes(self) -> dict[str, float]:
        """Answer how many notifications had which outcome, as `/metrics` shows it."""
        outcomes = ("delivered", "refused", "given_up", "dropped")
        read = self.metrics.registry.get_sample_value
        return {each: read(f"{PREFIX}notifications_total", {"outcome": each}) or 0 for each in outcomes}

    def noticed(self) -> list[int]:
        """Answer the numbers of the notices that are kept."""
        return self.surface.database.read_now(_noticed)

    def lanes(self) -> list[Lane]:
        """Answer the addresses that are known."""
        return self.surface.database.read_now(lambda connection: lanes.of_shares(connection, range(lanes.SHARES)))

    def counts(self) -> tuple[int, int]:
        """Answer how much waits, by address and notice, and how many dead letters there are."""
        return self.surface.database.read_now(_counts)


def _noticed(connection: Connection) -> list[int]:
    return [each.id for each in notices.after(connection, 0, 1_000)]


def _counts(connection: Connection) -> tuple[int, int]:
    dead = deliveries.deliveries.c.dead_at.is_not(None)
    counted = connection.execute(sa.select(dead, sa.func.count()).group_by(dead))
    rows = {bool(is_dead): int(number) for is_dead, number in counted}
    places = {each.id: each.position for each in lanes.of_shares(connection, range(lanes.SHARES))}
    behind = sum(
        notice.id > places.get(lane_id, notice.id)
        for notice in notices.after(connection, 0, 1_000)
        for lane_id in notice.wanted
    )
    return rows.get(False, 0) + behind, rows.get(True, 0)


@pytest.fixture
def told(surface: Surface) -> Told:
    return Told(surface)


async def test_a_new_alert_is_told_with_everything_that_is_documented(told: Told) -> None:
    made = await told.subscribe()
    await told.surface.ingest([alert("a/1", severity="high"), alert("b", severity="low")])
    await told.round()
    [(url, body)] = told.posts
    assert url == HOOK
    assert set(body) == {"value"}
    [note] = body["value"]
    tag = (await told.surface.client.get("/v1.0/security/alerts/a%2F1")).headers["etag"]
    assert note == {
        "id": note["id"],
        "subscriptionId": made["id"],
        "subscriptionExpirationDateTime": "2026-12-01T00:00:00Z",
        "clientState": "secret",
        "changeType": "created",
        "tenantId": CALLERS["app"].tenant_id,
        "resource": "security/alerts/a%2F1",
        "resourceData": {
            "@odata.type": "#Microsoft.Graph.alert",
            "@odata.id": "security/alerts/a%2F1",
            "id": "a/1",
            "@odata.etag": tag,
        },
    }
    assert told.counts() == (0, 0)
    await told.round()
    assert len(told.posts) == 1


async def test_a_change_is_told_to_who_asks_for_it(told: Told) -> None:
    both = await told.subscribe()
    updates = await told.subscribe(changeType="updated")
    one = await told.subscribe(resource="security/alerts/b", changeType="updated")
    await told.surface.ingest([alert("a", severity="high"), alert("b", severity="low")])
    change = {"status": "resolved", "vendorInformation": VENDOR}
    for alert_id in "ab":
        await told.surface.client.patch(f"/v1.0/security/alerts/{alert_id}", json=change)
    await told.round()
    seen = {(each["subscriptionId"], each["resourceData"]["id"], each["changeType"]) for each in told.notes}
    assert seen == {
        (both["id"], "a", "created"),
        (both["id"], "a", "updated"),
        # A new alert is an update to whoever asks for updates alone.
        (updates["id"], "a", "updated"),
        (one["id"], "b", "updated"),
    }
    assert len(told.posts) == 1  # one address, one request
    assert len({each["id"] for each in told.notes}) == len(told.notes)


async def test_a_filter_that_takes_too_long_over_an_alert_keeps_nobody_from_hearing(told: Told) -> None:
    pairs = "hostStates/any(a:hostStates/any(b:hostStates/any(c:a/fqdn eq 'x' and b/fqdn eq c/fqdn)))"
    endless = await told.subscribe(resource=f"security/alerts?$filter={pairs}")
    other = await told.subscribe()
    states = [{"fqdn": f"pc{number}"} for number in range(1_000)]
    await told.surface.ingest([alert("a", severity="high", hostStates=states), alert("b", hostStates=states[:2])])
    await told.round()
    seen = {(each["subscriptionId"], each["resourceData"]["id"]) for each in told.notes}
    assert seen == {(endless["id"], "a"), (other["id"], "a")}


async def test_expired_and_deleted_subscriptions_hear_nothing(told: Told) -> None:
    await told.subscribe(expirationDateTime="2026-11-23T12:30:00Z")
    gone = await told.subscribe()
    await told.surface.client.delete(f"/v1.0/subscriptions/{gone['id']}")
    await told.surface.clock.advance(timedelta(hours=1))
    await told.surface.ingest([alert("a", severity="high")])
    await told.round()
    assert told.posts == []
    assert told.counts() == (0, 0)


async def test_a_subscription_that_is_new_renewed_or_gone_is_seen_at_once(told: Told) -> None:
    ends = "2026-11-23T12:30:00Z"
    short = await told.subscribe(expirationDateTime=ends)
    renewed = await told.subscribe(expirationDateTime=ends)
    await told.surface.ingest([alert("a", severity="high")])
    await told.round()
    later = {"expirationDateTime": "2026-11-23T14:00:00Z"}
    assert (await told.surface.client.patch(f"/v1.0/subscriptions/{renewed['id']}", json=later)).status_code == 200
    new = await told.subscribe(resource="security/alerts/b")
    await told.surface.ingest([alert("b", severity="high")])
    await told.round()
    await told.surface.clock.advance(timedelta(hours=1))
    await told.surface.ingest([alert("c", severity="high")])
    await told.round()
    assert (await told.surface.client.delete(f"/v1.0/subscriptions/{renewed['id']}")).status_code == 204
    await told.surface.ingest([alert("d", severity="high")])
    await told.round()
    names = {short["id"]: "short", renewed["id"]: "renewed", new["id"]: "new"}
    assert sorted((each["resourceData"]["id"], names[each["subscriptionId"]]) for each in told.notes) == [
        ("a", "renewed"),
        ("a", "short"),
        ("b", "new"),
        ("b", "renewed"),
        ("b", "short"),
        ("c", "renewed"),
    ]
    assert told.noticed()[-1] == 3, "nothing is even noticed for who is gone"


async def test_a_subscription_that_cannot_be_read_any_more_keeps_nobody_from_hearing(told: Told) -> None:
    kept = await told.subscribe()
    unreadable = await told.subscribe(notificationUrl="https://other.contoso.com/hook")
    resource = "security/alerts?$filter=understood by an earlier version"

    at = "2026-11-23T12:00:00.0000000Z"

    def change(connection: Connection) -> None:
        [found] = subscriptions.of_ids(connection, [unreadable["id"]], at).values()
        document = {**found.document, "resource": resource}
        subscriptions.update(connection, found, found.expires_at, document, at)

    told.surface.database.write_now(change)
    await told.surface.ingest([alert("a", severity="high")])
    await told.round()
    assert [each["subscriptionId"] for each in told.notes] == [kept["id"]]


async def test_subscriptions_are_read_again_only_when_one_has_changed_or_expired(told: Told) -> None:
    await told.subscribe(expirationDateTime="2026-11-23T12:30:00Z")
    await told.subscribe()
    reads: list[str] = []

    def reading(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM subscriptions" in statement and "ORDER BY subscriptions.created_at" in statement:
            reads.append(statement)

    async def arrive(alert_id: str) -> int:
        await told.surface.ingest([alert(alert_id, severity="high")])
        await told.notifications.notifier.round()
        return len(reads)

    sa.event.listen(told.surface.database.engine, "before_cursor_execute", reading)
    assert [await arrive(each) for each in "abc"] == [1, 1, 1]
    await told.surface.clock.advance(timedelta(hours=1))
    assert [await arrive(each) for each in "de"] == [2, 2]
    await told.subscribe(resource="security/alerts/f")
    assert [await arrive(each) for each in "fg"] == [3, 3]
    await told.round()
    assert sorted(each["resourceData"]["id"] for each in told.notes) == [*"abcdeffg"]


async def test_what_is_refused_is_told_again_with_the_same_ids_later_and_later(told: Told) -> None:
    await told.subscribe()
    told.answers["soc.contoso.com"] = 500
    await told.surface.ingest([alert("a", severity="high")])
    began = told.surface.clock.now()
    tries = []
    requests = len(told.surface.outside.requests)
    while told.counts() != (0, 1):
        await told.round()
        if len(told.surface.outside.requests) > requests:
            requests = len(told.surface.outside.requests)
            tries.append((told.surface.clock.now() - began).total_seconds())
        await told.surface.clock.advance(5)
    waits = [after - before for before, after in itertools.pairwise(tries)]
    assert waits == [10, 30, 60, 120, 300, 600, 1200] + [1800] * 7
    assert 4 * 3600 <= tries[-1] <= 4.5 * 3600
    # Dead letters can be brought to life again.
    desk = told.surface.calling("administrator")
    [letter] = (await desk.get("/notifications/dead")).json()["value"]
    assert (letter["url"], letter["notifications"]) == (HOOK, 1)
    assert "500" in letter["reason"]
    told.answers.clear()
    assert (await desk.post(f"/notifications/dead/{letter['id']}/redeliver")).status_code == 202
    await told.round()
    assert [each["resourceData"]["id"] for each in told.notes] == ["a"]
    assert told.counts() == (0, 0)
    for nobody in ("7", "x", "9" * 30):
        assert_error(await desk.post(f"/notifications/dead/{nobody}/redeliver"), 404, "ResourceNotFound")
    assert_error(await desk.get("/notifications/dead?$skiptoken=x"), 400, "BadRequest")


async def test_one_dead_endpoint_delays_no_other(told: Told) -> None:
    await told.subscribe()
    await told.subscribe(notificationUrl="https://other.contoso.com/hook")
    told.answers["soc.contoso.com"] = ConnectionFailed("timeout", "soc.contoso.com")
    for number in range(3):
        await told.surface.ingest([alert(f"a{number}", severity="high")])
        await told.round()
    assert [each["resourceData"]["id"] for each in told.notes] == ["a0", "a1", "a2"]
    told.answers.clear()
    await told.surface.clock.advance(60)
    await told.round()
    mine = [each["resourceData"]["id"] for url, body in told.posts if url == HOOK for each in body["value"]]
    assert mine == ["a0", "a1", "a2"]


async def test_addresses_on_one_host_do_not_delay_each_other(told: Told) -> None:
    await told.subscribe()
    await told.subscribe(notificationUrl="https://soc.contoso.com/gone")
    told.answers["https://soc.contoso.com/gone"] = 302
    for number in range(3):
        await told.surface.ingest([alert(f"a{number}", severity="high")])
        await told.round()
    assert [each["resourceData"]["id"] for each in told.notes] == ["a0", "a1", "a2"]
    assert told.counts() == (3, 0)


async def test_what_was_taken_is_not_sent_again_when_the_next_is_refused(told: Told) -> None:
    await told.subscribe()
    await told.surface.ingest(alert(f"a{number}", severity="high") for number in range(250))
    answers = iter([202, 500, 202, 202])
    told.answer_next = lambda: next(answers)
    await told.round()
    assert (len(told.notes), told.counts()) == (100, (2, 0))
    await told.surface.clock.advance(10)
    await told.round()
    assert [each["resourceData"]["id"] for each in told.notes] == [f"a{number}" for number in range(250)]


async def test_events_are_forgotten_once_they_were_dealt_with(told: Told) -> None:
    await told.subscribe()
    await told.surface.ingest([alert("a", severity="high")])
    await told.notifications.lifecycle.forget()
    assert len(told.surface.events()) > 0
    await told.round()
    await told.notifications.lifecycle.forget()
    assert told.surface.events() == []


async def test_an_address_is_told_of_much_in_few_requests(told: Told) -> None:
    await told.subscribe()
    await told.round()
    await told.surface.ingest(alert(f"a{number}", severity="high") for number in range(2_500))
    await told.round()
    assert [len(body["value"]) for _, body in told.posts] == [100, 200, 400, 800, 1_000]
    assert len({each["id"] for each in told.notes}) == 2_500


async def test_a_crash_between_sending_and_noting_repeats_with_the_same_id(told: Told) -> None:
    await told.subscribe()
    await told.surface.ingest([alert("a", severity="high")])
    await told.round()
    [lane] = told.lanes()
    assert lane.position == 1
    # What a crash after the answer and before the commit leaves behind.
    told.surface.database.write_now(lambda connection: connection.execute(lanes.lanes.update().values(position=0)))
    await told.restart()
    await told.round()
    first, second = told.notes
    assert first == second


async def test_who_started_anew_goes_on_where_the_last_one_stopped(told: Told) -> None:
    await told.subscribe()
    await told.subscribe(notificationUrl="https://other.contoso.com/hook")
    await told.round()
    told.answers["soc.contoso.com"] = 503
    await told.surface.ingest(alert(f"a{number}", severity="high") for number in range(7_000))
    await told.round()
    assert told.counts() == (70, 0)
    assert told.surface.database.read_now(waiting_apart) == 0, "waiting writes no rows"
    told.answers.clear()
    told.posts.clear()
    await told.restart()
    await told.surface.ingest([alert("last", severity="high")])
    await told.surface.clock.advance(10)
    await told.round()
    mine = [each["resourceData"]["id"] for url, body in told.posts if url == HOOK for each in body["value"]]
    assert mine == [*(f"a{number}" for number in range(7_000)), "last"]
    assert [len(body["value"]) for url, body in told.posts if url == HOOK][:5] == [100, 200, 400, 800, 1_000]
    assert [each["resourceData"]["id"] for url, body in told.posts if url != HOOK for each in body["value"]] == ["last"]


def waiting_apart(connection: Connection) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(deliveries.deliveries)) or 0)


async def test_an_address_that_says_that_it_is_too_much_is_sent_less_at_once(told: Told) -> None:
    await told.subscribe()
    sizes = told.sizes_until(30, 413)
    await told.surface.ingest(alert(f"a{number}", severity="high") for number in range(150))
    await told.round()
    assert [each["resourceData"]["id"] for each in told.notes] == [f"a{number}" for number in range(150)]
    assert sizes[:3] == [100, 50, 25]
    assert max(sizes[2:]) == 25
    assert told.outcomes()["refused"] == 0


async def test_an_address_that_refuses_much_is_sent_no_more_than_a_hundred(told: Told) -> None:
    await told.subscribe()
    sizes = told.sizes_until(100, 400)
    await told.surface.ingest(alert(f"a{number}", severity="high") for number in range(1_000))
    await told.round()
    assert sizes == [100, 200]
    await told.surface.clock.advance(10)
    await told.round()
    assert sizes[2:] == [100] * 9
    assert len({each["id"] for each in told.notes}) == len(told.notes) == 1_000


async def test_what_everybody_was_told_of_is_forgotten_and_what_a_letter_holds_is_kept(told: Told) -> None:
    await told.subscribe()
    await told.subscribe(notificationUrl="https://other.contoso.com/hook")
    forget = told.notifications.lifecycle.forget
    told.answers["other.contoso.com"] = 500
    await told.surface.ingest([alert("a", severity="high")])
    await told.round()
    await forget()
    assert told.noticed() == [1], "somebody is still to be told"
    await told.surface.clock.advance(timedelta(hours=4, minutes=1))
    await told.surface.ingest([alert("b", severity="high")])
    await told.round()
    told.answers.clear()
    await told.surface.clock.advance(60)
    await told.round()
    await forget()
    assert (told.noticed(), told.counts()) == ([1], (0, 1)), "the letter is all that is left"
    assert len(told.lanes()) == 1, "who has nothing on the way is forgotten"
    await told.surface.clock.advance(timedelta(days=3))
    await forget()
    assert (told.noticed(), told.counts(), told.lanes()) == ([], (0, 0), [])
    await told.subscribe(notificationUrl="https://other.contoso.com/hook", expirationDateTime="2026-12-10T00:00:00Z")
    await told.surface.ingest([alert("c", severity="high")])
    await told.round()
    assert "c" in [each["resourceData"]["id"] for each in told.notes]


async def test_what_a_letter_held_is_forgotten_when_it_was_delivered_after_all(told: Told) -> None:
    await told.subscribe()
    told.answers["soc.contoso.com"] = 500
    await told.surface.ingest([alert("a", severity="high")])
    await told.round()
    await told.surface.clock.advance(timedelta(hours=4, minutes=1))
    await told.round()
    await told.surface.ingest([alert("b", severity="high")])
    told.answers.clear()
    await told.surface.clock.advance(60)
    await told.round()
    await told.notifications.lifecycle.forget()
    assert (told.noticed(), told.counts()) == ([1], (0, 1))
    assert (await told.surface.calling("administrator").post("/notifications/dead/redeliver")).status_code == 202
    await told.round()
    assert [each["resourceData"]["id"] for each in told.notes] == ["b", "a"]
    assert (told.noticed(), told.counts()) == ([], (0, 0))


async def test_a_slow_endpoint_is_told_later_and_one_that_does_not_answer_is_spared(told: Told) -> None:
    await told.subscribe(lifecycleNotificationUrl="https://lifecycle.contoso.com/")
    health = told.notifications.sender.health("https://soc.contoso.com:443")
    for number in range(16):
        health.note(11 if number >= 14 else 0.1)
    assert (health.is_dropping, health.delay_seconds) == (False, 10)
    await told.surface.ingest([alert("late", severity="high")])
    await told.round()
    assert told.posts == []
    await told.surface.clock.advance(10)
    await told.round()
    assert [each["resourceData"]["id"] for each in told.notes] == ["late"]
    health.note(11)
    assert health.is_dropping
    for alert_id in ("lost", "lost too"):
        await told.surface.ingest([alert(alert_id, severity="high")])
        await told.round()
    # What was dropped is kept; that something was missed is told once it is over, so that whoever looks then finds all.
    assert (len(told.posts), told.counts()) == (1, (1, 2))
    assert told.outcomes()["dropped"] == 2
    await told.surface.clock.advance(601)
    assert (health.is_dropping, health.delay_seconds) == (False, 0)
    await told.round()
    assert [(url, body["value"][0]["lifecycleEvent"]) for url, body in told.posts[1:]] == [
        ("https://lifecycle.contoso.com/", "missed")
    ]
    assert told.counts() == (0, 2)
    await told.surface.ingest([alert("after", severity="high")])
    await told.round()
    assert told.notes[-1]["resourceData"]["id"] == "after"


async def test_who_is_spared_twice_in_a_row_is_told_twice_that_something_was_missed(told: Told) -> None:
    await told.subscribe(lifecycleNotificationUrl="https://lifecycle.contoso.com/")
    health = told.notifications.sender.health("https://soc.contoso.com:443")

    async def missed_after(alert_id: str) -> int:
        for _ in range(10):
            health.note(11)
        assert health.is_dropping
        await told.surface.ingest([alert(alert_id, severity="high")])
        await told.round()
        await told.surface.clock.advance(601)
        await told.round()
        return sum(each.get("lifecycleEvent") == "missed" for each in told.notes)

    assert [await missed_after("lost"), await missed_after("lost too")] == [1, 2]
    assert told.counts() == (0, 2)


async def test_owners_are_reminded_once_of_each_expiry(told: Told) -> None:
    made = await told.subscribe(
        expirationDateTime="2026-11-23T14:00:00Z", lifecycleNotificationUrl="https://soc.contoso.com/life"
    )
    remind = told.notifications.lifecycle.remind
    assert await remind() == 0
    await told.surface.clock.advance(timedelta(minutes=61))
    assert (await remind(), await remind()) == (1, 0)
    await told.round()
    [(url, body)] = told.posts
    assert url == "https://soc.contoso.com/life"
    [note] = body["value"]
    assert (note["lifecycleEvent"], note["subscriptionId"]) == ("reauthorizationRequired", made["id"])
    assert (note["clientState"], set(note)) == (
        "secret",
        {"subscriptionId", "subscriptionExpirationDateTime", "tenantId", "clientState", "lifecycleEvent"},
    )
    renewed = {"expirationDateTime": "2026-11-23T16:00:00Z"}
    assert (await told.surface.client.patch(f"/v1.0/subscriptions/{made['id']}", json=renewed)).status_code == 200
    assert await remind() == 0
    await told.surface.clock.advance(timedelta(minutes=120))
    assert await remind() == 1


async def test_who_may_no_longer_subscribe_loses_the_subscriptions_and_is_told(told: Told) -> None:
    made = await told.subscribe(lifecycleNotificationUrl="https://soc.contoso.com/life")
    other = await told.subscribe("other")
    check = told.notifications.standing.check
    assert await check() == 0
    del told.rights[CALLERS["app"].app_id, None]
    assert await check() == 1
    assert await check() == 0
    await told.surface.ingest([alert("late", severity="high")])
    await told.round()
    told_of = [(each["subscriptionId"], each.get("lifecycleEvent", each.get("changeType"))) for each in told.notes]
    assert sorted(told_of) == sorted([(made["id"], "subscriptionRemoved"), (other["id"], "created")])
    assert_error(await told.surface.client.get(f"/v1.0/subscriptions/{made['id']}"), 404, "ResourceNotFound")


async def test_an_administrator_removes_a_subscription_and_its_owner_hears_of_it(told: Told) -> None:
    made = await told.subscribe(lifecycleNotificationUrl="https://soc.contoso.com/life")
    desk = told.surface.calling("administrator")
    assert [each["id"] for each in (await desk.get("/notifications/subscriptions")).json()["value"]] == [made["id"]]
    assert (await desk.delete(f"/notifications/subscriptions/{made['id']}")).status_code == 204
    [noted] = told.surface.database.read_now(lambda connection: audit.latest(connection, 10))
    assert (noted.actor, noted.activity, noted.target) == ("app-9", "subscription.removed", made["id"])
    assert noted.detail == {"application": CALLERS["app"].app_id}
    await told.round()
    assert [body["value"][0]["lifecycleEvent"] for _, body in told.posts] == ["subscriptionRemoved"]
    assert_error(await desk.delete(f"/notifications/subscriptions/{made['id']}"), 404, "ResourceNotFound")
    assert_error(await told.surface.client.get("/notifications/dead"), 403, "Forbidden")


async def test_what_became_of_notifications_is_counted(told: Told) -> None:
    await told.subscribe()
    await told.surface.ingest([alert("a", severity="high"), alert("b", severity="low")])
    await told.round()
    assert told.outcomes() == {"delivered": 1, "refused": 0, "given_up": 0, "dropped": 0}
    told.answers["soc.contoso.com"] = 410
    await told.surface.ingest([alert("c", severity="high")])
    await told.round()
    assert told.outcomes() == {"delivered": 1, "refused": 1, "given_up": 0, "dropped": 0}
    await told.surface.clock.advance(timedelta(hours=4, minutes=1))
    await told.round()
    assert told.outcomes() == {"delivered": 1, "refused": 2, "given_up": 1, "dropped": 0}
    now = told.surface.clock.now()
    assert told.surface.database.read_now(lambda connection: figures.read(connection, now))["dead_letters"] == 1


async def test_dead_letters_are_kept_for_three_days(told: Told) -> None:
    await told.subscribe()
    told.answers["soc.contoso.com"] = 410
    await told.surface.ingest([alert("a", severity="high")])
    await told.surface.clock.advance(timedelta(hours=4, minutes=1))
    await told.round()
    await told.surface.clock.advance(timedelta(hours=5))
    await told.round()
    assert told.counts() == (0, 1)
    await told.surface.clock.advance(timedelta(days=2))
    await told.notifications.lifecycle.forget()
    assert told.counts() == (0, 1)
    await told.surface.clock.advance(timedelta(days=2))
    await told.notifications.lifecycle.forget()
    assert told.counts() == (0, 0)


@pytest.fixture(scope="module")
def receiver() -> tuple[rsa.RSAPrivateKey, str]:
    """A subscriber's key, and its certificate in base64."""
    key = rsa.generate_private_key(65537, 2048)
    return key, certificate_of(key)


def certificate_of(key: Any) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    made = builder.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256())
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


async def test_contents_are_sent_so_that_only_the_subscriber_can_read_them(
    told: Told, receiver: tuple[rsa.RSAPrivateKey, str]
) -> None:
    key, certificate = receiver
    await told.subscribe(includeResourceData=True, encryptionCertificate=certificate, encryptionCertificateId="key-1")
    await told.surface.ingest([alert("a", severity="high", title="Secret plans")])
    await told.round()
    [(_, body)] = told.posts
    assert body["validationTokens"] == ["token for app-1"]
    assert "Secret plans" not in json.dumps(body)
    content = body["value"][0]["encryptedContent"]
    assert content["encryptionCertificateId"] == "key-1"
    der = base64.b64decode(certificate)
    assert content["encryptionCertificateThumbprint"] == hashlib.sha1(der).hexdigest().upper()
    data = base64.b64decode(content["data"])
    oaep = asymmetric.OAEP(asymmetric.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    secret = key.decrypt(base64.b64decode(content["dataKey"]), oaep)
    assert hmac.compare_digest(
        base64.b64decode(content["dataSignature"]), hmac.new(secret, data, hashlib.sha256).digest()
    )
    opened = Cipher(algorithms.AES(secret), modes.CBC(secret[:16])).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    plain = json.loads(unpadder.update(opened.update(data) + opened.finalize()) + unpadder.finalize())
    assert plain == {
        name: value
        for name, value in (await told.surface.client.get("/v1.0/security/alerts/a")).json().items()
        if name != "@odata.context"
    }


@pytest.mark.parametrize(
    "given",
    [
        {"includeResourceData": True},
        {"includeResourceData": True, "encryptionCertificate": "AAAA", "encryptionCertificateId": "1"},
        {"includeResourceData": True, "encryptionCertificate": "no base64!", "encryptionCertificateId": "1"},
    ],
)
async def test_contents_need_a_certificate_that_can_hide_them(told: Told, given: dict[str, Any]) -> None:
    body = {
        "changeType": "updated",
        "notificationUrl": HOOK,
        "resource": "security/alerts/a",
        "expirationDateTime": "2026-12-01T00:00:00Z",
        **given,
    }
    assert_error(await told.surface.client.post("/v1.0/subscriptions", json=body), 400, "InvalidRequest")


def with_another(certificate: str, old: bytes, new: bytes) -> str:
    """Answer a certificate with something else in a place; nobody looks at its signature."""
    return base64.b64encode(base64.b64decode(certificate).replace(old, new)).decode()


async def test_a_key_that_cannot_be_used_is_refused_before_anything_is_to_be_sent(
    told: Told, receiver: tuple[rsa.RSAPrivateKey, str]
) -> None:
    key, certificate = receiver
    modulus = key.public_key().public_numbers().n.to_bytes(256, "big")
    body = {"changeType": "updated", "notificationUrl": HOOK, "resource": "security/alerts/a"}
    named = {**body, "expirationDateTime": "2026-12-01T00:00:00Z", "includeResourceData": True}
    for unusable in (
        with_another(certificate, modulus, b"\x80" + bytes(255)),
        with_another(certificate, bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01017f")),
        # A version of certificates that there is not.
        with_another(certificate, bytes.fromhex("a003020102"), bytes.fromhex("a003020107")),
    ):
        asked = {**named, "encryptionCertificate": unusable, "encryptionCertificateId": "1"}
        assert_error(await told.surface.client.post("/v1.0/subscriptions", json=asked), 400, "InvalidRequest")


@pytest.mark.parametrize("name", ["encryptionCertificate", "encryptionCertificateId"])
async def test_a_renewal_takes_no_key_from_who_is_sent_contents(
    told: Told, receiver: tuple[rsa.RSAPrivateKey, str], name: str
) -> None:
    key = {"encryptionCertificate": receiver[1], "encryptionCertificateId": "key-1"}
    made = await told.subscribe(includeResourceData=True, **key)
    path = f"/v1.0/subscriptions/{made['id']}"
    assert_error(await told.surface.client.patch(path, json={name: ""}), 400, "InvalidRequest")
    assert (await told.surface.client.patch(path, json=key)).status_code == 200
    await told.surface.ingest([alert("a", severity="high")])
    await told.round()
    [(_, body)] = told.posts
    assert "encryptedContent" in body["value"][0]


async def test_a_small_key_is_refused(told: Told, receiver: tuple[rsa.RSAPrivateKey, str]) -> None:
    small = certificate_of(rsa.generate_private_key(65537, 1024))
    body = {
        "changeType": "updated",
        "notificationUrl": HOOK,
        "resource": "security/alerts/a",
        "expirationDateTime": "2026-12-01T00:00:00Z",
        "includeResourceData": True,
        "encryptionCertificate": small,
        "encryptionCertificateId": "1",
    }
    assert_error(await told.surface.client.post("/v1.0/subscriptions", json=body), 400, "InvalidRequest")


async def test_an_address_that_failed_and_whose_subscription_is_gone_is_forgotten(told: Told) -> None:
    made = await told.subscribe()
    told.answers[HOOK] = 500
    await told.surface.ingest([alert("a", severity="high")])
    await told.round()
    assert (await told.surface.client.delete(f"/v1.0/subscriptions/{made['id']}")).status_code == 204
    await told.surface.clock.advance(60)
    await told.round()
    assert [each.attempts for each in told.lanes()] == [0], "who subscribes there anew begins anew"
    await told.surface.clock.advance(timedelta(hours=1))
    await told.notifications.lifecycle.forget()
    assert told.lanes() == []
