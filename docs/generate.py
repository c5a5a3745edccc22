"""Writes the pages under docs/ that are drawn from the source, as `make docs` does.

Each page is one function in `PAGES`, from nothing to text, so that it says the same on every machine; a test proves
that what is committed is current. `--check` writes nothing and exits 1 when a page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from drawing import commands, connectors, deviations, errors, functions, http, metrics, operations, settings

DOCS = Path(__file__).parent

#: Every generated page, below docs/.
PAGES: Mapping[str, Callable[[], str]] = {
    "deviations.md": deviations.page,
    "reference/actions.md": operations.actions,
    "reference/cli.md": commands.page,
    "reference/connectors.md": connectors.page,
    "reference/errors.md": errors.page,
    "reference/functions.md": functions.page,
    "reference/http.md": http.page,
    "reference/metrics.md": metrics.page,
    "reference/settings.md": settings.page,
    "reference/triggers.md": operations.triggers,
}


def out_of_date() -> list[str]:
    """Answer the pages whose committed text is not what the source says now."""

    def current(page: str) -> bool:
        return (DOCS / page).exists() and (DOCS / page).read_text("utf-8") == PAGES[page]()

    return [page for page in PAGES if not current(page)]


def main(arguments: list[str]) -> int:
    """Write every page that is out of date, or with `--check` only name it."""
    stale = out_of_date()
    for page in stale:
        if "--check" in arguments:
            print(f"docs/{page} is out of date: run `make docs`", file=sys.stderr)
        else:
            (DOCS / page).parent.mkdir(parents=True, exist_ok=True)
            (DOCS / page).write_text(PAGES[page](), "utf-8")
            print(f"wrote docs/{page}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
