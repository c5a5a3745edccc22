"""Every scenario, with a crash after each of its commits and after each of its effects: nothing is lost or doubled."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import databases
from scenarios import crashes
from scenarios.crashes import Power
from workplace import CASES

SCENARIOS = sorted((CASES / "scenarios").glob("*.json"), key=lambda path: path.stem)
Play = Callable[[Power], Awaitable[tuple[crashes.Played, Power]]]
#: More crash points than any scenario has: a scenario that never ends must not crash for ever.
_MOST_POINTS = 200


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


#: Where the two databases could differ: locks, many runs at once, reports, large contents.
ON_POSTGRESQL = ("callback_beside", "concurrency", "large")


@pytest.fixture(scope="module")
def database_of_its_own(postgresql_url: str) -> Iterator[str]:
    with databases.postgresql_database(postgresql_url) as url:
        yield url


async def _undisturbed(document: dict[str, Any], folder: Path) -> crashes.Played:
    folder.mkdir()
    played, _ = await crashes.play(document, folder)
    return played


def _check(document: dict[str, Any], played: crashes.Played) -> None:
    expected = document["expect"]
    assert played.faults == []
    mains = [end for end in played.ends if end["workflow"] == "main"]
    assert {end["status"] for end in played.ends} == {expected["status"]}
    assert len(played.ends) == expected.get("runs", 1)
    assert sum(sum(times) for times in played.effects.values()) == expected["effects"]
    if "code" in expected:
        assert {end["code"] for end in mains} == {expected["code"]}
    for name in expected.get("skipped", ()):
        assert mains[0]["actions"][f"{name}/"][0] == "Skipped"


async def _crash_everywhere(undisturbed: crashes.Played, play: Play) -> None:
    for what in ("commit", "effect"):
        for point in range(1, _MOST_POINTS):
            commit, effect = (point, 0) if what == "commit" else (0, point)
            crashed, power = await play(Power(fails_after_commit=commit, fails_after_effect=effect))
            faults = crashes.compare(undisturbed, crashed)
            assert faults == [], f"a crash after {what} {point}: {faults}"
            if not power.failed:
                break
        else:
            pytest.fail(f"the scenario has more than {_MOST_POINTS} crash points")


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
async def test_a_scenario_does_what_it_states(path: Path, tmp_path: Path) -> None:
    document = _document(path)
    _check(document, await _undisturbed(document, tmp_path / "undisturbed"))


@pytest.mark.slow
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
async def test_a_crash_anywhere_changes_nothing(path: Path, tmp_path: Path) -> None:
    document = _document(path)

    async def play(power: Power) -> tuple[crashes.Played, Power]:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            return await crashes.play(document, Path(folder), power=power)

    await _crash_everywhere(await _undisturbed(document, tmp_path / "undisturbed"), play)


@pytest.mark.postgresql
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
async def test_a_scenario_does_the_same_on_postgresql(path: Path, tmp_path: Path, database_of_its_own: str) -> None:
    document = _document(path)
    with databases.emptied(database_of_its_own):
        pass
    played, _ = await crashes.play(document, tmp_path, url=database_of_its_own)
    _check(document, played)
    assert crashes.compare(await _undisturbed(document, tmp_path / "undisturbed"), played) == []


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.parametrize("name", ON_POSTGRESQL)
async def test_a_crash_anywhere_changes_nothing_on_postgresql_either(
    name: str, tmp_path: Path, database_of_its_own: str
) -> None:
    document = _document(CASES / "scenarios" / f"{name}.json")

    async def play(power: Power) -> tuple[crashes.Played, Power]:
        with databases.emptied(database_of_its_own):
            pass
        return await crashes.play(document, tmp_path, url=database_of_its_own, power=power)

    undisturbed, _ = await play(Power())
    await _crash_everywhere(undisturbed, play)
