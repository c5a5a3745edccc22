"""JSON Schema, drafts 4 to 7, for schemas and content that nobody vouches for: of ParseJson and of Request triggers.

The keywords are in `schema_values` and `schema_structure`. The rule: a check is bounded. It has so many seconds of
processor time and so much depth; regular expressions are cut off, and references stay inside the schema. Libraries
bound none of these, and some fetch what a reference points to.

Deviation: `format` is not checked in schemas; Azure checks the formats that Json.NET Schema knows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import regex

from sallyport.actions import schema_structure
from sallyport.actions.schema_values import Place
from sallyport.errors import BadRequest

#: How many faults are told.
MOST_FAULTS = 20
#: How deep schemas may lie in one another while one value is checked.
MOST_DEPTH = 150
#: Processor time for one validation.
SECONDS = 5.0
#: How long one regular expression may take for one text.
PATTERN_SECONDS = 0.5
#: A check that takes longer than this is made beside everything else.
AT_ONCE_SECONDS = 0.05
_CLOCK_EVERY = 512

Fault = dict[str, Any]


class SchemaError(BadRequest):
    """Raised when a schema is not one, or costs more to check than a check may cost."""

    code = "ActionSchemaInvalid"


class TooCostly(SchemaError):
    """Raised when checking content against a schema takes longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The content cannot be checked against the schema within {seconds:g} seconds.")
        self.seconds = seconds


def validate(schema: Any, content: Any, seconds: float = SECONDS) -> list[Fault]:
    """Answer how content breaks a schema, at most twenty faults; none when it conforms.

    Each says `message`, `path` in the content, `schemaId` (a pointer into the schema) and `errorType`.
    Raises SchemaError, and TooCostly after so much processor time.
    """
    check = Check(schema, seconds)
    check.apply(schema, content, Place())
    return check.faults


async def checked(schema: Any, content: Any) -> list[Fault]:
    """Answer the same as `validate`, holding up nobody."""
    try:
        return validate(schema, content, AT_ONCE_SECONDS)
    except TooCostly:
        return await asyncio.to_thread(validate, schema, content)


class Check:
    """One validation on its way: what it has found and what it has spent."""

    def __init__(self, schema: Any, seconds: float) -> None:
        self.faults: list[Fault] = []
        #: Draft 4 knows fewer keywords, and 1.0 is no integer there.
        self.draft4 = isinstance(schema, dict) and "draft-04" in str(schema.get("$schema", ""))
        self._root = schema
        self._most = MOST_FAULTS
        self._depth = 0
        self._steps = 0
        self._seconds = seconds
        self._until = time.thread_time() + seconds
        self._named: dict[str, Any] | None = None

    def apply(self, schema: Any, value: Any, at: Place) -> None:
        """Check a value against a schema, adding what is wrong to the faults."""
        if schema is True or len(self.faults) >= self._most:
            return
        self._spend()
        if schema is False:
            self.fault(at, "false", "Schema always fails validation.")
        elif not isinstance(schema, dict):
            raise self.broken(at, "a schema must be an object or a boolean")
        else:
            self._depth += 1
            if self._depth > MOST_DEPTH:
                raise SchemaError(f"The schema refers to itself, or is nested, more than {MOST_DEPTH} deep.")
            self._keywords(schema, value, at)
            self._depth -= 1

    def conforms(self, schema: Any, value: Any, at: Place) -> bool:
        """Answer whether a value conforms to a schema, telling no faults."""
        kept, self.faults = self.faults, []
        most, self._most = self._most, 1
        self.apply(schema, value, at)
        found, self.faults, self._most = self.faults, kept, most
        return not found

    def fault(self, at: Place, error_type: str, message: str) -> None:
        """Tell a fault."""
        where = {"path": at.path, "schemaId": f"#{at.pointer}"}
        self.faults.append({"message": message, **where, "errorType": error_type, "childErrors": []})

    def matches(self, pattern: str, text: str, at: Place) -> bool:
        """Answer whether a regular expression is found in a text, in bounded time."""
        seconds = min(PATTERN_SECONDS, self._until - time.thread_time())
        if seconds <= 0:
            raise TooCostly(self._seconds)
        try:
            return regex.search(pattern, text, timeout=seconds, concurrent=True) is not None
        except TimeoutError:
            raise TooCostly(self._seconds) from None
        except (regex.error, RecursionError, OverflowError, MemoryError):
            raise self.broken(at, f"'{pattern[:80]}' is not a regular expression") from None

    def broken(self, at: Place, reason: str) -> SchemaError:
        """Answer the error about a schema that is not one."""
        return SchemaError(f"The schema is not valid at '#{at.pointer}': {reason}.")

    def _keywords(self, schema: Mapping[str, Any], value: Any, at: Place) -> None:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            self.apply(self._referred(reference, at), value, Place(at.path, f"{at.pointer}/$ref"))
            return
        known = schema_structure.DRAFT_4 if self.draft4 else schema_structure.KEYWORDS
        for name, wanted in schema.items():
            keyword = known.get(name)
            if keyword is not None:
                keyword(self, wanted, value, schema, Place(at.path, f"{at.pointer}/{name}"))

    def _spend(self) -> None:
        self._steps += 1
        if self._steps % _CLOCK_EVERY == 0 and time.thread_time() > self._until:
            raise TooCostly(self._seconds)

    def _referred(self, reference: str, at: Place) -> Any:
        if self._named is None:
            self._named = dict(_names(self._root))
        if reference in self._named:
            return self._named[reference]
        if not reference.startswith(("#/", "#")) or (len(reference) > 1 and reference[1] != "/"):
            raise self.broken(at, f"'{reference[:200]}' is not in the schema, and nothing is fetched from elsewhere")
        found = self._root
        for part in unquote(reference[1:]).split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(found):
                found = found[int(key[:9])]
            elif isinstance(found, dict) and key in found:
                found = found[key]
            else:
                raise self.broken(at, f"'{reference[:200]}' leads nowhere")
        return found


def _names(schema: Any) -> Iterator[tuple[str, Any]]:
    """Answer the subschemas that have a name of their own, which a reference may use."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            name = part.get("$id", part.get("id"))
            if isinstance(name, str):
                yield name, part
        if isinstance(part, dict | list):
            waiting.extend(part.values() if isinstance(part, dict) else part)
