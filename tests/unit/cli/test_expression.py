"""`sallyport expression` prints values and errors, and its exit code says how it went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sallyport.cli import main


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["expression", *arguments], input=stdin)


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("@concat('a', 1)", "a1"),
        ("@3e1", "30.0"),
        ("@createArray(1, 2.0, null, 'x')", '[1,2.0,null,"x"]'),
        ("@null", "null"),
        ("@not(false)", "true"),
        ("plain @{add(1,1)}", "plain 2"),
    ],
)
def test_eval_prints_the_value(expression: str, printed: str) -> None:
    result = run("eval", expression)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{printed}\n", "")


def test_eval_prints_one_json_document_when_asked_to() -> None:
    assert json.loads(run("eval", "--json", "@add(1, 0.5)").stdout) == {"ok": True, "value": 1.5}
    failed = run("eval", "--json", "@length(1)")
    assert failed.exit_code == 1
    document = json.loads(failed.stdout)
    assert document["ok"] is False
    assert document["error"]["column"] == 1
    assert document["error"]["code"] == "InvalidTemplate"


def test_eval_sees_what_the_scope_file_gives(tmp_path: Path) -> None:
    scope = tmp_path / "scope.json"
    scope.write_text('{"trigger": {"outputs": {"body": {"n": 2}}}, "items": {"L": 3}}', "utf-8")
    assert run("eval", "@add(triggerBody().n, items('L'))", "--scope", str(scope)).stdout == "5\n"
    assert run("eval", "@triggerBody().n", "--scope", "-", stdin=scope.read_text("utf-8")).stdout == "2\n"


@pytest.mark.parametrize("expression", ["@concat('a', nope())", "@concat('a', foo)"])
def test_an_error_is_shown_on_standard_error_with_column_and_caret(expression: str) -> None:
    result = run("eval", expression)
    assert result.exit_code == 1
    assert result.stdout == ""
    first, line, caret = result.stderr.splitlines()
    assert first.startswith("column 13: ")
    assert (line, caret) == (expression, " " * 13 + "^")


@pytest.mark.parametrize(
    "arguments",
    [
        ["eval"],
        ["eval", "@1", "--scope", "absent.json"],
        ["table", "absent.jsonl"],
        ["nope"],
        ["eval", "@1", "--nope"],
    ],
)
def test_wrong_use_exits_with_two(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("content", ["not json", "[1]", "[" * 100_000, '{"a":'])
def test_a_scope_file_that_is_no_json_object_is_wrong_use(content: str) -> None:
    result = run("eval", "@1", "--scope", "-", stdin=content)
    assert result.exit_code == 2
    assert "scope file" in result.stderr


ROWS: list[dict[str, Any]] = [
    {"id": "good", "expression": "@add(1,1)", "expected": 2.0},
    {"id": "error", "expression": "@div(1,0)", "error": True},
    {"id": "words", "expression": "@div(1,0)", "error": "divide"},
    {"id": "object", "expression": '@json(\'{"a":1,"b":[null]}\')', "expected": {"b": [None], "a": 1}},
    {"id": "null", "expression": "@null", "expected": None, "error": False},
    {"id": "context", "expression": "@item()", "expected": 3, "context": {"item": 3}},
]


def lines(*rows: object) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def test_a_table_that_holds_exits_with_zero() -> None:
    result = run("table", "-", stdin=lines(*ROWS) + "\n")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [*(f"pass {row['id']}" for row in ROWS), "6 rows: 6 passed, 0 failed"]
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"expression": "@add(1,1)", "expected": 3}, "expected 3, got 2"),
        ({"expression": "@not(false)", "expected": 1}, "expected 1, got true"),
        ({"expression": "@not(false)", "expected": "True"}, 'expected "True", got true'),
        ({"expression": "@string(1)", "expected": 1}, 'expected 1, got "1"'),
        ({"expression": "@1", "error": True}, "expected an error, got 1"),
        ({"expression": "@div(1,0)", "expected": 1}, "expected 1, failed: "),
        ({"expression": "@div(1,0)", "error": "time zone"}, "expected an error with 'time zone', failed: "),
        ({"expression": "@1"}, "neither 'expected' nor 'error'"),
        ({"expression": "@json('{\"a\":1}')", "expected": {}}, 'expected {}, got {"a":1}'),
        ({"expression": "@createArray(1)", "expected": [1, 2]}, "expected [1,2], got [1]"),
    ],
)
def test_a_row_that_does_not_hold_fails_with_a_reason(row: dict[str, object], reason: str) -> None:
    result = run("table", "-", stdin=lines({"id": "r", **row}))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith("FAIL r: ")
    assert reason in result.stdout
    assert "1 rows: 0 passed, 1 failed" in result.stdout


def test_a_table_prints_json_lines_when_asked_to() -> None:
    result = run("table", "-", "--json", stdin=lines(*ROWS, {"id": "bad", "expression": "@1", "expected": 2}))
    printed = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert [line["id"] for line in printed] == [*(row["id"] for row in ROWS), "bad"]
    assert [line["ok"] for line in printed] == [True] * 6 + [False]
    assert printed[0]["value"] == 2
    assert "divide" in printed[1]["error"]["message"]
    assert "7 rows: 6 passed, 1 failed" in result.stderr


@pytest.mark.parametrize("content", ["nope\n", "[]\n", '{"id": "x"}\n'])
def test_a_table_with_a_line_that_is_no_row_is_wrong_use(content: str) -> None:
    result = run("table", "-", stdin=content)
    assert result.exit_code == 2
    assert "line 1" in result.stderr


def test_a_scope_file_that_is_no_text_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "scope").write_bytes(b"\x8e\xff")
    result = run("eval", "@1", "--scope", str(tmp_path / "scope"))
    assert result.exit_code == 2
    assert "not UTF-8 text" in result.stderr
