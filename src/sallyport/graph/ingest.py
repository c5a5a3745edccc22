"""`POST /ingest/alerts`: any number of alerts in one request, as a JSON array or as lines, with a result for each.

The rule: a result says 2xx only after the transaction that holds its alert was committed; a bad line stops no other,
but a thousand of them stop the reading.
Deviation: this endpoint is our own; Azure has no public one for alerts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sallyport import errors
from sallyport.graph import alert_rules, ingest_stream
from sallyport.graph.call import Call
from sallyport.graph.errors import Exchange
from sallyport.odata import instants
from sallyport.store import alerts as stored_alerts
from sallyport.store import documents
from sallyport.store.arrivals import Arrival
from sallyport.web import bodies

#: Alerts that share a transaction, and what they may weigh together: so few that the next ones are soon being read
#: while these are written, so many that a flush of the disk is shared.
BATCH = 500
_BATCH_BYTES = 8 * 1024 * 1024
_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "text/plain")
_STATUS = {"created": 201, "updated": 200, "unchanged": 200}
_NDJSON = "application/x-ndjson"


class TooManyFailures(errors.BadRequest):
    """Raised when so many alerts of one request could not be stored that the rest of it is not worth reading."""

    def __init__(self, most: int) -> None:
        super().__init__(f"More than {most} alerts of this request could not be stored: what follows was not read.")
        self.most = most


@dataclass(slots=True)
class _Read:
    """An alert that was read and waits for its transaction."""

    line: int
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class _Batch:
    """Alerts that are being written, and what will become of each."""

    reads: list[_Read]
    outcomes: asyncio.Future[list[stored_alerts.Outcome]]


class _Ingest:
    """One request's alerts on their way into the store."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._waiting: list[_Read] = []
        self._weight = 0
        #: The batch that the store is writing while the next one is read.
        self._writing: _Batch | None = None
        self._at = call.at()
        self._now = instants.wire(self._at) or self._at
        #: Results by line, as they will be answered.
        self.results: list[tuple[int, dict[str, Any]]] = []
        self.failures: list[errors.SallyportError] = []
        self.stored = 0

    async def run(self, pieces: AsyncIterator[ingest_stream.Piece]) -> None:
        """Read and store piece by piece; a body that breaks off keeps what was cut from it before."""
        line = 0
        try:
            async for piece in pieces:
                line = piece.line
                self._read(piece)
                if len(self.failures) > self._call.deps.limits.ingest_failures:
                    raise TooManyFailures(self._call.deps.limits.ingest_failures)
                if len(self._waiting) >= BATCH or self._weight >= _BATCH_BYTES:
                    await self._hand_over()
        except errors.SallyportError as error:
            # The body broke off: too large, too slow, no array. What was committed before stays, and is told.
            self._fail(line + 1, error)
        except ClientDisconnect:
            # Nobody will be told; what is being written is waited for all the same.
            await self._settle()
            raise
        await self._hand_over()
        await self._settle()

    def _read(self, piece: ingest_stream.Piece) -> None:
        try:
            if piece.data is None:
                raise bodies.BodyTooLarge(self._call.deps.limits.line_bytes)
            given = bodies.parse(piece.data)
            arrival = alert_rules.arriving(given, alert_rules.new_id, self._call.deps.tenant_id, self._now)
        except errors.SallyportError as error:
            self._fail(piece.line, error)
            return
        self._waiting.append(_Read(piece.line, arrival))
        self._weight += len(piece.data)

    async def _hand_over(self) -> None:
        """Give the store what is waiting, as soon as it has written what it was given before."""
        await self._settle()
        reads, self._waiting, self._weight = self._waiting, [], 0
        if not reads:
            return
        at, now = self._at, self._now
        arrivals = [each.arrival for each in reads]
        outcomes = self._call.deps.database.begin_write(
            lambda connection: stored_alerts.ingest(
                connection, arrivals, at, lambda stored, given: alert_rules.merged(stored, given, now)
            )
        )
        self._writing = _Batch(reads, outcomes)
        # What the next batch is given is the time at which its reading begins.
        self._at = self._call.at()
        self._now = instants.wire(self._at) or self._at

    async def _settle(self) -> None:
        """Wait for the batch that is being written, and tell what became of its alerts."""
        batch, self._writing = self._writing, None
        if batch is None:
            return
        try:
            outcomes = await batch.outcomes
        except errors.SallyportError as error:
            for each in batch.reads:
                self._fail(each.line, error, each.arrival.id)
            return
        for outcome in ("created", "updated", "unchanged"):
            if counted := outcomes.count(outcome):
                self._call.deps.recorder.count("alerts_ingested_total", outcome, amount=counted)
        for each, outcome in zip(batch.reads, outcomes, strict=True):
            self.stored += 1
            told = {"line": each.line, "id": each.arrival.id, "status": _STATUS[outcome]}
            self.results.append((each.line, told))

    def _fail(self, line: int, error: errors.SallyportError, alert_id: str | None = None) -> None:
        self._call.deps.recorder.count("alerts_ingested_total", "refused")
        self.failures.append(error)
        told = {"code": error.code, "message": error.message}
        self.results.append((line, {"line": line, "id": alert_id, "status": error.status, "error": told}))


async def alerts(call: Call) -> Response:
    """Store the alerts of a body as they arrive, and answer one result for each, in the order of the lines.

    200 when all were stored, 206 when some were not. When none was, the answer is an error like any other, with the
    results as its details.
    """
    limits = call.deps.limits
    media = _media(call.request)
    chunks = bodies.chunks(call.request, limits.ingest_bytes)
    work = _Ingest(call)
    await work.run(ingest_stream.pieces(chunks, limits.line_bytes, lines=media in _LINES))
    results = [result for _, result in sorted(work.results, key=lambda pair: pair[0])]
    if not work.stored:
        return _refused(call, work, results)
    status = 206 if work.failures else 200
    return Response(b"".join(documents.dumps(each) + b"\n" for each in results), status, media_type=_NDJSON)


def _refused(call: Call, work: _Ingest, results: list[dict[str, Any]]) -> Response:
    worst = max(work.failures, key=lambda error: error.status, default=None)
    error = worst or bodies.MalformedJson("The body holds no alert.")
    response = Exchange(call.request.scope).drawn(error, call.deps.clock)
    body = orjson.loads(response.body)
    if len(results) > 1:
        body["error"]["details"] = [
            {"target": f"line {each['line']}", **each["error"]} for each in results if "error" in each
        ]
    content = documents.dumps(body)
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(content, response.status_code, headers)


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
