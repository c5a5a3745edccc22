"""docs/reference/errors.md: every error that a caller can see, from the classes that are raised."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import sallyport
from drawing import markdown
from sallyport.errors import SallyportError

#: Not imported: it runs the command line.
_LEFT_OUT = frozenset({"sallyport.__main__"})


def page() -> str:
    """Draw the page."""
    rows = sorted({(each.code, _status(each), _when(each), _module(each)) for each in classes()})
    return markdown.page(
        "Errors",
        "The codes that callers and the command line see, each with its HTTP status. A surface draws them in its own\n"
        "standard's shape; the message says what was wrong in this case. Messages of people's own definitions "
        "come from\n"
        "`wdl` and `arm`.",
        markdown.table(
            ("code", "status", "when", "module"),
            ((f"`{code}`", status, when, where) for code, status, when, where in rows),
        ),
    )


def classes() -> list[type[SallyportError]]:
    """Answer every class of errors in the package."""
    for module in pkgutil.walk_packages(sallyport.__path__, "sallyport."):
        if module.name not in _LEFT_OUT and ".migrations." not in module.name:
            importlib.import_module(module.name)
    return list(dict.fromkeys(_below(SallyportError)))


def _below(parent: type[SallyportError]) -> Iterator[type[SallyportError]]:
    yield parent
    for child in parent.__subclasses__():
        if child.__module__.startswith("sallyport."):
            yield from _below(child)


def _status(each: type[SallyportError]) -> str:
    return str(each.status)


def _when(each: type[SallyportError]) -> str:
    text = markdown.cell(inspect.cleandoc(each.__doc__ or "").split("\n\n", maxsplit=1)[0]).replace("\\|", "|")
    return re.sub(r"^Raised when ", "", text).rstrip(".")


def _module(each: type[SallyportError]) -> str:
    return f"`{each.__module__.removeprefix('sallyport.')}`"
