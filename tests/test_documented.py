"""What is written under docs/ is what the source says."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from types import ModuleType

import pytest

from sallyport.settings import Settings
from workplace import ROOT


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_generated_page_is_current(generate: ModuleType) -> None:
    assert generate.out_of_date() == [], "run `make docs` and commit what changed"


def test_a_deviation_is_gathered_from_comments_and_docstrings(generate: ModuleType) -> None:
    text = '''"""A module.

Deviation: weeks begin on Monday
here; calendars do.
And a reason of two lines.

Not part of it.
"""
# Deviation: no leap seconds, because nobody has them.
# Deviation: just so | so.
X = "Deviation: not prose"
'''
    found = [(each.what, each.why) for each in generate.deviations_in(text, "x")]
    assert found == [
        ("weeks begin on Monday here", "calendars do. And a reason of two lines"),
        ("no leap seconds", "because nobody has them"),
        ("just so | so", ""),
    ]


def test_every_decision_has_its_line_in_the_index() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text("utf-8")
    pages = [path.name for path in (ROOT / "docs" / "decisions").glob("0*.md")]
    assert [page for page in pages if f"]({page})" not in index] == []


def test_every_setting_is_documented_above_its_field_and_on_the_page(generate: ModuleType) -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    meanings = generate.field_comments((ROOT / "src" / "sallyport" / "settings.py").read_text("utf-8"), "Settings")
    names = [field.name for field in dataclasses.fields(Settings)]
    assert [name for name in names if not meanings.get(name, "").endswith(".")] == []
    assert [name for name in names if f"| `{name}` | `SALLYPORT_{name.upper()}` |" not in page] == []
