"""Every scenario, with a crash after each of its commits and after each of its effects: nothing is lost or doubled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scenarios import crashes
from workplace import CASES

SCENARIOS = sorted((CASES / "scenarios").glob("*.json"), key=lambda path: path.stem)
#: More crash points than any scenario has: a scenario that never ends must not crash for ever.
_MOST_POINTS = 200


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


async def _undisturbed(document: dict[str, Any], folder: Path) -> crashes.Played:
    folder.mkdir()
    played, _ = await crashes.play(document, folder)
    return played


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
async def test_a_scenario_does_what_it_states(path: Path, tmp_path: Path) -> None:
    document = _document(path)
    expected = document["expect"]
    played = await _undisturbed(document, tmp_path / "undisturbed")
    assert played.faults == []
    mains = [end for end in played.ends if end["workflow"] == "main"]
    assert {end["status"] for end in played.ends} == {expected["status"]}
    assert len(played.ends) == expected.get("runs", 1)
    assert sum(sum(times) for times in played.effects.values()) == expected["effects"]
    if "code" in expected:
        assert {end["code"] for end in mains} == {expected["code"]}
    for name in expected.get("skipped", ()):
        assert mains[0]["actions"][f"{name}/"][0] == "Skipped"


@pytest.mark.parametrize("fails", ["fails_after_commit", "fails_after_effect"])
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
async def test_a_crash_anywhere_changes_nothing(path: Path, fails: str, tmp_path: Path) -> None:
    document = _document(path)
    undisturbed = await _undisturbed(document, tmp_path / "undisturbed")
    for point in range(1, _MOST_POINTS):
        folder = tmp_path / str(point)
        folder.mkdir()
        crashed, power = await crashes.play(document, folder, **{fails: point})
        faults = crashes.compare(undisturbed, crashed)
        assert faults == [], f"{fails} {point}: {faults}"
        if not power.failed:
            return
    pytest.fail(f"the scenario has more than {_MOST_POINTS} crash points")
