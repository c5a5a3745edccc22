from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

import odata_strategies
from odata_databases import Resources
from sallyport.odata import bind
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.matches import matches


@pytest.fixture(scope="session")
def alerts(database: Engine) -> Resources:
    return Resources(database, ALERT)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    resources=st.lists(odata_strategies.alerts, min_size=1, max_size=12),
    texts=st.lists(odata_strategies.filters, min_size=3, max_size=3),
)
def test_a_table_answers_every_filter_as_memory_does(
    alerts: Resources, resources: list[dict[str, Any]], texts: list[str]
) -> None:
    named = [{**each, "id": str(index)} for index, each in enumerate(resources)]
    alerts.fill(named)
    for text in texts:
        condition = bind.read_filter(text, ALERT)
        assert alerts.selected(condition) == {each["id"] for each in named if matches(condition, each, ALERT)}, text
