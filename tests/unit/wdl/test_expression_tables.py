"""Every row of the tables of expressions, ours and the documented ones, evaluates to what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sallyport.cli.expression import same
from sallyport.wdl.errors import ExpressionError
from sallyport.wdl.scope import ContextScope
from sallyport.wdl.template import compile_template
from sallyport.wdl.values import Json
from workplace import CASES, SHARED, needs_shared

Row = dict[str, Any]
DOCUMENTED = SHARED / "expressions" / "documented.jsonl"


def rows_of(path: Path) -> list[Row]:
    """Read a JSON array, or JSON lines; nothing when the file is absent."""
    if not path.exists():
        return []
    text = path.read_text("utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    rows: list[Row] = json.loads(text)
    return rows


OWN = [
    pytest.param(row, id=f"{path.stem}-{number}")
    for path in sorted((CASES / "expressions").glob("*.json"))
    for number, row in enumerate(rows_of(path))
]


def check(row: Row) -> None:
    """Evaluate one row; `error` is true, or a part of the message."""
    if row.get("error"):
        with pytest.raises(ExpressionError) as failure:
            evaluate(row)
        assert row["error"] is True or row["error"] in failure.value.message
    else:
        value = evaluate(row)
        assert same(value, row["expected"]), f"{row['expression']} gave {value!r}"


def evaluate(row: Row) -> Json:
    """Evaluate the expression of a row in its context."""
    return compile_template(row["expression"]).evaluate(ContextScope(row.get("context", {})))


@pytest.mark.parametrize("row", OWN)
def test_a_row_of_our_tables_holds(row: Row) -> None:
    check(row)


@needs_shared
@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in rows_of(DOCUMENTED)])
def test_a_documented_example_holds(row: Row) -> None:
    check(row)


def test_there_are_hundreds_of_rows_of_our_own() -> None:
    assert len(OWN) > 600
