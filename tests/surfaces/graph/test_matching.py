"""Indicators and alerts find each other, whichever comes first: hits, what alerts show of them, and their trigger."""

from __future__ import annotations

from typing import Any

import pytest

from graph_surface import Surface, alert, assert_error, indicator
from sallyport.graph.indicator_search import IndicatorSearch
from sallyport.store import alerts, indicators, matches, observables, pending_searches

ALERTS = "/v1.0/security/alerts"
INDICATORS = "/beta/security/tiIndicators"
TRIGGER = "/trigger/v1.0/security/indicatorMatches"
FUTURE = "2026-12-01T00:00:00Z"


async def submitted(surface: Surface, caller: str = "app", **more: Any) -> str:
    """Submit an indicator that looks for what it is given alone, and answer its id."""
    answered = await surface.calling(caller).post(INDICATORS, json={**indicator(networkIPv4=None), **more})
    assert answered.status_code == 201, answered.text
    return str(answered.json()["id"])


async def searched(surface: Surface, match_days: int = 30) -> int:
    """Look for new indicators in the stored alerts, as the house's loop does."""
    return await IndicatorSearch(surface.database, surface.clock, match_days, 30).search()


async def hits(surface: Surface, alert_id: str) -> list[dict[str, Any]]:
    """Answer what an alert shows of its hits."""
    found: list[dict[str, Any]] = (await surface.client.get(f"{ALERTS}/{alert_id}")).json().get("matchedIndicators", [])
    return found


def talking(alert_id: str, **connection: str) -> dict[str, Any]:
    """Answer an alert about one network connection."""
    return alert(alert_id, networkConnections=[connection])


PAIRS = [
    ({"networkIPv4": "203.0.113.9"}, talking("a", destinationAddress="203.0.113.9"), "203.0.113.9"),
    ({"networkIPv4": "203.0.113.9"}, talking("a", destinationAddress="::ffff:203.0.113.9"), "203.0.113.9"),
    ({"networkIPv6": "2001:DB8::0001"}, talking("a", sourceAddress="2001:db8:0:0::1"), "2001:db8::1"),
    ({"networkCidrBlock": "203.0.113.0/24"}, talking("a", sourceAddress="203.0.113.200"), "203.0.113.200"),
    ({"networkDestinationCidrBlock": "10.0.0.0/9"}, talking("a", sourceAddress="10.9.1.1"), "10.9.1.1"),
    ({"networkCidrBlock": "2001:db8::/32"}, talking("a", sourceAddress="2001:db8:77::1"), "2001:db8:77::1"),
    ({"networkSourceCidrBlock": "2001:db8::/120"}, talking("a", sourceAddress="2001:db8::aa"), "2001:db8::aa"),
    ({"domainName": "evil.example"}, talking("a", destinationDomain="CDN.Evil.example."), "evil.example"),
    ({"domainName": "evil.example"}, talking("a", destinationUrl="https://x.evil.example:8443/p"), "evil.example"),
    ({"networkIPv4": "203.0.113.9"}, talking("a", destinationUrl="http://203.0.113.9/p"), "203.0.113.9"),
    (
        {"url": "http://evil.example/P"},
        talking("a", destinationUrl="HTTP://evil.example:80/p"),
        "http://evil.example/p",
    ),
    (
        {"fileHashValue": "ABCD", "fileHashType": "sha1", "fileName": "other.exe"},
        alert("a", fileStates=[{"name": "evil.exe", "fileHash": {"hashValue": "abcd"}}]),
        "abcd",
    ),
    ({"fileName": "evil.exe,worse.exe"}, alert("a", processes=[{"name": "Worse.exe"}]), "worse.exe"),
    (
        {"emailSenderAddress": "m@evil.example"},
        alert("a", userStates=[{"userPrincipalName": "M@evil.example"}]),
        "m@evil.example",
    ),
    (
        {"emailSourceDomain": "evil.example"},
        alert("a", userStates=[{"userPrincipalName": "m@evil.example", "emailRole": "sender"}]),
        "evil.example",
    ),
    ({"emailSubject": "Your Invoice"}, alert("a", messageSecurityStates=[{"messageSubject": "your invoice"}]), None),
    ({"fileMutexName": "Global\\Evil"}, alert("a", triggers=[{"name": "mutex", "value": "Global\\Evil"}]), None),
    ({"userAgent": "EvilBot/1"}, alert("a", triggers=[{"name": "User Agent", "value": "evilbot/1"}]), None),
]
STRANGERS = [
    ({"networkIPv4": "203.0.113.9"}, talking("a", destinationAddress="203.0.113.90")),
    ({"networkCidrBlock": "203.0.113.0/25"}, talking("a", sourceAddress="203.0.113.200")),
    ({"networkCidrBlock": "2001:db8::/120"}, talking("a", sourceAddress="2001:db8::1aa")),
    ({"domainName": "cdn.evil.example"}, talking("a", destinationDomain="evil.example")),
    ({"domainName": "evil.example"}, talking("a", destinationDomain="notevil.example")),
    ({"fileName": "setup.exe", "fileHashValue": "AB"}, alert("a", processes=[{"name": "setup.exe"}])),
    ({"networkIPv4": "203.0.113.9", "isActive": False}, talking("a", destinationAddress="203.0.113.9")),
    ({"networkIPv4": "203.0.113.9", "action": "allow"}, talking("a", destinationAddress="203.0.113.9")),
    (
        {"networkIPv4": "203.0.113.9", "expirationDateTime": "2026-11-23T12:00:00Z"},
        talking("a", destinationAddress="203.0.113.9"),
    ),
    ({"domainName": "evil.example"}, alert("a", description="evil.example")),
]


