"""How a record is written into the journal, and read back.

A content that is small stands in the entry; a large one is stored once by its hash; outputs that are the very inputs
are said so. Secrets are sealed: the history cannot show them, but a run that resumes has them back, to the letter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from sallyport.engine.records import ABSENT, Record
from sallyport.statuses import Status
from sallyport.store import contents, documents, schema
from sallyport.store.history import Entry, Segment

REDACTED = "*sanitized*"


@dataclass(frozen=True, slots=True)
class Seal:
    """Two functions that keep secrets: `close` makes text of bytes, `open` the bytes again."""

    close: Callable[[bytes], str]
    open: Callable[[str], bytes]


class Writer:
    """Writes the records of one run."""

    __slots__ = ("_inline", "_seal", "_secrets", "bodies")

    def __init__(self, seal: Seal, secrets: Collection[str], inline_bytes: int) -> None:
        self._seal = seal
        spellings = [(documents.dumps(text)[1:-1], json.dumps(text)[1:-1].encode()) for text in secrets]
        self._secrets = [spelling for pair in spellings for spelling in dict.fromkeys(pair)]
        self._inline = inline_bytes
        #: Large contents met so far, by their hash.
        self.bodies: dict[str, bytes] = {}

    def segment(self, records: Iterable[Record], sequence: int) -> Segment:
        """Answer records as entries that are committed together, the first of them with this number."""
        return Segment(sequence, self._written([self._entry(record) for record in records]).decode())

    def _entry(self, record: Record) -> list[Any]:
        document: dict[str, Any] = {"start": record.started_at, "tracking": record.tracking_id}
        if record.ended_at is not None:
            document["end"] = record.ended_at
        if record.code:
            document["code"] = record.code
        if record.inputs is not ABSENT:
            document["inputs"] = self.content(record.inputs, secret=record.secret_inputs)
        if record.outputs is not ABSENT:
            if record.outputs is record.inputs and record.secret_inputs == record.secret_outputs:
                document["outputs"] = {"same": True}
            else:
                document["outputs"] = self.content(record.outputs, secret=record.secret_outputs)
        if record.status is not Status.SUCCEEDED or record.memory is not None or record.changes is not None:
            self._rest(record, document)
        if record.tracked_properties is not None:
            document["tracked"] = record.tracked_properties
        if record.retry_history is not None:
            document["retries"] = record.retry_history
        if record.iteration:
            document["iteration"] = True
        # The name is what an entry is found by: only what was computed is searched for secrets.
        shown = orjson.Fragment(self._redacted(self._written(document))) if self._secrets else document
        return [record.name, record.repetition, record.status, shown]

    def content(self, value: Any, *, secret: bool) -> dict[str, Any]:
        """Answer how a content stands in an entry."""
        body = documents.dumps(value)
        if secret:
            return {"sealed": self._seal.close(body)}
        shown = self._redacted(body) if self._secrets else body
        # Where a secret came in from outside, a run that resumes must not send the mark that stands for it.
        whole = {"whole": self._seal.close(body)} if shown is not body else {}
        if len(shown) <= self._inline:
            return {"value": orjson.Fragment(shown), **whole}
        name = contents.digest(shown)
        self.bodies[name] = shown
        return {"digest": name, "size": len(shown), **whole}

    def text(self, document: Mapping[str, Any]) -> str:
        """Answer a document as the text that is stored."""
        return self._redacted(self._written(document)).decode()

    def shown(self, value: Any) -> orjson.Fragment:
        """Answer a value as part of a document, whatever it holds."""
        return orjson.Fragment(self._redacted(documents.dumps(value)))

    def words(self, text: str) -> str:
        """Answer a text for people, as any database takes it and without secrets."""
        plain: str = _writable(text.replace("\0", "\ufffd"))
        return str(orjson.loads(self._redacted(orjson.dumps(plain))))

    def _rest(self, record: Record, document: dict[str, Any]) -> None:
        """Write what only actions that wait, contain, fail or change variables have."""
        if record.error is not None:
            document["error"] = record.error
        if record.waits_until is not None:
            document["until"] = record.waits_until
        if record.waits_for_callback:
            document["callback"] = True
        if record.memory is not None:
            document["memory"] = self.content(record.memory, secret=record.secret_inputs)
        if record.changes is not None:
            document["changes"] = self.content(record.changes, secret=record.secret_inputs)

    @staticmethod
    def _written(value: Any) -> bytes:
        try:
            return orjson.dumps(value, option=orjson.OPT_UTC_Z)
        except TypeError:
            return orjson.dumps(_writable(value), option=orjson.OPT_UTC_Z)

    def _redacted(self, body: bytes) -> bytes:
        for secret in self._secrets:
            if secret in body:
                body = body.replace(secret, REDACTED.encode())
        return body


class Reader:
    """Reads entries back, given the large contents that they name; without any, those are ABSENT."""

    def __init__(self, seal: Seal | None, bodies: Mapping[str, bytes] | None) -> None:
        self._seal = seal
        self._bodies = bodies

    def record(self, entry: Entry) -> Record:
        """Answer the record that an entry holds."""
        document = entry.document
        record = Record(
            name=entry.name,
            repetition=entry.repetition,
            status=Status(entry.status),
            started_at=schema.moment(document["start"]),
            tracking_id=document["tracking"],
            code=document.get("code", ""),
            ended_at=schema.moment(document["end"]) if "end" in document else None,
            error=document.get("error"),
            retry_history=document.get("retries"),
            tracked_properties=document.get("tracked"),
            waits_until=schema.moment(document["until"]) if "until" in document else None,
            waits_for_callback=document.get("callback", False),
            iteration=document.get("iteration", False),
        )
        if "inputs" in document:
            record.inputs = self.content(document["inputs"])
            record.secret_inputs = "sealed" in document["inputs"]
        if "outputs" in document:
            same = "same" in document["outputs"]
            record.outputs = record.inputs if same else self.content(document["outputs"])
            record.secret_outputs = record.secret_inputs if same else "sealed" in document["outputs"]
        # What only a run that resumes needs is nothing to a reader who may not open it.
        if "memory" in document and (memory := self.content(document["memory"])) is not ABSENT:
            record.memory = memory
        if "changes" in document and (changes := self.content(document["changes"])) is not ABSENT:
            record.changes = [tuple(change) for change in changes]
        return record

    def content(self, stored: Mapping[str, Any]) -> Any:
        """Answer a content; a secret one is ABSENT to a reader without the seal."""
        if "whole" in stored and self._seal is not None:
            return documents.loads(self._seal.open(stored["whole"]))
        if "value" in stored:
            return stored["value"]
        if "digest" in stored:
            return ABSENT if self._bodies is None else documents.loads(self._bodies[stored["digest"]])
        if self._seal is None:
            return ABSENT
        return documents.loads(self._seal.open(stored["sealed"]))


def _writable(value: Any) -> Any:
    """Answer a value that the fast writer takes: half a surrogate pair is replaced, a long integer keeps its digits."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_writable(key): _writable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_writable(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return orjson.Fragment(str(value).encode())
    return value


def digests(document: Mapping[str, Any]) -> list[str]:
    """Answer the hashes of the large contents that an entry's document names."""
    parts = (document.get(name) for name in ("inputs", "outputs", "memory", "changes"))
    return [part["digest"] for part in parts if isinstance(part, dict) and "digest" in part]
