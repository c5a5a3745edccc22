"""Table: an array as a CSV text or an HTML table.

The rule: cells are data. A cell that a spreadsheet would take for a formula is written as it is, because programs read
CSV too; HTML is escaped, so that no cell can become markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sallyport.actions import inputs as read
from sallyport.actions.join import within
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded
from sallyport.wdl import template, values

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_QUOTED = frozenset(',"\r\n')


@action("Table", deferred=("columns",), derives=True)
async def table(inputs: Any, ctx: ActionContext) -> Outcome:
    """Answer the table as text, as `body`; its columns are those given, else the properties of the items."""
    items = read.items(inputs, "from")
    written = read.text(inputs, "format").casefold()
    if written not in ("csv", "html"):
        raise read.InvalidInputs(f"The format of a table is 'CSV' or 'HTML'; it is '{read.text(inputs, 'format')}'.")
    headers, rows = await _given(ctx, items) if read.member(ctx.action.raw, "inputs/columns") else _own(items)
    texts = [[values.to_text(cell) for cell in row] for row in rows]
    within(ctx, sum(len(cell) + 9 for row in texts for cell in row))
    body = _csv([headers, *texts]) if written == "csv" else _html(headers, texts)
    within(ctx, len(body))
    return Succeeded({"body": body})


async def _given(ctx: ActionContext, items: list[Any]) -> tuple[list[str], list[list[Any]]]:
    """Answer headers and rows by the author's columns, whose values are evaluated for each item."""
    listed = read.items(ctx.action.raw, "inputs/columns")
    stated = template.compile_template([read.member(column, "header") for column in listed])
    headers = [values.to_text(header) for header in ctx.evaluate(stated)]
    evaluated = await ctx.evaluate_each(ctx.template("inputs/columns"), items)
    return headers, [[read.member(column, "value") for column in row] for row in evaluated]


def _own(items: list[Any]) -> tuple[list[str], list[list[Any]]]:
    """Answer headers and rows by the items' own properties, in the order in which they first occur."""
    names: dict[str, None] = {}
    for item in items:
        if not isinstance(item, dict):
            raise read.InvalidInputs(
                f"A table of values of type '{values.type_name(item)}' needs 'columns': only objects have their own."
            )
        names.update(dict.fromkeys(item))
    return list(names), [[item.get(name) for name in names] for item in items]


def _csv(rows: Iterable[Sequence[str]]) -> str:
    return "".join(",".join(map(_quoted, row)) + "\r\n" for row in rows if row)


def _quoted(cell: str) -> str:
    """Answer a cell as RFC 4180 has it: in quotes when it holds a comma, a quote or a line break."""
    return cell if _QUOTED.isdisjoint(cell) else '"' + cell.replace('"', '""') + '"'


def _html(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{header.translate(_ESCAPES)}</th>" for header in headers)
    body = "".join("<tr>" + "".join(f"<td>{cell.translate(_ESCAPES)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
