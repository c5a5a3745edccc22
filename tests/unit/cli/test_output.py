from __future__ import annotations

import pytest
from rich.console import Console
from rich.tree import Tree

from sallyport.cli import alert, bodies, output, run_tree


@pytest.mark.parametrize(
    ("ended_at", "said"),
    [
        ("2026-01-05T09:00:00.0450000Z", "45 ms"),
        ("2026-01-05T09:00:01.5000000Z", "1.5 s"),
        ("2026-01-05T09:01:00.0000000Z", "1 min"),
        ("2026-01-07T10:00:05.0000000Z", "2 d 1 h 5 s"),
        (None, ""),
    ],
)
def test_a_duration_is_said_as_people_say_it(ended_at: str | None, said: str) -> None:
    assert output.duration("2026-01-05T09:00:00.0000000Z", ended_at) == said


@pytest.mark.parametrize("window", [20, 80, 300])
def test_a_table_cuts_no_id_however_narrow_the_window_is(
    window: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, title = "08584056676039090777667844333CU60", "Credentials were read from the memory of a process " * 3
    monkeypatch.setattr(output, "console", lambda: Console(width=window, soft_wrap=True))
    output.table(("STARTED", "STATUS", "TITLE", "RUN"), [("2026-11-29 08:01:21", "Succeeded", title, run)])
    head, line = capsys.readouterr().out.splitlines()
    assert line.startswith("2026-11-29 08:01:21  Succeeded  Credentials")
    assert line.rstrip().endswith(run)
    assert head.index("RUN") == line.index(run)
    assert len(line) <= max(window, 79)
    assert ("…" in line) is (window < 300)


def test_a_table_cuts_no_id_on_a_dumb_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, name = "08584056676039090777667844333CU60", "a-workflow-with-a-name-of-some-length"
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(output, "console", lambda: Console(force_terminal=True, soft_wrap=True))
    output.table(("STARTED", "WORKFLOW", "STATUS", "RUN"), [("2026-11-29 08:01:21", name, "Succeeded", run)])
    _, line = capsys.readouterr().out.splitlines()
    assert line.split() == ["2026-11-29", "08:01:21", name, "Succeeded", run]


def test_a_long_message_in_a_tree_goes_on_below_in_a_narrow_window(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "console", lambda: Console(width=40, soft_wrap=True))
    message = "Unable to process template language expressions in action 'A': the value cannot be converted"
    root = Tree("R")
    root.add(message)
    output.tree(root)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert " ".join(line.strip("└─ ") for line in lines) == f"R {message}"


def test_text_from_outside_steers_no_terminal() -> None:
    assert str(output.printable("a\x1b[31mb\nc")) == "a [31mb c"


def test_a_body_is_json_or_a_file_of_it(tmp_path: object) -> None:
    assert bodies.parsed('{"a": [1]}') == {"a": [1]}
    assert bodies.parsed(None) is None


def test_a_run_is_drawn_in_the_order_and_nesting_of_its_definition() -> None:
    inner = {"Mail": {"type": "ApiConnection"}}
    definition = {
        "actions": {
            "Last": {"type": "Compose", "runAfter": {"Each": ["Succeeded"], "Choose": ["Succeeded"]}},
            "Choose": {"type": "Switch", "cases": {"high": {"actions": {"Page": {}}}}, "default": {"actions": inner}},
            "Each": {
                "type": "Foreach",
                "actions": {"If": {"type": "If", "actions": {"Deep": {}}, "else": {"actions": {"Other": {}}}}},
            },
        }
    }
    done = {"status": "Succeeded", "startTime": "2026-01-05T09:00:00Z", "endTime": "2026-01-05T09:00:00Z"}
    failed = {"status": "Failed", "code": "NotFound", "error": {"message": "Gone\nfor good"}}
    run = {
        "name": "R",
        "properties": {
            **failed,
            "trigger": {"name": "manual"},
            "workflow": {"properties": {"definition": definition}},
            "actions": {"Last": {"status": "Skipped"}, "Choose": done, "Each": failed},
        },
    }
    tree = run_tree.draw(run, lambda name: [{"properties": done}, {"properties": failed}] if name == "Deep" else [])
    console = Console(width=200)
    with console.capture() as captured:
        console.print(tree)
    lines = [" ".join(line.split()) for line in captured.get().splitlines()]
    assert [line.strip("│├└─ ").split(" ")[0] for line in lines] == [
        *(
            "R",
            "trigger",
            "Choose",
            "case",
            "Page",
            "default",
            "Mail",
            "Each",
            "If",
            "if",
            "Deep",
            "if",
            "Other",
            "Last",
        )
    ]
    assert any(line.endswith("Deep 1 x Succeeded 1 x Failed NotFound Gone for good") for line in lines)
    assert any(line.endswith("Each Failed NotFound Gone for good") for line in lines)


def test_actions_that_wait_for_one_another_in_a_circle_are_still_drawn() -> None:
    circle = {"A": {"runAfter": {"B": ["Succeeded"]}}, "B": {"runAfter": {"A": ["Succeeded"]}}}
    assert [name for name, _ in run_tree.in_order(circle)] == ["A", "B"]


BIG = 2**80


def test_numbers_of_any_size_are_printed_digit_by_digit(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit({"n": BIG})
    output.emit_pretty({"n": BIG})
    output.emit_pretty({"n": 1})
    assert capsys.readouterr().out == f'{{"n":{BIG}}}\n{{\n  "n": {BIG}\n}}\n{{\n  "n": 1\n}}\n'


def test_numbers_of_any_size_are_sent_digit_by_digit() -> None:
    assert bodies.parsed(f'{{"n": {BIG}}}') == {"n": BIG}
    content, _ = alert._prepared(f'{{"value": [{{"n": {BIG}}}]}}'.encode())
    assert content == f'[{{"n":{BIG}}}]'.encode()


def test_an_action_in_a_loop_says_why_it_failed() -> None:
    definition = {"actions": {"Each": {"type": "Foreach", "actions": {"Call": {}}}}}
    done = {"status": "Succeeded", "code": "OK"}
    failed = {"status": "Failed", "code": "NoMock", "error": {"message": "Nobody\nanswers."}}
    actions = {"Each": {"status": "Failed"}}
    run = {
        "name": "R",
        "properties": {
            "status": "Failed",
            "workflow": {"properties": {"definition": definition}},
            "actions": actions,
        },
    }
    tree = run_tree.draw(run, lambda _: [{"properties": done}, {"properties": failed}, {"properties": failed}])
    console = Console(width=200)
    with console.capture() as captured:
        console.print(tree)
    assert captured.get().rstrip().endswith("Call  1 x Succeeded  2 x Failed  NoMock  Nobody answers.")
