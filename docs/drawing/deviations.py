"""docs/deviations.md: everything that starts with `Deviation:` in the source."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sallyport
from drawing import markdown

SOURCE = Path(sallyport.__file__).parent
_MARK = "Deviation:"


@dataclass(frozen=True)
class Deviation:
    """One place where sallyport knowingly differs from Azure."""

    module: str
    what: str
    why: str


def page() -> str:
    """Draw the page."""
    found = [
        deviation
        for path in sorted(SOURCE.rglob("*.py"))
        for deviation in deviations_in(path.read_text("utf-8"), _name(path))
    ]
    return markdown.page(
        "Where sallyport differs from Azure",
        "On purpose, that is. Gathered from the source by `make docs`.\n"
        "Everything else that differs is a bug, and we want to hear of it.",
        markdown.table(
            ("module", "what", "why"), ((markdown.code(each.module), each.what, each.why or "-") for each in found)
        ),
    )


def deviations_in(text: str, module: str) -> Iterator[Deviation]:
    """Give the deviations that one module's comments and docstrings name, in their order."""
    for paragraph in _paragraphs(text):
        if paragraph.startswith(_MARK):
            yield _deviation(paragraph.removeprefix(_MARK).strip(), module)


def _deviation(sentence: str, module: str) -> Deviation:
    what, _, why = re.sub(r"\s+", " ", sentence).partition("; ")
    if not why:
        what, because, why = what.partition(", because ")
        why = f"because {why}" if because else ""
    return Deviation(module, what.strip().rstrip("."), why.strip().rstrip("."))


def _paragraphs(text: str) -> Iterator[str]:
    """Give each paragraph of each comment block and docstring; a line with the mark begins a new one."""
    block: list[str] = []
    for line in _prose(text):
        if (not line or line.startswith(_MARK)) and block:
            yield " ".join(block)
            block = []
        if line:
            block.append(line)
    if block:
        yield " ".join(block)


def _prose(text: str) -> Iterator[str]:
    previous_line = -1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != previous_line + 1:
                yield ""
            previous_line = token.start[0]
            yield token.string.lstrip("#:").strip()
        elif token.type == tokenize.STRING and token.string.endswith('"""'):
            yield ""
            yield from (line.strip() for line in token.string.partition('"""')[2][:-3].splitlines())
            yield ""


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "sallyport"
