"""Writes the pages under docs/ that are drawn from the source, as `make docs` does.

Each page is one function in `PAGES`, from nothing to text, so that it says the same on every machine; a test proves
that what is committed is current. `--check` writes nothing and exits 1 when a page is out of date.
"""

from __future__ import annotations

import ast
import dataclasses
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport.settings import PREFIX, Settings

DOCS = Path(__file__).parent
SOURCE = DOCS.parent / "src" / "sallyport"
_MARK = "Deviation:"


@dataclass(frozen=True)
class Deviation:
    """One place where sallyport knowingly differs from Azure."""

    module: str
    what: str
    why: str


def deviations() -> str:
    """Draw the page of everything that starts with `Deviation:` in the source."""
    found = [
        deviation
        for path in sorted(SOURCE.rglob("*.py"))
        for deviation in deviations_in(path.read_text("utf-8"), _name(path))
    ]
    rows = [f"| `{each.module}` | {_cell(each.what)} | {_cell(each.why) or '-'} |" for each in found]
    return "\n".join(
        [
            "# Where sallyport differs from Azure",
            "",
            "On purpose, that is. Gathered from the source by `make docs`.",
            "Everything else that differs is a bug, and we want to hear of it.",
            "",
            "| module | what | why |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def deviations_in(text: str, module: str) -> Iterator[Deviation]:
    """Give the deviations that one module's comments and docstrings name, in their order."""
    for paragraph in _paragraphs(text):
        if paragraph.startswith(_MARK):
            yield _deviation(paragraph.removeprefix(_MARK).strip(), module)


def settings() -> str:
    """Draw the page of every setting, from the comments above the fields of the record."""
    meanings = field_comments((SOURCE / "settings.py").read_text("utf-8"), "Settings")
    rows = [
        f"| `{each.name}` | `{PREFIX}{each.name.upper()}` | {_default(each)} | {_cell(meanings[each.name])} |"
        for each in dataclasses.fields(Settings)
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Each setting is an environment variable, or a key of the TOML file that `SALLYPORT_SETTINGS` names; there",
            "`smtp_host` may also be written as `host` below `[smtp]`. An option of the command line wins over the",
            "environment, that over the file, that over the default. A wrong value stops the start and says what is",
            "allowed.",
            "",
            "| key | variable | default | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def field_comments(text: str, record: str) -> Mapping[str, str]:
    """Answer the `#:` comment above each field of a record."""
    lines = text.splitlines()
    (body,) = [node.body for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == record]
    found: dict[str, str] = {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            above: list[str] = []
            for line in reversed(lines[: node.lineno - 1]):
                if not line.strip().startswith("#:"):
                    break
                above.insert(0, line.strip()[2:].strip())
            found[node.target.id] = " ".join(above)
    return found


def _default(field: dataclasses.Field[object]) -> str:
    if field.metadata.get("derived") or field.default in (None, ()) or field.default is dataclasses.MISSING:
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


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


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


#: Every generated page, below docs/.
PAGES: Mapping[str, Callable[[], str]] = {
    "deviations.md": deviations,
    "reference/settings.md": settings,
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
