"""Markdown, as every generated page writes it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any


def page(title: str, about: str, *parts: str) -> str:
    """Answer a page: its title, what it is about, and its parts, with blank lines between them."""
    return "\n\n".join([f"# {title}", about.strip(), *(part.strip("\n") for part in parts if part.strip())]) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Answer a table; an empty string when it has no rows."""
    drawn = [f"| {' | '.join(cell(each) for each in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *drawn]) if drawn else ""


def cell(text: str) -> str:
    """Answer text as it may stand in a table."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def code(text: str) -> str:
    """Answer text as code, whatever it holds; an empty string as it is."""
    if not text:
        return ""
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def codes(texts: Iterable[str]) -> str:
    """Answer several texts as code, separated by commas."""
    return ", ".join(code(text) for text in texts)


def sentence(of: Any) -> str:
    """Answer the first sentence of what something's docstring says: up to the first blank line.

    Raises ValueError when it has none, because then it is not documented.
    """
    text = inspect.cleandoc(getattr(of, "__doc__", None) or "")
    if not text:
        raise ValueError(f"{of!r} has no docstring.")
    return cell(text.split("\n\n", maxsplit=1)[0]).replace("\\|", "|")


def anchor(heading: str) -> str:
    """Answer the address of a heading within its page, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
