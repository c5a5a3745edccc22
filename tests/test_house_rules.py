"""The house rules, proved from the syntax tree. Each test is one rule; its message names file and line."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable

import pytest

import source
from source import Module
from workplace import SOURCE

#: Layers from the ground up. A part may import its own layer (surfaces: only itself) and everything below.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "errors",
            "statuses",
            "clock",
            "settings",
            "settings_values",
            "http_messages",
            "client_credentials",
            "principal",
            "connector_call",
            "recorder",
            "rounds",
        }
    ),
    frozenset({"odata", "wdl", "arm"}),
    frozenset({"security"}),
    frozenset({"store"}),
    frozenset({"engine"}),
    frozenset({"actions", "triggers", "connectors"}),
    frozenset({"web"}),
    frozenset({"graph", "management", "auth"}),
    frozenset({"cli", "app", "__main__", ""}),
)
SURFACES = LAYERS[7]
#: What a part may not know although it lies below it.
STRANGERS = {
    "connectors": {"engine", "store", "actions", "triggers"},
    "odata": {"wdl", "arm"},
    "security": {"wdl", "arm"},
}

#: Parts and modules without I/O, await or clock.
PURE = (
    *("odata", "wdl", "arm", "security", "statuses"),
    *("triggers.schedule", "triggers.recurrence_rule", "engine.plan"),
)
IO_MODULES = frozenset(
    [
        "aiosmtplib",
        "asyncio",
        "ftplib",
        "glob",
        "http",
        "httpx",
        "httptools",
        "imaplib",
        "multiprocessing",
        "os",
        "pathlib",
        "requests",
        "select",
        "selectors",
        "shutil",
        "smtplib",
        "socket",
        "socketserver",
        "sqlalchemy",
        "sqlite3",
        "ssl",
        "starlette",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
        "uvicorn",
    ]
)

FORBIDDEN_WORDS = frozenset(["manager", "service", "helper", "util", "common", "base", "core", "factory", "provider"])
#: Microsoft's and the standards' own names, in which such a word may stand.
OWNED_NAMES = re.compile(
    r"service_principal|service_provider|service_source|(sub_)?provider(_alert_id|_incident_id)?$|^providers$|base_url"
)

TIME = frozenset(
    [
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "time.time",
        "time.time_ns",
        "time.sleep",
        "asyncio.sleep",
    ]
)
#: The query language builds SQL expressions from trees; it never meets a database.
SQL_EXPRESSIONS = re.compile(r"^sqlalchemy(\.(dialects|sql)\.\w+)?(\.\w+)*$")
SQL_EXECUTION = re.compile(r"^sqlalchemy\.(engine|orm|ext|pool|event|create_engine|create_mock_engine|text)\b")
#: A transaction may be handed on to the store; what is done with it stands there.
TRANSACTION = frozenset({"sqlalchemy.Connection", "sqlalchemy.engine.Connection"})
SQL_MODULES = frozenset({"sqlalchemy", "sqlite3", "psycopg", "alembic"})

#: Who may open a way to the outside, and why.
OUTBOUND = {
    "web.egress": "the guard itself",
    "web.pools": "where the guard keeps its connections",
    "web.network": "where the guard dials the addresses that it has judged",
    "web.connect_proxy": "it dials this server's own https port and nothing else",
    "web.smtp": "the guard's counterpart for mail: the host is the administrator's setting",
    "cli": "a command is the user's own client of a server that the user named",
}
OUTBOUND_CALLS = re.compile(
    r"^(httpx\.(AsyncClient|Client|AsyncHTTPTransport|HTTPTransport|get|post|put|patch|delete|head|options|request|stream)"
    r"|httpcore\.\w*(Pool|Proxy|Backend|request|stream)|aiosmtplib\.(SMTP|send)|smtplib\.\w+|urllib\.request\.\w+|requests\.\w+|aiohttp\.\w+|http\.client\.\w+"
    r"|socket\.(socket|create_connection)|asyncio\.open_connection)$"
)


def _fail(findings: Iterable[str]) -> None:
    found = sorted(set(findings))
    if found:
        pytest.fail("\n".join([f"{len(found)} finding(s)", *found]), pytrace=False)


def _layer(part: str) -> int:
    return next((height for height, parts in enumerate(LAYERS) if part in parts), -1)


def _is_pure(module: Module) -> bool:
    return any(module.name == pure or module.name.startswith(f"{pure}.") for pure in PURE)


def _words(name: str) -> list[str]:
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().strip("_")
    return [word for word in OWNED_NAMES.sub("", snake).split("_") if word]


def _may_import(part: str, other: str) -> bool:
    if part == other:
        return True
    if other in STRANGERS.get(part, ()) or (part in SURFACES and other in SURFACES):
        return False
    return _layer(other) <= _layer(part)


def test_every_part_of_the_package_belongs_to_a_layer() -> None:
    _fail(module.at(1, f"'{module.part}' is in no layer") for module in source.modules() if _layer(module.part) < 0)


def test_imports_go_downward_only() -> None:
    _fail(
        module.at(node, f"{module.part} may not import {name}")
        for module in source.modules()
        for node, name in source.imports(module)
        if name.startswith("sallyport.")
        and _layer(other := name.split(".")[1]) >= 0
        and not _may_import(module.part, other)
    )


def test_files_stay_below_four_hundred_lines() -> None:
    _fail(
        module.at(count, f"{count} lines")
        for module in source.modules()
        if (count := len(module.text.splitlines())) > 400
    )


def test_functions_stay_below_fifty_lines() -> None:
    _fail(
        module.at(piece, f"'{piece.name}' has {length} lines")
        for module in source.modules()
        for piece in source.pieces(module)
        if isinstance(piece, source.FunctionNode) and (length := (piece.end_lineno or 0) - piece.lineno + 1) > 50
    )


def test_folders_go_two_levels_below_the_package() -> None:
    _fail(
        module.at(1, "too deep")
        for module in source.modules()
        # Alembic's own layout is one deeper.
        if len(module.path.relative_to(SOURCE).parts) > 3 and not module.name.startswith("store.migrations.")
    )


def test_names_say_what_a_thing_is() -> None:
    def named(module: Module) -> Iterable[tuple[int, str]]:
        yield 1, module.name.rpartition(".")[2]
        yield from ((piece.lineno, piece.name) for piece in source.pieces(module))

    _fail(
        module.at(line, f"'{name}' contains the word '{word}'")
        for module in source.modules()
        for line, name in named(module)
        for word in _words(name)
        if word in FORBIDDEN_WORDS or word.removesuffix("s") in FORBIDDEN_WORDS
    )


def test_only_the_clock_knows_the_time() -> None:
    _fail(
        module.at(node, f"{module.qualified(node)} belongs in clock.py")
        for module in source.modules()
        if module.name != "clock"
        for node in module.walk()
        if isinstance(node, ast.Attribute | ast.Name) and module.qualified(node) in TIME
    )


def _builds_sql(module: Module, name: str) -> bool:
    return module.part == "odata" and bool(SQL_EXPRESSIONS.match(name)) and not SQL_EXECUTION.match(name)


def test_sql_stands_only_in_the_store() -> None:
    beside = [module for module in source.modules() if module.part != "store"]
    loaded = (
        module.at(node, f"{name} outside store/")
        for module in beside
        for node, name in source.imports(module)
        if name.split(".")[0] in SQL_MODULES and name not in TRANSACTION and not _builds_sql(module, name)
    )
    executed = (
        module.at(node, f"{module.qualified(node.func)}() outside store/")
        for module in beside
        for node in module.walk()
        if isinstance(node, ast.Call)
        and re.search(r"(^|\.)_?connection\.(execute|scalar|scalars|exec_driver_sql)$", module.qualified(node.func))
    )
    _fail([*loaded, *executed])


def test_nothing_is_evaluated_and_nothing_is_unpickled() -> None:
    calls = (
        module.at(node, f"{module.qualified(node.func)}()")
        for module in source.modules()
        for node in module.walk()
        if isinstance(node, ast.Call)
        and module.qualified(node.func).removeprefix("builtins.") in {"eval", "exec", "__import__"}
    )
    loaded = (
        module.at(node, f"import of {name}")
        for module in source.modules()
        for node, name in source.imports(module)
        if name.split(".")[0] in {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
    )
    _fail([*calls, *loaded])


def test_pure_parts_do_no_input_or_output() -> None:
    def banned(module: Module, name: str) -> bool:
        return not _builds_sql(module, name) and any(name == io or name.startswith(f"{io}.") for io in IO_MODULES)

    pure = [module for module in source.modules() if _is_pure(module)]
    loaded = (
        module.at(node, f"import of {name} in a pure part")
        for module in pure
        for node, name in source.imports(module)
        if banned(module, name)
    )
    called = (
        module.at(node, f"{module.qualified(node.func)}() in a pure part")
        for module in pure
        for node in module.walk()
        if isinstance(node, ast.Call) and module.qualified(node.func) in {"open", "print", "input", "breakpoint"}
    )
    awaited = (
        module.at(node, "await in a pure part")
        for module in pure
        for node in module.walk()
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    )
    _fail([*loaded, *called, *awaited])


def test_every_outbound_request_goes_through_the_guard() -> None:
    _fail(
        module.at(node, f"{module.qualified(node.func)} is called past the egress guard")
        for module in source.modules()
        if module.name not in OUTBOUND and module.part not in OUTBOUND
        for node in module.walk()
        if isinstance(node, ast.Call) and OUTBOUND_CALLS.match(module.qualified(node.func))
    )


def test_every_module_says_what_it_is_and_defers_its_annotations() -> None:
    def findings(module: Module) -> Iterable[str]:
        if not ast.get_docstring(module.tree):
            yield module.at(1, "no module docstring")
        deferred = any(
            isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.names[0].name == "annotations"
            for node in module.tree.body
        )
        if not deferred and len(module.tree.body) > 1:
            yield module.at(1, "no `from __future__ import annotations`")

    _fail(finding for module in source.modules() for finding in findings(module))


def test_public_functions_and_classes_say_what_they_do_in_one_sentence() -> None:
    def finding(module: Module, piece: source.Definition) -> str | None:
        text = ast.get_docstring(piece)
        if not text:
            return module.at(piece, f"'{piece.name}' has no docstring")
        first = text.split("\n\n", maxsplit=1)[0]
        return (
            None
            if first.endswith(".")
            else module.at(piece, f"the docstring of '{piece.name}' does not begin with a sentence")
        )

    _fail(
        found
        for module in source.modules()
        for piece in module.tree.body
        if isinstance(piece, source.Definition) and not piece.name.startswith("_") and (found := finding(module, piece))
    )


def test_exceptions_say_when_they_are_raised() -> None:
    known = {"SallyportError"}
    classes = [
        (module, piece)
        for module in source.modules()
        for piece in source.pieces(module)
        if isinstance(piece, ast.ClassDef)
    ]
    while True:
        below = {
            piece.name
            for module, piece in classes
            if any(module.qualified(parent).rpartition(".")[2] in known for parent in piece.bases)
        }
        if below <= known:
            break
        known |= below
    _fail(
        module.at(piece, f"the docstring of '{piece.name}' does not begin 'Raised when'")
        for module, piece in classes
        if piece.name in known and not (ast.get_docstring(piece) or "").startswith("Raised when")
    )


def test_nothing_is_left_to_be_done() -> None:
    marks = (
        module.at(number, line.strip())
        for module in source.modules()
        for number, line in enumerate(module.text.splitlines(), start=1)
        if re.search(r"\b(TODO|FIXME)\b", line)
    )
    stubs = (
        module.at(node, "NotImplementedError")
        for module in source.modules()
        for node in module.walk()
        if isinstance(node, ast.Name) and node.id == "NotImplementedError"
    )
    _fail([*marks, *stubs])


def test_no_exception_is_swallowed() -> None:
    broad = {"", "Exception", "BaseException"}

    def swallows(module: Module, node: ast.ExceptHandler) -> bool:
        silent = all(
            isinstance(step, ast.Pass | ast.Continue)
            or (isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant))
            for step in node.body
        )
        return node.type is None or (silent and module.qualified(node.type) in broad)

    handlers = (
        module.at(node, "swallows every exception")
        for module in source.modules()
        for node in module.walk()
        if isinstance(node, ast.ExceptHandler) and swallows(module, node)
    )
    suppressed = (
        module.at(node, "suppresses every exception")
        for module in source.modules()
        for node in module.walk()
        if isinstance(node, ast.Call)
        and module.qualified(node.func) == "contextlib.suppress"
        and any(module.qualified(argument) in broad - {""} for argument in node.args)
    )
    _fail([*handlers, *suppressed])


def test_no_function_changes_a_global_name() -> None:
    _fail(
        module.at(node, f"global {', '.join(node.names)}")
        for module in source.modules()
        for node in module.walk()
        if isinstance(node, ast.Global)
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RunManager", ["run", "manager"]),
        ("base64_to_string", ["base64", "to", "string"]),
        ("service_provider", []),
        ("HTTPService", ["http", "service"]),
        ("provider", []),
    ],
)
def test_names_fall_into_the_words_that_a_reader_sees(name: str, words: list[str]) -> None:
    assert _words(name) == words


@pytest.mark.parametrize(
    ("part", "other", "may"),
    [
        ("store", "odata", True),
        ("odata", "store", False),
        ("graph", "auth", False),
        ("graph", "web", True),
        ("web", "graph", False),
        ("connectors", "store", False),
        ("triggers", "store", True),
        ("cli", "app", True),
        ("engine", "actions", False),
    ],
)
def test_the_table_of_layers_reads_as_the_plan_says(part: str, other: str, *, may: bool) -> None:
    assert _may_import(part, other) is may


#: For each rule, a module that breaks it: (name, text).
BROKEN: dict[Callable[[], None], tuple[str, str]] = {
    test_every_part_of_the_package_belongs_to_a_layer: ("attic.box", ""),
    test_imports_go_downward_only: ("wdl.scope", "from sallyport.store import runs"),
    test_files_stay_below_four_hundred_lines: ("wdl.scope", "\n" * 401),
    test_functions_stay_below_fifty_lines: ("wdl.scope", "def long():\n" + "    step()\n" * 50),
    test_folders_go_two_levels_below_the_package: ("a.b.c.d", ""),
    test_names_say_what_a_thing_is: ("engine.run", "class RunManagers:\n    pass"),
    test_only_the_clock_knows_the_time: ("engine.run", "from datetime import datetime\ndatetime.now(UTC)"),
    test_sql_stands_only_in_the_store: ("graph.alerts", "import sqlalchemy as sa"),
    test_nothing_is_evaluated_and_nothing_is_unpickled: ("wdl.compile", "eval('1')"),
    test_pure_parts_do_no_input_or_output: ("odata.query", "async def read():\n    pass"),
    test_every_outbound_request_goes_through_the_guard: ("actions.http", "from httpx import AsyncClient as C\nC()"),
    test_every_module_says_what_it_is_and_defers_its_annotations: ("engine.run", "import ast\nimport re"),
    test_public_functions_and_classes_say_what_they_do_in_one_sentence: ("engine.run", 'def go():\n    """Go"""'),
    test_exceptions_say_when_they_are_raised: ("engine.run", "class Lost(errors.SallyportError):\n    'A loss.'"),
    test_nothing_is_left_to_be_done: ("engine.run", "# TO" + "DO: the rest"),
    test_no_exception_is_swallowed: ("engine.run", "try:\n    go()\nexcept Exception:\n    pass"),
    test_no_function_changes_a_global_name: ("engine.run", "def go():\n    global count"),
}


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__.removeprefix("test_"))
def test_each_rule_finds_what_it_forbids(rule: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    name, text = BROKEN[rule]
    broken = source.parse(SOURCE.joinpath(*name.split(".")).with_suffix(".py"), text)
    monkeypatch.setattr(source, "modules", lambda: (broken,))
    with pytest.raises(pytest.fail.Exception, match=r"finding\(s\)"):
        rule()


def test_each_rule_has_an_example_of_what_it_forbids() -> None:
    rules = {value for name, value in globals().items() if name.startswith("test_") and value.__code__.co_argcount == 0}
    helpful = {test_each_rule_has_an_example_of_what_it_forbids}
    assert {rule.__name__ for rule in rules - helpful - BROKEN.keys()} == set()
