"""Queries of indicators reach their rows by an index, and answer what the filter selects, whatever way they take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.engine import Connection

import databases
from sallyport.odata.entity_indicator import INDICATOR
from sallyport.odata.matches import matches
from sallyport.odata.query import Query, parse_query
from sallyport.store import access, indicators
from sallyport.store.database import Database

AT = "2026-11-23T12:00:00.0000000Z"
EVERYBODY = indicators.View(AT, None)
OWNER = indicators.View(AT, "a")
_TEXTS = ["x", "X", "evil.example", "EVIL.example", "203.0.113.7", "http://evil.example/", "a.exe,b.exe", " x", " "]
_PROPERTIES = [
    "domainName",
    "networkIPv4",
    "url",
    "fileHashValue",
    "fileName",
    "emailSenderAddress",
    "networkCidrBlock",
]
_text = st.sampled_from(_TEXTS)
_given = st.fixed_dictionaries(
    {"ingestedDateTime": st.sampled_from(["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"])},
    optional={
        **dict.fromkeys(_PROPERTIES, _text),
        "externalId": _text,
        "threatType": st.sampled_from(["C2", "DDoS"]),
        "isActive": st.booleans(),
        "severity": st.integers(0, 5),
    },
)
_filters = st.recursive(
    st.one_of(
        st.builds(
            lambda form, name, text: form.format(name=name, text=text),
            st.sampled_from(
                ["{name} eq '{text}'", "tolower({name}) eq tolower('{text}')", "{name} in ('{text}', 'x')"]
            ),
            st.sampled_from([*_PROPERTIES, "externalId"]),
            _text,
        ),
        st.sampled_from(
            ["threatType eq 'C2'", "severity ge 3", "isActive eq false", "url ne 'x'", "startswith(domainName, 'e')"]
        ),
        st.sampled_from(["ingestedDateTime ge 2026-11-02", "expirationDateTime lt 2027-01-01", "id eq '1'"]),
    ),
    lambda inner: st.builds(
        lambda left, word, right: f"({left}) {word} ({right})", inner, st.sampled_from(["and", "or"]), inner
    ),
    max_leaves=4,
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
    stored=st.lists(st.tuples(_given, st.sampled_from("ab"), st.booleans()), min_size=1, max_size=10),
    texts=st.lists(_filters, min_size=4, max_size=4),
    most=st.sampled_from([0, 2, 10_000]),
)
def test_pages_and_counts_hold_what_the_filter_selects_of_what_the_caller_may_see(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    stored: list[tuple[dict[str, Any], str, bool]],
    texts: list[str],
    most: int,
) -> None:
    monkeypatch.setattr(access, "SORTED", most)
    named = [_whole(index, *each) for index, each in enumerate(stored)]
    database.write_now(lambda connection: _refill(connection, named))
    for text in texts:
        query = _query(text)
        for view in (EVERYBODY, OWNER):
            visible = [
                each for each, app in named if view.app_id in (None, app) and each["expirationDateTime"] > "2026-12"
            ]
            wanted = [each["id"] for each in visible if matches(query.filter, each, INDICATOR)]
            found = database.read_now(partial(_ids, query=query, view=view))
            assert sorted(found) == sorted(wanted), text
            count = database.read_now(partial(indicators.count, query=query, view=view))
            assert count == len(wanted), text


@pytest.mark.parametrize("view", [EVERYBODY, OWNER], ids=["everybody", "owner"])
@pytest.mark.parametrize(
    "filter_text",
    [
        "",
        "externalId eq 'feed-1'",
        "threatType eq 'C2'",
        "networkIPv4 eq '203.0.113.7'",
        "domainName eq 'evil.example'",
        "fileHashValue eq 'AB'",
        "url eq 'http://evil.example/'",
        "networkDestinationIPv4 eq '203.0.113.7'",
        "emailSenderAddress eq 'm@evil.example'",
        "id eq '1'",
        "expirationDateTime lt 2026-12-01",
        "domainName eq 'a' or url eq 'b'",
    ],
)
def test_a_usual_query_of_indicators_scans_no_table(tmp_path: Path, filter_text: str, view: indicators.View) -> None:
    with databases.sqlite(tmp_path) as opened:
        opened.write_now(lambda connection: _refill(connection, [_whole(1, {"url": "x"}, "a", False)]))
        plan = opened.read_now(lambda connection: _plan(connection, _query(filter_text), view))
    scans = [step for step in plan if step.startswith("SCAN indicator")]
    # A page without a filter follows the index that has its order.
    assert all(each.startswith("SCAN indicators USING INDEX ix_indicators_ingested_at") for each in scans), plan


def _whole(number: int, given: dict[str, Any], app: str, gone: bool) -> tuple[dict[str, Any], str]:
    stamped = {
        "id": str(number),
        "ingestedDateTime": "2026-11-01T00:00:00Z",
        **given,
        "targetProduct": "Azure Sentinel",
    }
    return {**stamped, "expirationDateTime": "2026-11-01T00:00:00Z" if gone else "2026-12-31T00:00:00Z"}, app


def _refill(connection: Connection, named: list[tuple[dict[str, Any], str]]) -> None:
    while indicators.forget_expired(connection, "9999", 100):
        pass
    for document, app in named:
        identity = hashlib.sha256(json.dumps(document).encode()).hexdigest()
        indicators.insert(connection, app, [indicators.New(identity, document)], AT)


def _query(text: str) -> Query:
    options = [("$filter", text), ("$top", "3")]
    return parse_query(options, INDICATOR, default_orderby="ingestedDateTime desc")


def _ids(connection: Connection, query: Query, view: indicators.View) -> list[str]:
    found: list[str] = []
    while True:
        page = indicators.page(connection, query, view)
        found += [each.id for each in page.items]
        if page.skiptoken is None:
            return found
        options = {**query.given, "$skiptoken": page.skiptoken}
        query = parse_query(options.items(), INDICATOR, default_orderby="ingestedDateTime desc")


def _plan(connection: Connection, query: Query, view: indicators.View) -> list[str]:
    statements: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", remember)
    indicators.page(connection, query, view)
    event.remove(connection, "before_cursor_execute", remember)
    statement, parameters = statements[-1]
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return [row[3] for row in rows]
