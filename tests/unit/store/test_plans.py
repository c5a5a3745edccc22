"""How queries reach their rows on SQLite, where no statistics tell the database what the table holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection

import databases
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.entity_alert_v2 import ALERT_V2
from sallyport.odata.entity_incident import INCIDENT
from sallyport.odata.query import Query, parse_query
from sallyport.store import access, alerts, incidents
from sallyport.store.database import Database

AT = "2026-11-23T12:00:00.0000000Z"
KEYS = "SEARCH alert_observables USING PRIMARY KEY (bucket=? AND key=?)"
BY_NUMBER = [KEYS, "SEARCH alerts USING INTEGER PRIMARY KEY (rowid=?)"]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A store with an alert in it."""
    document = {"id": "a", "title": "t", "createdDateTime": AT, "hostStates": [{"fqdn": "pc.contoso.example"}]}
    with databases.sqlite(tmp_path_factory.mktemp("plans")) as opened:
        opened.write_now(lambda connection: alerts.insert(connection, document, AT))
        yield opened


@pytest.mark.parametrize(
    ("filter_text", "reached"),
    [
        ("", ["SCAN alerts USING COVERING INDEX ix_alerts_created_at"]),
        ("severity eq 'high'", ["SEARCH alerts USING COVERING INDEX ix_alerts_severity (severity=?)"]),
        ("status eq 'newAlert'", ["SEARCH alerts USING COVERING INDEX ix_alerts_status (status=?)"]),
        ("Provider eq 'x'", ["SEARCH alerts USING COVERING INDEX ix_alerts_provider (provider=?)"]),
        ("assignedTo eq 'me'", ["SEARCH alerts USING COVERING INDEX ix_alerts_assigned_to (assigned_to=?)"]),
        ("createdDateTime ge 2026-01-01", ["SEARCH alerts USING COVERING INDEX ix_alerts_created_at (created_at>?)"]),
        (
            "severity eq 'high' and createdDateTime ge 2026-01-01 and createdDateTime lt 2027-01-01",
            ["SEARCH alerts USING COVERING INDEX ix_alerts_severity (severity=? AND created_at>? AND created_at<?)"],
        ),
        (
            "provider eq 'x' or 'y'",
            ["SEARCH alerts USING COVERING INDEX ix_alerts_provider (provider=?)"] * 2,
        ),
        ("status ne 'resolved'", ["SEARCH alerts USING COVERING INDEX ix_alerts_status (status=?)"] * 6),
        ("id eq 'a'", ["SEARCH alerts USING INDEX sqlite_autoindex_alerts_1 (id=?)"]),
        ("lastModifiedDateTime gt 2026-01-01", ["SEARCH alerts USING INDEX ix_alerts_modified_at (modified_at>?)"]),
        ("hostStates/any(h: h/fqdn eq 'pc.contoso.example')", BY_NUMBER),
        ("severity eq 'high' and userStates/any(u: tolower(u/userPrincipalName) eq 'ada@contoso.example')", BY_NUMBER),
        ("fileStates/any(f: f/fileHash/hashValue in ('aa64', 'bb'))", BY_NUMBER),
        (
            "networkConnections/any(n: n/destinationDomain eq 'a') or userStates/any(u: u/logonIp eq '192.0.2.1')",
            BY_NUMBER,
        ),
    ],
)
def test_a_usual_query_reaches_its_rows_by_an_index(database: Database, filter_text: str, reached: list[str]) -> None:
    query = parse_query([("$filter", filter_text)], ALERT, default_orderby="createdDateTime desc")
    plan = database.read_now(lambda connection: _plan(connection, query))
    steps = [re.sub(r"^LIST SUBQUERY.*", "", step) for step in plan if "alert" in step]
    steps.remove("SEARCH alerts USING INTEGER PRIMARY KEY (rowid=?)")
    assert sorted(steps) == reached


_NEWER = "SEARCH alerts USING COVERING INDEX ix_alerts_"


@pytest.mark.parametrize(
    ("filter_text", "reached"),
    [
        ("", ["SCAN alerts USING COVERING INDEX ix_alerts_created_at"]),
        ("severity eq 'high'", [f"{_NEWER}v2_severity (v2_severity=?)"]),
        ("severity in ('high', 'medium')", [f"{_NEWER}v2_severity (v2_severity=?)"] * 2),
        ("status eq 'new'", [f"{_NEWER}v2_status (v2_status=?)"]),
        ("status ne 'resolved'", [f"{_NEWER}v2_status (v2_status=?)"] * 5),
        (
            "status eq 'new' and createdDateTime ge 2026-01-01",
            [f"{_NEWER}v2_status (v2_status=? AND created_at>?)"],
        ),
        ("serviceSource eq 'microsoftSentinel'", [f"{_NEWER}service_source (service_source=?)"]),
        ("assignedTo eq 'me'", [f"{_NEWER}assigned_to (assigned_to=?)"]),
        ("createdDateTime ge 2026-01-01", [f"{_NEWER}created_at (created_at>?)"]),
        ("incidentId eq '7'", ["SEARCH alerts USING INDEX ix_alerts_incident_id (incident_id=?)"]),
        ("lastUpdateDateTime gt 2026-01-01", ["SEARCH alerts USING INDEX ix_alerts_modified_at (modified_at>?)"]),
    ],
)
def test_a_usual_query_of_the_newer_shape_reaches_its_rows_by_an_index(
    database: Database, filter_text: str, reached: list[str]
) -> None:
    query = parse_query([("$filter", filter_text)], ALERT_V2, default_orderby="createdDateTime desc")
    plan = database.read_now(lambda connection: _explained(connection, lambda: alerts.v2_page(connection, query)))
    steps = [step for step in plan if "alerts" in step]
    steps.remove("SEARCH alerts USING INTEGER PRIMARY KEY (rowid=?)")
    assert sorted(steps) == reached


