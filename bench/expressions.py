"""How much slower a compiled expression is than the same thing written by hand in Python.

Both run in one process, in alternating rounds; the ratio is the median over the rounds, so that a noisy moment on a
shared machine does not decide.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from sallyport.wdl.scope import ContextScope
from sallyport.wdl.template import compile_template
from sallyport.wdl.values import Json

EXPRESSION = "@concat('Alert ', toUpper(triggerBody()?['title']), ' sev ', string(add(1,2)))"
TRIGGER: dict[str, Any] = {
    "name": "manual",
    "outputs": {"headers": {}, "body": {"id": "a-1", "title": "Suspicious sign-in from an unfamiliar place"}},
}
#: Further shapes, for the table only.
OTHERS = {
    "interpolation": "Alert @{triggerBody()?['title']} of @{triggerBody()?['id']}",
    "condition": "@if(equals(triggerBody()?['id'], 'a-1'), 'yes', 'no')",
    "nested path": "@trigger()?['outputs']?['body']?['title']",
    "arithmetic": "@add(mul(length(triggerBody()?['title']), 2), 1)",
}


def by_hand(trigger: dict[str, Any]) -> str:
    """Write the measured expression as a Python programmer would."""
    body = trigger["outputs"]["body"]
    title: Any = body.get("title") if body is not None else None
    text: str = "Alert " + title.upper() + " sev " + str(1 + 2)
    return text


def seconds_per_call(call: Callable[[Any], Any], argument: object, number: int) -> float:
    """Time a number of calls."""
    rounds = range(number)
    start = perf_counter()
    for _ in rounds:
        call(argument)
    return (perf_counter() - start) / number


def measure(number: int, rounds: int) -> dict[str, float]:
    """Alternate both and answer the medians, in nanoseconds, and the median of the ratios."""
    template = compile_template(EXPRESSION)
    scope = ContextScope({"trigger": TRIGGER})
    if template.evaluate(scope) != by_hand(TRIGGER):
        sys.exit("the expression and the hand-written Python disagree")
    pairs = [
        (
            seconds_per_call(template.evaluate, scope, number),
            seconds_per_call(by_hand, TRIGGER, number),
        )
        for _ in range(rounds)
    ]
    return {
        "expression_ns": statistics.median(ours for ours, _ in pairs) * 1e9,
        "python_ns": statistics.median(hand for _, hand in pairs) * 1e9,
        "ratio_to_python": statistics.median(ours / hand for ours, hand in pairs),
    }


def measure_others(number: int) -> dict[str, float]:
    """Answer nanoseconds per evaluation of the further shapes, and of compiling the measured expression."""
    scope = ContextScope({"trigger": TRIGGER})
    found = {
        f"{name}_ns": seconds_per_call(compile_template(text).evaluate, scope, number) * 1e9
        for name, text in OTHERS.items()
    }
    found["compile_ns"] = seconds_per_call(_compile, EXPRESSION, max(100, number // 50)) * 1e9
    return found


def _compile(text: Json) -> object:
    return compile_template(text)


def main() -> None:
    """Measure, print one table, and write JSON when asked to."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    options.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    chosen = options.parse_args()
    number, rounds = (20_000, 7) if chosen.quick else (100_000, 15)
    figures = {**measure(number, rounds), **measure_others(number)}
    for name, value in figures.items():
        print(f"{name:20} {value:12.2f}" if name == "ratio_to_python" else f"{name:20} {value:12.0f}")
    if chosen.json:
        document = {"python": platform.python_version(), "rounds": rounds, "calls_per_round": number, **figures}
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
