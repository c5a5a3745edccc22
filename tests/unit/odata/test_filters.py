from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Engine

from odata_databases import Resources
from odata_entities import ENTITIES
from sallyport.odata import bind
from sallyport.odata.errors import InvalidQuery
from sallyport.odata.matches import matches
from workplace import CASES

FILTERS = json.loads((CASES / "odata" / "filters.json").read_text(encoding="utf-8"))
REFUSED = json.loads((CASES / "odata" / "refused.json").read_text(encoding="utf-8"))

Case = dict[str, Any]


def _name(case: Case) -> str:
    return str(case["name"])


@pytest.mark.parametrize("case", FILTERS, ids=_name)
def test_a_filter_selects_in_memory_what_its_case_says(case: Case) -> None:
    entity = ENTITIES[case["entity"]]
    condition = bind.read_filter(case["filter"], entity)
    assert [each for each in case["match"] if not matches(condition, each, entity)] == []
    assert [each for each in case["miss"] if matches(condition, each, entity)] == []


def test_every_filter_selects_from_a_table_what_its_case_says(database: Engine) -> None:
    wrong: list[str] = []
    tables = {name: Resources(database, entity) for name, entity in ENTITIES.items()}
    for case in FILTERS:
        table = tables[case["entity"]]
        expected = {f"match-{index}" for index in range(len(case["match"]))}
        rows = [{**each, "id": f"match-{index}"} for index, each in enumerate(case["match"])]
        table.fill([*rows, *({**each, "id": f"miss-{index}"} for index, each in enumerate(case["miss"]))])
        found = table.selected(bind.read_filter(case["filter"], table.entity))
        if found != expected:
            wrong.append(f"{case['name']}: {sorted(found ^ expected)}")
    assert wrong == []


@pytest.mark.parametrize("case", REFUSED, ids=_name)
def test_a_filter_that_makes_no_sense_is_refused_with_its_place_and_reason(case: Case) -> None:
    with pytest.raises(InvalidQuery) as caught:
        bind.read_filter(case["filter"], ENTITIES[case["entity"]])
    assert caught.value.message.startswith("Invalid filter clause: ")
    assert case["reason"] in caught.value.reason
    assert caught.value.column == case["column"]
    assert (caught.value.code, caught.value.status) == ("BadRequest", 400)