_INCIDENTS = "SEARCH incidents USING COVERING INDEX ix_incidents_"


@pytest.mark.parametrize(
    ("filter_text", "reached"),
    [
        ("", ["SCAN incidents USING COVERING INDEX ix_incidents_created_at"]),
        ("severity eq 'high'", [f"{_INCIDENTS}severity (severity=?)"]),
        ("status eq 'active'", [f"{_INCIDENTS}status (status=?)"]),
        (
            "status eq 'active' and severity eq 'high'",
            ["SEARCH incidents USING INDEX ix_incidents_status (status=?)"],
        ),
        ("assignedTo eq 'me'", [f"{_INCIDENTS}assigned_to (assigned_to=?)"]),
        ("assignedTo eq null", [f"{_INCIDENTS}assigned_to (assigned_to=?)"]),
        ("createdDateTime ge 2026-01-01", [f"{_INCIDENTS}created_at (created_at>?)"]),
        ("id eq '7'", ["SEARCH incidents USING INDEX sqlite_autoindex_incidents_1 (id=?)"]),
        (
            "lastUpdateDateTime gt 2026-01-01",
            ["SEARCH incidents USING INDEX ix_incidents_modified_at (modified_at>?)"],
        ),
    ],
)
def test_a_usual_query_of_incidents_reaches_its_rows_by_an_index(
    database: Database, filter_text: str, reached: list[str]
) -> None:
    query = parse_query([("$filter", filter_text)], INCIDENT, default_orderby="createdDateTime desc")
    plan = database.read_now(lambda connection: _explained(connection, lambda: incidents.page(connection, query)))
    steps = [step for step in plan if "incidents" in step]
    steps.remove("SEARCH incidents USING INTEGER PRIMARY KEY (rowid=?)")
    assert sorted(steps) == reached


@pytest.mark.parametrize(
    "filter_text", ["", "severity eq 'high'", "createdDateTime ge 2026-01-01", "status eq 'newAlert' and title eq 't'"]
)
def test_a_page_is_followed_in_its_order_and_never_sorted_whole(database: Database, filter_text: str) -> None:
    query = parse_query([("$filter", filter_text)], ALERT, default_orderby="createdDateTime desc")
    plan = database.read_now(lambda connection: _plan(connection, query))
    # What is sorted is the page that was picked, behind the scan of it.
    assert [step for step in plan if "TEMP B-TREE" in step] == plan[-1:]
    assert plan.index("SCAN picked") < len(plan) - 1


def test_what_many_alerts_mention_is_looked_for_in_their_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "SORTED", 0)
    options = [("$filter", "hostStates/any(h: h/fqdn eq 'pc.contoso.example')")]
    query = parse_query(options, ALERT, default_orderby="createdDateTime desc")
    plan = database.read_now(lambda connection: _plan(connection, query))
    assert "SCAN alerts USING INDEX ix_alerts_created_at" in plan


def test_alerts_that_are_brought_are_looked_for_by_their_ids(database: Database) -> None:
    plan = database.read_now(lambda connection: _explained(connection, lambda: alerts.of_ids(connection, ["a", "b"])))
    assert plan[0] == "SEARCH alerts USING INDEX sqlite_autoindex_alerts_1 (id=?)"


@pytest.mark.parametrize("filter_text", ["severity eq 'high'", "hostStates/any(h: h/fqdn eq 'a')"])
def test_who_follows_the_numbers_is_not_led_astray_by_an_index(database: Database, filter_text: str) -> None:
    query = parse_query([("$filter", filter_text)], ALERT)

    def follow(connection: Connection) -> list[str]:
        return _explained(connection, lambda: alerts.between(connection, query, 0, 10, 10))

    plan = database.read_now(follow)
    assert plan[0] == "SEARCH alerts USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"


@pytest.mark.parametrize(
    ("filter_text", "reached"),
    [
        ("severity eq 'high'", "SEARCH alerts USING COVERING INDEX ix_alerts_severity (severity=?)"),
        ("hostStates/any(h: h/fqdn eq 'a')", "SEARCH alerts USING INTEGER PRIMARY KEY (rowid=?)"),
    ],
)
def test_a_count_reaches_its_rows_by_an_index(database: Database, filter_text: str, reached: str) -> None:
    query = parse_query([("$filter", filter_text)], ALERT)

    def count(connection: Connection) -> list[str]:
        return _explained(connection, lambda: alerts.count(connection, query))

    assert database.read_now(count)[0] == reached


def _plan(connection: Connection, query: Query) -> list[str]:
    return _explained(connection, lambda: alerts.page(connection, query))


def _explained(connection: Connection, read: Any) -> list[str]:
    """Answer the plan of the last statement that a reading makes."""
    statements: list[tuple[str, object]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", remember)
    read()
    event.remove(connection, "before_cursor_execute", remember)
    statement, parameters = statements[-1]
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
    return [row[3] for row in rows]
