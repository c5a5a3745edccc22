from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, Column, Engine, MetaData, Table, Text, select, text

import odata_databases
import odata_strategies
from odata_databases import Resources
from sallyport.odata import promoted, skiptoken
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.errors import InvalidQuery
from sallyport.odata.orderby import read_orderby
from sallyport.odata.ordering import Ordering

_ORDERS = [
    "",
    "id desc",
    "createdDateTime desc",
    "title",
    "severity desc, createdDateTime, title desc",
    "vendorInformation/provider desc, vendorInformation/vendor",
    "custom, confidence desc",
    "id, title",
]


@pytest.fixture(scope="session")
def alerts(database: Engine) -> Resources:
    return Resources(database, ALERT)


def _in_order(resources: list[dict[str, Any]], orderby: str) -> list[str]:
    ids = [*read_orderby(orderby, ALERT)]
    last_descending = ids[-1].descending if ids else False
    found = sorted(resources, key=lambda each: str(each["id"]), reverse=last_descending)
    for term in reversed(ids):
        read = promoted.reader(term.property.path or "", ALERT)

        def key(each: dict[str, Any], read: promoted.Reader = read, kind: str = term.property.kind) -> tuple[bool, Any]:
            value = read(each)
            wrong = kind == "a string" and not isinstance(value, str)
            return (False, 0) if value is None or wrong else (True, value)

        found.sort(key=key, reverse=term.descending)
    return [each["id"] for each in found]


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(
    resources=st.lists(odata_strategies.alerts, max_size=12), orderby=st.sampled_from(_ORDERS), size=st.integers(1, 4)
)
def test_pages_put_together_are_the_whole_in_order(
    alerts: Resources, resources: list[dict[str, Any]], orderby: str, size: int
) -> None:
    named = [{**each, "id": f"{index:02}"} for index, each in enumerate(resources)]
    alerts.fill(named)
    pages = alerts.pages(read_orderby(orderby, ALERT), size)
    assert [each for page in pages for each in page] == _in_order(named, orderby)
    assert all(len(page) == size for page in pages[:-1])


def test_a_token_of_another_order_is_refused() -> None:
    token = skiptoken.encode(read_orderby("title, id", ALERT), ["a", "1"])
    assert skiptoken.decode(read_orderby("title, id", ALERT), token) == ("a", "1")
    with pytest.raises(InvalidQuery, match="another order"):
        skiptoken.decode(read_orderby("title desc, id", ALERT), token)


def _written(*values: object) -> str:
    good = skiptoken.encode(read_orderby("severity, id", ALERT), [4, "1"])
    mark = json.loads(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))[0]
    return base64.urlsafe_b64encode(json.dumps([mark, *values]).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "é",
        "",
        "AAAA",
        "a" * 10_000,
        _written(4),
        _written(4, "1", "2"),
        _written("4", "1"),
        _written(4.5, "1"),
        _written(True, "1"),
        _written(4, 1),
        _written(4, "\0"),
        _written(4, "\ud800"),
        _written(4, ["1"]),
        _written(2**70, "1"),
        base64.urlsafe_b64encode(b"[" * 5000).decode(),
        base64.urlsafe_b64encode(b"[NaN,1]").decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
    ],
)
def test_a_token_that_was_not_given_out_is_refused(token: str) -> None:
    with pytest.raises(InvalidQuery, match="Invalid skiptoken clause"):
        skiptoken.decode(read_orderby("severity, id", ALERT), token)


def test_the_default_order_is_served_by_an_index() -> None:
    database = odata_databases.engine("sqlite://")
    table = Table(
        "ordered",
        MetaData(),
        Column("id", Text, primary_key=True),
        Column("created_at", Text, nullable=False),
        Column("document", JSON),
    )
    columns = {"id": table.c.id, "createdDateTime": table.c.created_at}
    order = Ordering(read_orderby("createdDateTime desc", ALERT), columns, table.c.document, "sqlite")
    token = order.token(["2022-01-01T00:00:00.0000000Z", "a"])
    chosen = select(table.c.id).where(order.after(token)).order_by(*order.clauses())
    with database.begin() as connection:
        table.create(connection)
        connection.execute(text("CREATE INDEX by_time ON ordered (created_at, id)"))
        plain = chosen.compile(connection, compile_kwargs={"literal_binds": True})
        plan = " ".join(str(row[-1]) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {plain}")))
        table.drop(connection)
    database.dispose()
    assert "SEARCH ordered USING COVERING INDEX by_time (created_at<?)" in plan
    assert "TEMP B-TREE" not in plan
