"""Whatever way a query takes to its rows, it answers what the filter selects, in order, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

import databases
import odata_strategies
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.errors import InvalidQuery
from sallyport.odata.matches import matches
from sallyport.odata.query import Query, parse_query
from sallyport.store import access, alert_table, alerts, arrivals
from sallyport.store.database import Database
from workplace import CASES

AT = "2026-11-23T12:00:00.0000000Z"
_TIMES = ["2020-04-20T00:00:00Z", "2022-01-15T00:00:00.1Z", "2026-11-10T08:00:00Z", "2026-11-22T00:00:00Z"]
_TEXTS = [
    "x",
    "X",
    "a.exe",
    "pc123.contoso.com",
    "PC123.Contoso.com",
    "contoso.com",
    "user@contoso.com",
    "aa64",
    " x",
    "",
]
_ADDRESSES = ["203.0.113.7", "203.0.113.70", "2001:db8::1", "2001:DB8:0::1", "evil.example", "www.evil.example"]
_text, _address = st.sampled_from(_TEXTS), st.sampled_from(_ADDRESSES)


def _object(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: st.one_of(each, st.none()) for name, each in members.items()})


_hash = _object(hashType=st.sampled_from(["sha1", "sha256"]), hashValue=_text)
#: Alerts as the store holds them: read, so that what the schema knows has its type.
_alerts = st.builds(
    lambda given, created: {**given, "title": "t", "createdDateTime": created},
    _object(
        category=_text,
        assignedTo=st.sampled_from(["analyst@contoso.com", "x", ""]),
        severity=st.sampled_from(["unknown", "informational", "low", "medium", "high"]),
        status=st.sampled_from(["unknown", "newAlert", "inProgress", "resolved", "dismissed"]),
        eventDateTime=st.sampled_from(_TIMES),
        lastModifiedDateTime=st.sampled_from(_TIMES),
        vendorInformation=_object(provider=st.sampled_from(["IPC", "ASC", "A", "B", "Azure Security Center"])),
        hostStates=st.lists(_object(fqdn=_text, netBiosName=_text, privateIpAddress=_address), max_size=2),
        userStates=st.lists(_object(userPrincipalName=_text, accountName=_text), max_size=2),
        fileStates=st.lists(_object(name=_text, fileHash=_hash), max_size=2),
        networkConnections=st.lists(
            _object(destinationDomain=_address, sourceAddress=_address, natSourceAddress=_address), max_size=2
        ),
        tags=st.lists(_text, max_size=2),
    ),
    st.sampled_from(_TIMES),
)
_DOCUMENTED = json.loads((CASES / "odata" / "documented.json").read_text(encoding="utf-8"))
_LEGACY = [each["filter"] for each in _DOCUMENTED if each["entity"] == "alert"]
#: Values that equal an observed property, in every way that a filter can say it.
_observed = st.sampled_from(
    [
        "hostStates/any(h: h/{fqdn} eq {v})",
        "hostStates/any(h: {v} eq h/{fqdn})",
        "hostStates/any(h: tolower(h/{fqdn}) eq tolower({v}))",
        "hostStates/any(h: toupper({v}) eq toupper(trim(h/{fqdn})))",
        "hostStates/any(h: h/{fqdn} in ({v}, 'x') and h/privateIpAddress ne null)",
        "hostStates/any(h: h/{fqdn} eq {v} or h/privateIpAddress eq '2001:db8::1')",
        "hostStates/any(h: h/{fqdn} eq {v} or h/privateIpAddress ne '203.0.113.7')",
        "not hostStates/any(h: h/{fqdn} eq {v})",
        "hostStates/all(h: h/{fqdn} eq {v})",
        "hostStates/any(h: userStates/any(u: u/accountName eq h/{fqdn} and u/userPrincipalName eq {v}))",
        "networkConnections/any(n: n/destinationDomain eq {v})",
        "networkConnections/any(n: n/sourceAddress eq {v} or n/natSourceAddress eq {v})",
        "fileStates/any(f: f/fileHash/hashValue eq {v} and f/fileHash/hashType eq 'sha256')",
        "fileStates/any(f: f/name eq {v})",
    ]
)
_filled = st.builds(
    lambda form, name, value: form.replace("{fqdn}", name).replace("{v}", f"'{value}'"),
    _observed,
    st.sampled_from(["fqdn", "netBiosName"]),
    st.sampled_from([*_TEXTS, *_ADDRESSES]),
)
_columns = st.sampled_from(
    [
        *(
            "severity eq 'high'",
            "severity ne 'high'",
            "severity ge 'low'",
            "status eq 'newAlert' or status eq 'resolved'",
        ),
        *("provider eq 'A' or 'B'", "assignedTo eq 'x'", "assignedTo eq null", "lastModifiedDateTime gt 2022-01-01"),
        *(
            "eventDateTime le 2026-11-22",
            "createdDateTime ge 2022-01-01",
            "id eq '1'",
            "id in ('0', '2')",
            "category eq 'x'",
        ),
    ]
)
_filters = st.recursive(
    st.one_of(_filled, _columns, st.sampled_from(_LEGACY), odata_strategies.filters),
    lambda inner: st.builds(
        lambda left, word, right: f"({left}) {word} ({right})", inner, st.sampled_from(["and", "or"]), inner
    ),
    max_leaves=4,
)
_orders = st.sampled_from(
    [
        *(
            "createdDateTime desc",
            "createdDateTime",
            "lastModifiedDateTime desc",
            "severity desc,createdDateTime",
            "title",
        ),
        *("vendorInformation/provider", "id"),
    ]
)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A store that each example fills anew."""
    if request.param == "sqlite":
        with databases.sqlite(tmp_path_factory.mktemp("queries")) as opened:
            yield opened
    else:
        with (
            databases.postgresql_database(request.getfixturevalue("postgresql_url")) as url,
            databases.emptied(url) as opened,
        ):
            yield opened


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    stored=st.lists(_alerts, min_size=1, max_size=10),
    texts=st.lists(_filters, min_size=4, max_size=4),
    order=_orders,
    most=st.sampled_from([0, 2, 10_000]),
)
def test_pages_and_counts_hold_what_the_filter_selects(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    stored: list[dict[str, Any]],
    texts: list[str],
    order: str,
    most: int,
) -> None:
    monkeypatch.setattr(access, "SORTED", most)
    named = [
        {name: value for name, value in {**each, "id": str(index)}.items() if value is not None}
        for index, each in enumerate(stored)
    ]
    database.write_now(lambda connection: _refill(connection, named))
    everything = database.read_now(lambda connection: _ids(connection, _query("", order)))
    for text in texts:
        query = _query(text, order)
        selected = {each["id"] for each in named if matches(query.filter, each, ALERT)}
        found = database.read_now(lambda connection, query=query: _ids(connection, query))  # type: ignore[misc]
        assert found == [each for each in everything if each in selected], text
        count = database.read_now(lambda connection, query=query: alerts.count(connection, query))  # type: ignore[misc]
        assert count == len(selected), text


