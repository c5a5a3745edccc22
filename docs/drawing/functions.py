"""docs/reference/functions.md: every function of the expression language, with an example that the tests prove."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drawing import markdown
from sallyport.wdl.functions import FUNCTIONS
from sallyport.wdl.functions.registry import Function

EXAMPLES = Path(__file__).parents[2] / "tests" / "cases" / "expressions" / "examples.json"
#: Chapters in the order of the table, by the module that holds them.
CHAPTERS: Mapping[str, str] = {
    "string": "String",
    "number_format": "String",
    "collection": "Collection",
    "logical": "Logical comparison",
    "conversion": "Conversion",
    "math": "Math",
    "date_time": "Date and time",
    "workflow": "Workflow",
    "form_data": "Workflow",
    "uri": "URI parsing",
    "json": "JSON manipulation",
    "xml": "XML",
}


def page() -> str:
    """Draw the page."""
    examples = json.loads(EXAMPLES.read_text("utf-8"))
    chapters: dict[str, list[str]] = {chapter: [] for chapter in CHAPTERS.values()}
    for function in functions():
        chapters[_chapter(function)].append(_entry(function, examples))
    return markdown.page(
        "Functions of the expression language",
        f"All {len(functions())} functions, in the chapters of\n"
        "[Microsoft's reference](https://learn.microsoft.com/azure/logic-apps/expression-functions-reference). "
        "Names are\n"
        "matched whatever their letter case. `?` marks a parameter that may be left out, `...` one that may be "
        "repeated.\n"
        "The examples are part of the tests. What differs from Azure on purpose is in "
        "[deviations](../deviations.md).\n\n"
        "Try one: `sallyport expression eval \"@toUpper('hello')\"`.",
        *(f"## {chapter}\n\n" + "\n\n".join(entries) for chapter, entries in chapters.items()),
    )


def functions() -> list[Function]:
    """Answer every function once, in the order of the table."""
    return list({function.name: function for function in FUNCTIONS.values()}.values())


def example(function: Function, examples: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Answer the row that shows a function: the first that begins with it, otherwise the first that calls it."""
    calls = re.compile(rf"\b{re.escape(function.name)}\(", re.IGNORECASE)
    begins = [row for row in examples if calls.match(row["expression"], 1)]
    return next(iter(begins or [row for row in examples if calls.search(row["expression"])]), None)


def signature(function: Function) -> str:
    """Answer how a function is called, from its Python signature."""
    given = list(inspect.signature(function.call).parameters.values())
    shown = []
    for parameter in given[1:] if function.needs_scope else given:
        name = re.sub(r"_(\w)", lambda match: match[1].upper(), parameter.name.strip("_"))
        if parameter.kind is parameter.VAR_POSITIONAL:
            shown.append(f"{name}...")
        else:
            shown.append(name if parameter.default is parameter.empty else f"{name}?")
    return f"{function.name}({', '.join(shown)})"


def _chapter(function: Function) -> str:
    return CHAPTERS[function.call.__module__.rpartition(".")[2]]


def _entry(function: Function, examples: list[dict[str, Any]]) -> str:
    lines = [f"### {function.name}", "", f"`{signature(function)}`", "", markdown.sentence(function.call)]
    if function.aliases:
        lines[-1] += f" Also called {markdown.codes(function.aliases)}."
    row = example(function, examples)
    if row is not None:
        context = row.get("context")
        where = f", where {markdown.code(_json(context))}" if context else ""
        lines += ["", f"{markdown.code(row['expression'])} is {markdown.code(_json(row['expected']))}{where}."]
    return "\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
