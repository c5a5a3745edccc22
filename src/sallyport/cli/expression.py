"""`sallyport expression`: try an expression, or check a table of examples.

Nothing but the expression language is imported here, so that a table of hundreds of rows takes no noticeable time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import IO

import click

from sallyport.cli.groups import Group
from sallyport.clock import SystemClock
from sallyport.wdl import values
from sallyport.wdl.errors import ExpressionError
from sallyport.wdl.scope import ContextScope
from sallyport.wdl.template import compile_template
from sallyport.wdl.values import Json

FAILED = 1


@dataclass(frozen=True)
class Result:
    """What became of one row of a table."""

    row_id: str
    ok: bool
    value: Json
    error: ExpressionError | None
    #: Why the row does not pass; an empty string when it does.
    reason: str


@click.group("expression", cls=Group)
def command() -> None:
    """Evaluate expressions of the workflow definition language."""


@command.command("eval")
@click.argument("expression")
@click.option("--scope", "scope_file", type=click.File(encoding="utf-8"), help="JSON file with what it may see.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document: ok, and value or error.")
def evaluate(expression: str, scope_file: IO[str] | None, as_json: bool) -> None:
    """Evaluate EXPRESSION as it would stand in a definition, such as "@concat('a', 'b')".

    The scope file is a JSON object with any of parameters, variables, trigger, actions, item, items, utcNow and
    appsettings.
    """
    context = {} if scope_file is None else _object(_parse(_text(scope_file), "the scope file"), "the scope file")
    try:
        value = _evaluate(expression, context)
    except ExpressionError as error:
        if as_json:
            click.echo(values.dumps({"ok": False, "error": _drawn(error)}))
        _complain(error)
        raise click.exceptions.Exit(FAILED) from None
    if as_json:
        click.echo(values.dumps({"ok": True, "value": value}))
    else:
        click.echo(value if isinstance(value, str) else values.dumps(value))


@command.command("table")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per row: id, ok, and value or error.")
def table(file: IO[str], as_json: bool) -> None:
    """Check the rows of FILE, one JSON object per line: id, expression, context (optional), expected or error.

    Numbers are compared by value, objects without regard to the order of keys. `"error": true` wants any error, a text
    wants an error whose message contains it.
    """
    rows = list(_rows(file))
    failures = 0
    for row in rows:
        result = _check(row)
        failures += not result.ok
        _report(result, as_json)
    click.echo(f"{len(rows)} rows: {len(rows) - failures} passed, {failures} failed", err=as_json)
    if failures:
        raise click.exceptions.Exit(FAILED)


def _rows(file: IO[str]) -> Iterator[dict[str, Json]]:
    try:
        for number, line in enumerate(file, start=1):
            if line.strip():
                row = _object(_parse(line, f"line {number}"), f"line {number}")
                if "expression" not in row:
                    raise click.BadParameter(f"line {number} has no 'expression'", param_hint="FILE")
                yield {"id": f"line {number}", **row}
    except UnicodeDecodeError:
        raise click.BadParameter("the file is not UTF-8 text", param_hint="FILE") from None


def _check(row: dict[str, Json]) -> Result:
    row_id, wanted = values.to_text(row["id"]), row.get("error")
    try:
        context = row.get("context")
        value = _evaluate(row["expression"], context if isinstance(context, dict) else {})
    except ExpressionError as error:
        if wanted is True or (isinstance(wanted, str) and wanted in error.message):
            return Result(row_id, True, None, error, "")
        expectation = f"an error with '{wanted}'" if isinstance(wanted, str) else _wanted(row)
        return Result(row_id, False, None, error, f"expected {expectation}, failed: {error.message}")
    if wanted:
        return Result(row_id, False, value, None, f"expected an error, got {values.dumps(value)}")
    if "expected" not in row:
        return Result(row_id, False, value, None, "the row has neither 'expected' nor 'error'")
    if same(value, row["expected"]):
        return Result(row_id, True, value, None, "")
    return Result(row_id, False, value, None, f"expected {_wanted(row)}, got {values.dumps(value)}")


def _wanted(row: dict[str, Json]) -> str:
    return values.dumps(row.get("expected"))


def same(value: Json, expected: Json) -> bool:
    """Answer whether two values are the same JSON: numbers by value (as doubles), objects in any order of keys."""
    if values.is_number(value) and values.is_number(expected):
        return float(value) == float(expected) if isinstance(value, Decimal) else value == expected
    if isinstance(value, list) and isinstance(expected, list):
        return len(value) == len(expected) and all(map(same, value, expected))
    if isinstance(value, dict) and isinstance(expected, dict):
        return value.keys() == expected.keys() and all(same(value[key], expected[key]) for key in value)
    return type(value) is type(expected) and value == expected


def _report(result: Result, as_json: bool) -> None:
    if as_json:
        outcome: dict[str, Json] = {"value": result.value} if result.error is None else {"error": _drawn(result.error)}
        click.echo(values.dumps({"id": result.row_id, "ok": result.ok, **outcome}))
    else:
        click.echo(f"pass {result.row_id}" if result.ok else f"FAIL {result.row_id}: {result.reason}")
    if not result.ok:
        if as_json:
            click.echo(f"{result.row_id}: {result.reason}", err=True)
        if result.error is not None:
            _complain(result.error)


def _evaluate(expression: Json, context: dict[str, Json]) -> Json:
    return compile_template(expression).evaluate(ContextScope(context, clock=SystemClock().now))


def _drawn(error: ExpressionError) -> dict[str, Json]:
    return {"code": error.code, "message": error.message, "column": error.column}


def _complain(error: ExpressionError) -> None:
    place = "" if error.column is None else f"column {error.column}: "
    click.echo(f"{place}{error.message}", err=True)
    if error.caret():
        click.echo(error.caret(), err=True)


def _text(file: IO[str]) -> str:
    try:
        return file.read()
    except UnicodeDecodeError:
        raise click.BadParameter("the scope file is not UTF-8 text", param_hint="--scope") from None


def _parse(text: str, what: str) -> Json:
    try:
        parsed: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{what} is not JSON: {error}") from None
    return parsed


def _object(value: Json, what: str) -> dict[str, Json]:
    if isinstance(value, dict):
        return value
    raise click.BadParameter(f"{what} is not a JSON object")
