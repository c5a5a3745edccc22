"""The package's own source as syntax trees, read once for all house rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from workplace import ROOT, SOURCE

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file."""

    path: Path
    #: Dotted name without the package, e.g. `store.runs`; the package itself is "".
    name: str
    text: str
    tree: ast.Module
    #: What each name that an import binds stands for, e.g. `sleep` -> `asyncio.sleep`.
    imported: dict[str, str] = field(default_factory=dict)

    @property
    def part(self) -> str:
        """The folder or file directly below the package, e.g. `store` or `clock`."""
        return self.name.split(".", maxsplit=1)[0]

    def at(self, node: ast.AST | int, message: str) -> str:
        """A finding, as an editor can follow it."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        return f"{self.path.relative_to(ROOT)}:{line}: {message}"

    def walk(self) -> Iterator[ast.AST]:
        """Every node of the file."""
        return ast.walk(self.tree)

    def qualified(self, node: ast.AST) -> str:
        """The dotted name that an expression stands for, imports resolved; "" when it is no plain name."""
        if isinstance(node, ast.Name):
            return self.imported.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.qualified(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        return ""


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the package."""
    return tuple(parse(path, path.read_text("utf-8")) for path in sorted(SOURCE.rglob("*.py")))


def pieces(module: Module) -> Iterator[Definition]:
    """Every class and function of a module, at any depth."""
    for node in module.walk():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node


def imports(module: Module) -> Iterator[tuple[ast.stmt, str]]:
    """Every import of a module as (statement, dotted name); `from a import b` gives `a.b`."""
    for node in module.walk():
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node, f"{_origin(module, node)}.{alias.name}") for alias in node.names)


def parse(path: Path, text: str) -> Module:
    """Read one module from its text."""
    parts = list(path.relative_to(SOURCE).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    module = Module(path, ".".join(parts), text, ast.parse(text, str(path)))
    for node in module.walk():
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.split(".")[0]
                module.imported[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module.imported[alias.asname or alias.name] = f"{_origin(module, node)}.{alias.name}"
    return module


def _origin(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = ["sallyport", *([part for part in module.name.split(".") if part])]
    if module.path.name != "__init__.py":
        package.pop()
    package = package[: len(package) - (node.level - 1)]
    return ".".join([*package, node.module] if node.module else package)