@pytest.mark.parametrize("first", ["indicator", "alert"])
@pytest.mark.parametrize(("given", "arriving", "value"), PAIRS)
async def test_an_alert_and_an_indicator_meet_whichever_comes_first(
    surface: Surface, given: dict[str, Any], arriving: dict[str, Any], value: str | None, first: str
) -> None:
    if first == "alert":
        await surface.ingest([alert("unrelated"), arriving])
        found = await submitted(surface, **given)
        assert await hits(surface, "a") == []
        await searched(surface)
    else:
        found = await submitted(surface, **given)
        await surface.ingest([alert("unrelated"), arriving])
        await searched(surface)
    listed = await hits(surface, "a")
    assert [each["id"] for each in listed] == [found]
    assert listed[0]["matchedDateTime"] == "2026-11-23T12:00:00Z"
    assert value is None or listed[0]["matchedValue"] == value
    assert await hits(surface, "unrelated") == []


@pytest.mark.parametrize("first", ["indicator", "alert"])
@pytest.mark.parametrize(("given", "arriving"), STRANGERS)
async def test_what_is_not_the_same_or_not_looked_for_is_no_hit(
    surface: Surface, given: dict[str, Any], arriving: dict[str, Any], first: str
) -> None:
    if first == "alert":
        await surface.ingest([arriving])
    await submitted(surface, **given)
    if first == "indicator":
        await surface.ingest([arriving])
    await searched(surface)
    assert await hits(surface, "a") == []
    assert surface.database.read_now(matches.highest) == 0
    assert surface.database.read_now(pending_searches.count) == 0


async def test_a_hit_says_what_was_found_where_and_what_the_indicator_says(surface: Surface) -> None:
    given: dict[str, Any] = {
        "threatType": "C2",
        "severity": 4,
        "passiveOnly": True,
        "externalId": "feed-1",
        "action": "block",
    }
    found = await submitted(surface, networkDestinationIPv4="203.0.113.9", **given)
    await surface.ingest([talking("a", destinationAddress="203.0.113.9")])
    assert await hits(surface, "a") == [
        {
            "id": found,
            "externalId": "feed-1",
            "description": "seen",
            "threatType": "C2",
            "severity": 4,
            "confidence": None,
            "action": "block",
            "tlpLevel": "green",
            "targetProduct": "Azure Sentinel",
            "passiveOnly": True,
            "indicatorProperty": "networkDestinationIPv4",
            "matchedProperty": "networkConnections/destinationAddress",
            "matchedValue": "203.0.113.9",
            "matchedDateTime": "2026-11-23T12:00:00Z",
        }
    ]