def _query(text: str, order: str) -> Query:
    options = [("$filter", text), ("$orderby", order), ("$top", "3")]
    return parse_query(options, ALERT)


def _refill(connection: Connection, documents: list[dict[str, Any]]) -> None:
    for row in connection.execute(alert_table.alerts.select()).all():
        alerts.delete(connection, row.id, AT)
    alerts.ingest(connection, [arrivals.ready(each) for each in documents], AT, lambda stored, _: stored)


def _ids(connection: Connection, query: Query) -> list[str]:
    """Answer the ids of all pages."""
    found: list[str] = []
    while True:
        page = alerts.page(connection, query)
        found += [each.id for each in page.items]
        if page.skiptoken is None:
            return found
        query = parse_query({**query.given, "$skiptoken": page.skiptoken}.items(), ALERT)


def test_a_token_of_another_order_is_refused(database: Database) -> None:
    stored = [{"id": each, "title": "t", "createdDateTime": AT} for each in "ab"]
    database.write_now(lambda connection: _refill(connection, stored))
    page = database.read_now(lambda connection: alerts.page(connection, parse_query([("$top", "1")], ALERT)))
    assert page.skiptoken is not None
    other = parse_query([("$skiptoken", page.skiptoken), ("$orderby", "title")], ALERT)
    with pytest.raises(InvalidQuery, match="another order"):
        database.read_now(lambda connection: alerts.page(connection, other))
