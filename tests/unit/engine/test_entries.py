"""Entries of the journal: what is written is read back, and secrets are written nowhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.engine import entries
from sallyport.engine.records import ABSENT, Record
from sallyport.statuses import Status
from sallyport.store import history
from sallyport.store.sealing import Sealer

SEALER = Sealer(b"k" * 32)
SEAL = entries.Seal(lambda plain: SEALER.seal(plain, "run"), lambda text: SEALER.open(text, "run"))
NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), ANY_TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(ANY_TEXT, inner, max_size=4)),
    max_leaves=10,
)
CONTENTS = st.one_of(st.just(ABSENT), VALUES)
RECORDS = st.builds(
    Record,
    name=st.just("Act"),
    repetition=st.sampled_from(["", "000001", "000001-000002"]),
    status=st.sampled_from(list(Status)),
    started_at=st.just(NOW),
    tracking_id=st.just("t"),
    code=st.sampled_from(["", "OK"]),
    ended_at=st.sampled_from([None, NOW]),
    inputs=CONTENTS,
    outputs=CONTENTS,
    error=st.one_of(st.none(), st.fixed_dictionaries({"code": st.just("C"), "message": ANY_TEXT})),
    memory=VALUES,
    waits_until=st.sampled_from([None, NOW]),
    waits_for_callback=st.booleans(),
    changes=st.one_of(st.none(), st.lists(st.tuples(st.just("set"), st.just("x"), VALUES), max_size=2)),
    iteration=st.booleans(),
    secret_inputs=st.booleans(),
    secret_outputs=st.booleans(),
)


def _read_back(
    record: Record, inline: int = 20, seal: entries.Seal | None = SEAL, secrets: tuple[str, ...] = ()
) -> Record:
    writer = entries.Writer(SEAL, secrets, inline)
    (entry,) = history.entries_of(writer.segment([record], 7))
    assert entry.sequence == 7
    named = entries.digests(entry.document)
    assert set(named) == set(writer.bodies)
    return entries.Reader(seal, writer.bodies).record(entry)


@given(record=RECORDS, inline=st.sampled_from([0, 20, 4096]))
def test_a_record_is_read_back_as_it_was_written(record: Record, inline: int) -> None:
    found = _read_back(record, inline)
    unusual = record.status is not Status.SUCCEEDED or record.memory is not None or record.changes is not None
    same = ["name", "repetition", "status", "started_at", "tracking_id", "code", "ended_at", "inputs", "outputs"]
    same += ["memory", "iteration"] + (["waits_until", "waits_for_callback", "changes"] if unusual else [])
    assert {name: getattr(found, name) for name in same} == {name: getattr(record, name) for name in same}
    if record.inputs is not ABSENT:
        assert found.secret_inputs is record.secret_inputs
    if record.outputs is not ABSENT:
        assert found.secret_outputs is record.secret_outputs


@given(record=RECORDS)
def test_an_entry_is_text_that_any_database_takes(record: Record) -> None:
    text = entries.Writer(SEAL, (), 20).segment([record], 0).entries
    assert "\0" not in text
    text.encode()


def _record(**given: Any) -> Record:
    return Record("Act", "", Status.SUCCEEDED, NOW, "t", ended_at=NOW, **given)


def test_outputs_that_are_the_inputs_are_stored_once() -> None:
    value = ["x" * 5_000]
    writer = entries.Writer(SEAL, (), 100)
    (entry,) = history.entries_of(writer.segment([_record(inputs=value, outputs=value)], 0))
    assert entry.document["outputs"] == {"same": True}
    assert len(writer.bodies) == 1


def test_entries_that_are_committed_together_are_numbered_on() -> None:
    records = [_record(inputs=number) for number in range(3)]
    found = list(history.entries_of(entries.Writer(SEAL, (), 100).segment(records, 4)))
    assert [(each.sequence, each.document["inputs"]) for each in found] == [
        (4, {"value": 0}),
        (5, {"value": 1}),
        (6, {"value": 2}),
    ]


def test_an_entry_is_found_by_its_name_although_a_secret_has_the_same_text() -> None:
    segment = entries.Writer(SEAL, ("Act", "Succeeded"), 100).segment([_record(inputs="Act")], 0)
    (entry,) = history.entries_of(segment)
    assert (entry.name, entry.status) == ("Act", "Succeeded")
    assert entry.document["inputs"]["value"] == "*sanitized*"


def test_equal_large_contents_are_stored_once() -> None:
    writer = entries.Writer(SEAL, (), 100)
    writer.segment([_record(inputs=["x" * 500], outputs=["x" * 500])], 0)
    assert len(writer.bodies) == 1


def test_secret_contents_are_sealed_and_left_out_for_readers_without_the_seal() -> None:
    record = _record(inputs={"password": "canary-9f1"}, outputs="canary-9f1", secret_inputs=True, secret_outputs=True)
    writer = entries.Writer(SEAL, (), 100)
    segment = writer.segment([record], 0)
    assert "canary-9f1" not in segment.entries
    (entry,) = history.entries_of(segment)
    shown = entries.Reader(None, {}).record(entry)
    assert (shown.inputs, shown.outputs) == (ABSENT, ABSENT)


def test_a_reader_without_the_seal_reads_the_rest_of_what_only_a_resumed_run_needs() -> None:
    record = _record(secret_inputs=True, memory=["canary-9f1"], changes=[("set", "x", "canary-9f1")])
    found = _read_back(record, seal=None)
    assert (found.memory, found.changes) == (None, None)


@pytest.mark.parametrize("secret", ["canary-9f1", 'quo"te\\back', "sch\u00f6n-geheim", "zeile\nzwei"])
@pytest.mark.parametrize("other", ["plain", "\ud800", 2**70])
def test_the_text_of_a_secret_parameter_is_redacted_wherever_it_stands(secret: str, other: Any) -> None:
    record = _record(inputs={"said": f"it is {secret}!", "other": other})
    record.status, record.error = Status.FAILED, {"code": "X", "message": f"no {secret} here"}
    found = _read_back(record, 10_000, seal=None, secrets=(secret,))
    assert found.inputs == {"said": "it is *sanitized*!", "other": other}
    assert found.error == {"code": "X", "message": "no *sanitized* here"}


def test_a_run_that_resumes_has_the_redacted_value_back() -> None:
    record = _record(inputs={"said": "it is canary-9f1!"})
    assert _read_back(record, secrets=("canary-9f1",)).inputs == record.inputs


def test_words_for_people_hold_no_secret_and_nothing_that_a_database_refuses() -> None:
    writer = entries.Writer(SEAL, ("canary-9f1",), 100)
    assert writer.words("a canary-9f1 \0 \ud800") == "a *sanitized* \ufffd ?"