async def test_an_alert_without_hits_shows_nothing_of_them(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    assert "matchedIndicators" not in (await surface.client.get(f"{ALERTS}/a")).json()


async def test_nobody_but_the_service_says_which_indicators_hit_an_alert(surface: Surface) -> None:
    forged = [{"id": "mine"}]
    await surface.ingest([alert("a", matchedIndicators=forged)])
    await surface.ingest([alert("a", matchedIndicators=forged, category="changed")])
    assert await hits(surface, "a") == []


async def test_alerts_are_selected_by_their_hits(surface: Surface) -> None:
    found = await submitted(surface, domainName="evil.example", threatType="C2")
    await surface.ingest([talking("a", destinationDomain="evil.example"), alert("b")])
    for condition in (
        f"matchedIndicators/any(m: m/id eq '{found}')",
        "matchedIndicators/any(m: m/threatType eq 'C2' and m/action eq 'alert')",
        "matchedIndicators/$count gt 0",
    ):
        assert await surface.ids(ALERTS, params={"$filter": condition}) == ["a"]
    assert await surface.ids(ALERTS, params={"$filter": "not matchedIndicators/any()"}) == ["b"]


async def test_a_pair_is_hit_once_however_often_the_alert_is_brought_and_the_indicator_submitted(
    surface: Surface,
) -> None:
    await submitted(surface, domainName="evil.example")
    for n in range(3):
        await surface.ingest([talking("a", destinationDomain="evil.example", protocol="tcp", riskScore=str(n))])
        await submitted(surface, domainName="evil.example", confidence=n)
        await searched(surface)
    assert len(await hits(surface, "a")) == 1
    assert surface.database.read_now(matches.highest) == 1


async def test_what_an_update_brings_is_looked_up_too_and_what_it_takes_away_stays_hit(surface: Surface) -> None:
    first = await submitted(surface, domainName="evil.example")
    second = await submitted(surface, domainName="worse.example")
    await surface.ingest([talking("a", destinationDomain="evil.example")])
    await surface.ingest([talking("a", destinationDomain="worse.example")])
    assert [each["id"] for each in await hits(surface, "a")] == [first, second]
    third = await submitted(surface, "other", domainName="evil.example")
    await searched(surface)
    assert third not in [each["id"] for each in await hits(surface, "a")]


async def test_an_analyst_s_change_keeps_the_hits(surface: Surface) -> None:
    await submitted(surface, domainName="evil.example")
    await surface.ingest([talking("a", destinationDomain="evil.example")])
    change = {"status": "resolved", "vendorInformation": {"provider": "ASC", "vendor": "Microsoft"}}
    await surface.client.patch(f"{ALERTS}/a", json=change)
    assert len(await hits(surface, "a")) == 1


async def test_an_alert_created_one_by_one_is_looked_up_as_well(surface: Surface) -> None:
    found = await submitted(surface, domainName="evil.example")
    created = await surface.client.post(ALERTS, json=talking("a", destinationDomain="evil.example"))
    assert [each["id"] for each in created.json()["matchedIndicators"]] == [found]


async def test_every_application_s_indicators_are_looked_for_and_only_their_owner_asks_for_their_hits(
    surface: Surface,
) -> None:
    found = await submitted(surface, "other", domainName="evil.example")
    await surface.ingest([talking("a", destinationDomain="evil.example")])
    assert [each["id"] for each in await hits(surface, "a")] == [found]
    mine = (await surface.calling("other").get(f"{INDICATORS}/{found}/matches")).json()["value"]
    assert [(each["alertId"], each["indicatorId"], each["id"]) for each in mine] == [("a", found, "1")]
    assert_error(await surface.client.get(f"{INDICATORS}/{found}/matches"), 404, "ResourceNotFound")
    hunter = await surface.calling("hunter").get(f"{INDICATORS}/{found}/matches")
    assert len(hunter.json()["value"]) == 1


async def test_a_new_indicator_raises_the_hits_of_stored_alerts_as_updates(surface: Surface) -> None:
    await surface.ingest([talking("a", destinationDomain="evil.example")])
    await surface.clock.advance(60)
    found = await submitted(surface, domainName="evil.example")
    await searched(surface)
    assert surface.events()[-2:] == [("tiIndicator", found, "created"), ("alert", "a", "updated")]
    body = (await surface.client.get(f"{ALERTS}/a")).json()
    assert body["lastModifiedDateTime"] == "2026-11-23T12:01:00Z"


async def test_an_indicator_is_looked_for_as_many_days_back_as_is_set(surface: Surface) -> None:
    await surface.ingest(
        [
            talking("old", destinationDomain="evil.example") | {"createdDateTime": "2026-11-13T11:59:59Z"},
            talking("new", destinationDomain="evil.example") | {"createdDateTime": "2026-11-13T12:00:00Z"},
        ]
    )
    await submitted(surface, domainName="evil.example")
    await searched(surface, match_days=10)
    assert (await hits(surface, "old"), len(await hits(surface, "new"))) == ([], 1)


async def test_an_indicator_that_comes_to_life_again_is_looked_for_again(surface: Surface) -> None:
    sleeping: dict[str, Any] = {"domainName": "evil.example", "isActive": False}
    found = await submitted(surface, **sleeping)
    await surface.ingest([talking("a", destinationDomain="evil.example")])
    await surface.client.patch(f"{INDICATORS}/{found}", json={"isActive": True})
    await searched(surface)
    assert [each["id"] for each in await hits(surface, "a")] == [found]
    await surface.client.patch(f"{INDICATORS}/{found}", json={"isActive": False})
    await surface.ingest([talking("b", destinationDomain="evil.example")])
    assert await hits(surface, "b") == []
    expired = await submitted(surface, domainName="worse.example", expirationDateTime="2026-11-23T12:00:01Z")
    await searched(surface)
    await surface.clock.advance(2)
    await surface.ingest([talking("c", destinationDomain="worse.example")])
    assert await hits(surface, "c") == []
    await submitted(surface, domainName="worse.example", expirationDateTime=FUTURE)
    await searched(surface)
    assert [each["id"] for each in await hits(surface, "c")] == [expired]


async def test_an_indicator_of_many_alerts_is_looked_for_in_portions(surface: Surface) -> None:
    await surface.ingest(talking(f"a{n}", destinationDomain="evil.example") for n in range(1_100))
    many = await submitted(surface, domainName="evil.example")
    one = await submitted(surface, networkCidrBlock="198.51.100.0/24")
    assert await searched(surface) > 2
    assert surface.database.read_now(matches.highest) == 1_100
    assert surface.database.read_now(pending_searches.count) == 0
    page = (await surface.client.get(f"{INDICATORS}/{many}/matches?$top=1000")).json()
    rest = (await surface.client.get(page["@odata.nextLink"])).json()
    assert len({each["alertId"] for each in page["value"] + rest["value"]}) == 1_100
    assert "@odata.nextLink" not in rest
    assert (await surface.client.get(f"{INDICATORS}/{one}/matches")).json()["value"] == []


async def test_the_hits_of_an_alert_are_all_answered_although_it_lists_the_first_hundred(surface: Surface) -> None:
    items = [indicator(networkIPv4=None, domainName="evil.example", externalId=f"e{n}") for n in range(100)]
    await surface.client.post(f"{INDICATORS}/submitTiIndicators", json={"value": items})
    await submitted(surface, domainName="evil.example", externalId="last")
    await surface.ingest([talking("a", destinationDomain="evil.example")])
    assert len(await hits(surface, "a")) == 100
    answered = (await surface.client.get(f"{ALERTS}/a/matchedIndicators?$top=1000")).json()
    assert len(answered["value"]) == 101
    assert_error(await surface.client.get(f"{ALERTS}/nope/matchedIndicators"), 404, "ResourceNotFound")
    assert_error(await surface.client.get(f"{ALERTS}/a/matchedIndicators?$skiptoken=x"), 400, "BadRequest")


async def test_hits_outlive_their_indicator_and_go_with_their_alert(surface: Surface) -> None:
    found = await submitted(surface, domainName="evil.example")
    await surface.ingest([talking("a", destinationDomain="evil.example")])
    await surface.client.delete(f"{INDICATORS}/{found}")
    assert len((await surface.client.get(f"{ALERTS}/a/matchedIndicators")).json()["value"]) == 1
    surface.database.write_now(lambda connection: alerts.delete(connection, "a", "2026-11-23T12:00:00.0000000Z"))
    assert surface.database.read_now(lambda connection: matches.of_alert(connection, "a", 0, 10)) == []
    tables = (observables.alert_observables, observables.indicator_observables)
    assert surface.database.read_now(lambda found: [found.execute(each.select()).all() for each in tables]) == [[], []]


async def test_what_expired_long_ago_is_forgotten_and_the_rest_is_kept(surface: Surface) -> None:
    await submitted(surface, domainName="gone.example", expirationDateTime="2026-10-24T11:59:59Z")
    await submitted(surface, domainName="kept.example", expirationDateTime="2026-10-24T12:00:00Z")
    loop = IndicatorSearch(surface.database, surface.clock, 30, 30)
    assert (await loop.forget(), await loop.forget()) == (1, 0)
    left = surface.database.read_now(
        lambda connection: connection.execute(indicators.indicators.select()).mappings().all()
    )
    assert [each["domain_name"] for each in left] == ["kept.example"]


async def test_each_hit_starts_a_poll_once_with_its_alert_and_its_indicator(surface: Surface) -> None:
    first = await surface.client.get(TRIGGER)
    assert (first.status_code, first.headers["location"]) == (202, f"{TRIGGER}?triggerState=0")
    found = await submitted(surface, domainName="evil.example", threatType="C2", passiveOnly=True)
    await surface.ingest([talking("a", destinationDomain="evil.example"), alert("b")])
    polled = await surface.client.get(first.headers["location"])
    assert polled.status_code == 200
    (hit,) = polled.json()["value"]
    assert (hit["alertId"], hit["indicatorId"], hit["value"], hit["kind"]) == ("a", found, "evil.example", "domain")
    assert (hit["action"], hit["targetProduct"], hit["passiveOnly"]) == ("alert", "Azure Sentinel", True)
    shown = (await surface.client.get(f"{ALERTS}/a")).json()
    shown.pop("@odata.context")
    assert hit["alert"] == shown
    assert hit["indicator"] == shown["matchedIndicators"][0]
    again = await surface.client.get(polled.headers["location"])
    assert again.status_code == 202
    await surface.ingest([talking("c", destinationDomain="evil.example")])
    later = await surface.client.get(again.headers["location"])
    assert [each["alertId"] for each in later.json()["value"]] == ["c"]


async def test_a_poll_shows_of_an_alert_of_alerts_v2_what_a_legacy_answer_shows(surface: Surface) -> None:
    await submitted(surface, networkIPv4="203.0.113.9")
    evidence = [{"@odata.type": "#microsoft.graph.security.ipEvidence", "ipAddress": "203.0.113.9"}]
    given = {"id": "a", "title": "t", "serviceSource": "microsoftDefenderForEndpoint", "determination": "malware"}
    await surface.ingest([{**given, "evidence": evidence}])
    (hit,) = (await surface.client.get(f"{TRIGGER}?triggerState=0")).json()["value"]
    shown = (await surface.client.get(f"{ALERTS}/a")).json()
    shown.pop("@odata.context")
    assert hit["alert"] == shown


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("indicator/threatType eq 'C2'", ["a"]),
        ("alert/severity eq 'high'", ["b"]),
        ("passiveOnly eq false and action eq 'alert'", ["a", "b"]),
        ("kind eq 'url'", []),
    ],
)
async def test_a_poll_s_filter_looks_at_hit_indicator_and_alert(
    surface: Surface, condition: str, expected: list[str]
) -> None:
    await submitted(surface, domainName="evil.example", threatType="C2")
    await submitted(surface, domainName="worse.example", threatType="Botnet")
    await surface.ingest(
        [
            talking("a", destinationDomain="evil.example"),
            talking("b", destinationDomain="worse.example") | {"severity": "high"},
        ]
    )
    polled = await surface.client.get(TRIGGER, params={"$filter": condition, "triggerState": "0"})
    assert [each["alertId"] for each in (polled.json()["value"] if expected else [])] == expected
    assert polled.status_code == (200 if expected else 202)
    assert "triggerState=2" in polled.headers["location"]


async def test_an_alert_brought_in_the_shape_of_alerts_v2_is_looked_up_by_all_its_evidence(surface: Surface) -> None:
    found = await submitted(surface, emailSubject="Invoice")
    evidence = {"@odata.type": "#microsoft.graph.security.analyzedMessageEvidence", "subject": "invoice"}
    brought = {"id": "v2", "title": "Mail", "serviceSource": "microsoftDefenderForOffice365", "evidence": [evidence]}
    answered = await surface.client.post("/ingest/alerts", json=[brought])
    assert answered.status_code == 200, answered.text
    listed = await hits(surface, "v2")
    assert [(each["id"], each["matchedProperty"]) for each in listed] == [
        (found, "evidence/analyzedMessageEvidence/subject")
    ]
