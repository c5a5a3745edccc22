"""What is written under docs/ is what the source says, and everything that a user can meet is there."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route, Router

import generate
from drawing import commands, deviations, errors, functions, http, operations
from drawing import settings as settings_page
from sallyport import app
from sallyport.actions import ACTIONS
from sallyport.actions import manifest as action_manifests
from sallyport.cli import validate
from sallyport.connectors import catalog
from sallyport.graph.descriptions import DESCRIPTIONS
from sallyport.graph.routes import DESCRIBED, GraphRoute
from sallyport.settings import Settings, load
from sallyport.triggers import TRIGGERS
from sallyport.triggers import manifest as trigger_manifests
from sallyport.wdl.functions import FUNCTIONS
from workplace import ROOT

DOCS = ROOT / "docs"
#: Every page that people read, generated or not.
PAGES = [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "examples").rglob("*.md"), *(ROOT / "bench").rglob("*.md")]
#: Those that people write.
WRITTEN = [page for page in PAGES if page.parent.name != "reference"]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(page: str) -> str:
    """Answer a page below docs/reference."""
    return (DOCS / "reference" / page).read_text("utf-8")


def sections(page: str, depth: str = "###") -> dict[str, str]:
    """Answer what stands below each heading of one depth."""
    parts = re.split(rf"^{depth} (.+)$", text_of(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("page", generate.PAGES)
def test_every_generated_page_is_current(page: str) -> None:
    assert (DOCS / page).read_text("utf-8") == generate.PAGES[page](), "run `make docs` and commit what changed"


def test_a_page_out_of_date_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(generate, "PAGES", {"deviations.md": lambda: "something else"})
    assert generate.main(["--check"]) == 1
    assert "docs/deviations.md is out of date" in capsys.readouterr().err


def test_a_deviation_is_gathered_from_comments_and_docstrings() -> None:
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
    found = [(each.what, each.why) for each in deviations.deviations_in(text, "x")]
    assert found == [
        ("weeks begin on Monday here", "calendars do. And a reason of two lines"),
        ("no leap seconds", "because nobody has them"),
        ("just so | so", ""),
    ]


def test_every_decision_has_its_line_in_the_index() -> None:
    index = (DOCS / "decisions" / "README.md").read_text("utf-8")
    pages = [path.name for path in (DOCS / "decisions").glob("0*.md")]
    assert [page for page in pages if f"]({page})" not in index] == []


def test_every_page_can_be_reached_from_the_index() -> None:
    reached = {DOCS / "README.md"}
    while new := {each for page in reached for each in linked(page) if each.suffix == ".md"} - reached:
        reached |= new
    assert sorted(page for page in DOCS.rglob("*.md") if page not in reached and page.name != "template.md") == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_of_a_page_leads_nowhere(page: Path) -> None:
    assert [target for target in linked(page) if not target.exists()] == []
    assert [each for each in anchors(page) if each.partition("#")[2] not in headings(page, each)] == []


def linked(page: Path) -> list[Path]:
    """Answer the files that a page links to."""
    targets = [each.partition("#")[0] for each in LINK.findall(page.read_text("utf-8"))]
    return [(page.parent / each).resolve() for each in targets if each and "://" not in each and "mailto:" not in each]


def anchors(page: Path) -> list[str]:
    """Answer the links of a page that name a heading in this project."""
    return [each for each in LINK.findall(page.read_text("utf-8")) if "#" in each and "://" not in each]


def headings(page: Path, link: str) -> set[str]:
    """Answer the names under which the headings of a linked page are found."""
    target = link.partition("#")[0]
    text = ((page.parent / target) if target else page).read_text("utf-8")
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    }


def test_every_setting_is_documented_above_its_field_and_on_the_page() -> None:
    page = text_of("settings.md")
    meanings = settings_page.field_comments((ROOT / "src" / "sallyport" / "settings.py").read_text("utf-8"), "Settings")
    names = [field.name for field in dataclasses.fields(Settings)]
    assert [name for name in names if not meanings.get(name, "").endswith(".")] == []
    assert [name for name in names if f"| `{name}` | `SALLYPORT_{name.upper()}` |" not in page] == []


def test_every_function_is_documented_with_its_aliases() -> None:
    found = sections("functions.md")
    assert {function.name for function in FUNCTIONS.values()} == set(found)
    for function in FUNCTIONS.values():
        assert f"`{functions.signature(function)}`" in found[function.name]
        assert [alias for alias in function.aliases if f"`{alias}`" not in found[function.name]] == []


def test_every_function_has_an_example_that_the_tests_prove() -> None:
    examples: list[dict[str, Any]] = json.loads(functions.EXAMPLES.read_text("utf-8"))
    assert [each.name for each in functions.functions() if functions.example(each, examples) is None] == []
    assert functions.EXAMPLES.parent == ROOT / "tests" / "cases" / "expressions"


def test_every_action_is_documented_with_its_inputs_and_settings() -> None:
    found = sections("actions.md")
    assert set(found) == set(ACTIONS)
    for name in ACTIONS:
        manifest = action_manifests.load(name)
        for member in (*manifest.inputs.get("properties", {}), *manifest.properties, *manifest.settings):
            assert re.search(rf"[`.]{re.escape(member)}[`.]", found[name]), f"{name}: {member}"
        assert [code for code in operations.failures(ACTIONS[name]) if f"`{code}`" not in found[name]] == []


def test_every_trigger_is_documented_with_its_inputs_and_settings() -> None:
    found = sections("triggers.md")
    assert set(found) == set(TRIGGERS)
    for name in TRIGGERS:
        manifest = trigger_manifests.load(name)
        for member in (*manifest.inputs.get("properties", {}), *manifest.properties, *manifest.settings):
            assert re.search(rf"[`.]{re.escape(member)}[`.]", found[name]), f"{name}: {member}"


def test_a_type_has_a_manifest_exactly_when_it_can_be_run() -> None:
    for part, table in (("actions", ACTIONS), ("triggers", TRIGGERS)):
        assert {path.stem for path in (ROOT / "src" / "sallyport" / part / "manifests").iterdir()} == set(table)


def test_every_setting_of_a_manifest_has_a_meaning() -> None:
    used = {each for name in ACTIONS for each in action_manifests.load(name).settings}
    used |= {each for name in TRIGGERS for each in trigger_manifests.load(name).settings}
    assert used == set(operations.SETTINGS)


def test_every_operation_of_every_connector_is_documented_with_its_parameters() -> None:
    parts = sections("connectors.md", "##")
    built_in = catalog.built_in()
    assert set(parts) == set(built_in)
    for api, connector in built_in.items():
        for operation in connector.swagger.operations:
            place = parts[api].partition(f"`{operation.id}`: `{operation.method} {operation.path}`")[2]
            own = place.partition("\n### ")[0]
            assert operation.description, f"{api}: {operation.id} says nothing of itself"
            assert operation.description in own
            assert [each.name for each in operation.parameters if f"| `{each.name}` | {each.place} |" not in own] == []


def test_every_route_of_the_composed_server_is_documented(tmp_path: Path) -> None:
    house = app.build(load({"SALLYPORT_DATA": str(tmp_path), "SALLYPORT_SMTP_HOST": "mail.example"}))
    try:
        router = innermost(house.app)
        documented = {
            (method, http.short(path))
            for methods, path in re.findall(r"^\| ([A-Z, ]+) \| `([^`]+)` \|", text_of("http.md"), flags=re.MULTILINE)
            for method in methods.split(", ")
        }
        plain = [route for route in router.routes if not isinstance(route, GraphRoute)]
        assert [route for route in plain if not isinstance(route, Route)] == [], "a kind of route that nobody documents"
        served = {
            (each.method, http.short(each.path)) for each in [*http.operations(plain), *http.graph(), *http.threat()]
        }
        assert served == documented
    finally:
        house.database.close()


def test_every_route_of_the_graph_surface_is_described_for_openapi() -> None:
    lacking = [f"{each.method} {each.path}" for each in DESCRIBED if each.handler not in DESCRIPTIONS]
    assert lacking == [], "say in graph/descriptions.py what these read and answer"


def innermost(application: Any) -> Router:
    """Answer the router inside all that is wrapped around it."""
    while not isinstance(application, Router):
        application = vars(application)["app" if "app" in vars(application) else "_app"]
    return application


def test_every_command_is_documented_with_its_options() -> None:
    page = text_of("cli.md")
    for path, command in commands.commands():
        heading = f"\n{'###' if ' ' in path else '##'} {path}\n"
        assert heading in page
        own = re.split(r"^#", page.partition(heading)[2], maxsplit=1, flags=re.MULTILINE)[0]
        options = [option for each in command.params for option in each.opts if option.startswith("--")]
        assert [option for option in options if option not in own] == [], path
        assert command.help, f"sallyport {path} says nothing of itself"


#: A call of the program inside another command.
SUBSTITUTED = re.compile(r"\$\(sallyport ([^)]*)\)")
#: What ends one command of a shell and begins another, and what is no command: a file that is read or written.
OPERATORS = ";&|()<>\n"


def shell_calls(text: str) -> list[list[str]]:
    """Answer the words of each call of the program that the shell blocks of a page make."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    scripts = [block.replace("\\\n", " ") for kind, block in blocks if not kind and not block.startswith(("{", "["))]
    return [call for script in scripts for call in calls_of(script)]


def calls_of(script: str) -> list[list[str]]:
    commands_of: list[list[str]] = [[]]
    words = shlex.shlex(script, posix=True, punctuation_chars=OPERATORS)
    words.whitespace, words.whitespace_split = " \t", True
    for word in words:
        if set(word) <= set(OPERATORS):
            commands_of.append([])
        else:
            commands_of[-1].append(word)
    plain = [each[1:] for each in commands_of if each[:1] == ["sallyport"]]
    return plain + [shlex.split(each) for each in SUBSTITUTED.findall(script)]


def test_calls_of_the_program_are_found_in_a_shell_script() -> None:
    script = """git clone X sallyport && cd sallyport
sallyport alert send < alerts.ndjson
sallyport run a --body '{"x":
 1}' | head
curl -H "Authorization: Bearer $(sallyport token --json)" x
"""
    body = ["run", "a", "--body", '{"x":\n 1}']
    assert calls_of(script) == [["alert", "send"], body, ["token", "--json"]]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_exists_with_its_options(page: Path) -> None:
    known = dict(commands.commands())
    for words in shell_calls(page.read_text("utf-8")):
        paths = [" ".join(words[:length]) for length in (3, 2, 1)]
        path = next((each for each in paths if each in known), paths[-1])
        assert path in known, f"sallyport {' '.join(words)}"
        options = {option for each in known[path].params for option in each.opts}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= options | {"--help"}, f"sallyport {' '.join(words)}"


def test_every_playbook_that_a_page_shows_is_valid(tmp_path: Path) -> None:
    shown = [
        block
        for page in PAGES
        for kind, block in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        if kind == "json"
    ]
    playbooks = [block for block in shown if '"definition"' in block]
    assert playbooks
    for block in shown:
        json.loads(block)
    for playbook in playbooks:
        file = tmp_path / "workflow.json"
        file.write_text(playbook, "utf-8")
        assert validate.validate(file, {}).findings == ()


def test_every_code_of_an_error_is_documented() -> None:
    page = text_of("errors.md")
    assert {each.code for each in errors.classes()} == set(re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE))
