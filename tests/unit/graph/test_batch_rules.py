"""What a batch may say: whatever is sent is read or refused, and dependencies are put in an order that works."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport import errors
from sallyport.graph import batch_rules

ADDRESS = r"(https?://)?(graph\.test|evil)?(:\d{1,6})?/[a-z/?#%]{0,20}"
HOSTS = {("graph.test", None), ("graph.test", 8443)}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["id", "method", "url", "headers", "body", "dependsOn", "depends_on", "ID"])
ITEMS = st.dictionaries(NAMES, JSON | st.sampled_from(["1", "GET", "/security/alerts"]), max_size=6)


@given(st.fixed_dictionaries({"requests": st.lists(ITEMS | JSON, max_size=4) | JSON}) | JSON)
def test_whatever_is_sent_is_read_or_refused(body: Any) -> None:
    try:
        items = batch_rules.read(body)
        assert {each.id for each in batch_rules.ordered(items)} == {each.id for each in items}
    except errors.BadRequest:
        return
    assert all(each.id and each.method and each.url for each in items)


@given(
    st.text(max_size=40) | st.from_regex(r"(https?://)?(graph\.test|evil)?(:\d{1,6})?/[a-z/?#%]{0,20}", fullmatch=True)
)
def test_an_address_leads_into_the_service_or_nowhere(url: str) -> None:
    try:
        found = batch_rules.target(url, "v1.0", HOSTS)
    except errors.BadRequest:
        return
    assert found.raw_path.isascii()
    if "://" not in url:
        assert found.path.startswith("/v1.0/")
    assert b"?" not in found.raw_path


@given(st.data(), st.integers(1, 20))
def test_every_item_comes_after_those_that_it_depends_on(data: st.DataObject, number: int) -> None:
    ranks = data.draw(st.permutations(range(number)))
    requests = [
        {
            "id": str(rank),
            "method": "GET",
            "url": "/security/alerts",
            "dependsOn": [str(each) for each in data.draw(st.sets(st.integers(0, rank - 1), max_size=3))]
            if rank
            else [],
        }
        for rank in ranks
    ]
    items = batch_rules.read({"requests": requests})
    assert [each.id for each in items] == [str(rank) for rank in ranks]
    seen: set[str] = set()
    for item in batch_rules.ordered(items):
        assert set(item.depends_on) <= seen
        seen.add(item.id)


@pytest.mark.parametrize(
    ("scheme", "netloc", "place"),
    [
        ("http", "Graph.Test", ("graph.test", None)),
        ("https", "graph.test:443", ("graph.test", None)),
        ("http", "graph.test:443", ("graph.test", 443)),
        ("https", "graph.test.:8443", ("graph.test", 8443)),
        ("http", "[::1]:80", ("::1", None)),
        ("https", "user:password@evil", ("evil", None)),
    ],
)
def test_hosts_are_compared_by_name_and_port(scheme: str, netloc: str, place: tuple[str, int | None]) -> None:
    assert batch_rules.place(scheme, netloc) == place
