"""`POST /ingest/alerts`: any number of alerts in one request, as a JSON array or as lines, with a result for each.

The rule: a result says 2xx only after the transaction that holds its alert was committed; a bad line stops no other,
but a thousand of them stop the reading.
Deviation: this endpoint is our own; Azure has no public one for alerts.
"""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy.engine import Connection
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sallyport import errors
from sallyport.graph import alert_readers, alert_rules, ingest_stream
from sallyport.graph.call import Call
from sallyport.graph.errors import Exchange
from sallyport.odata import instants
from sallyport.store import alerts as stored_alerts
from sallyport.store import documents, schema
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


@dataclass(frozen=True, slots=True)
class _Reading:
    """A batch that is being read, and the time at which that began, as the service writes it."""

    pieces: list[ingest_stream.Piece]
    now: str
    arrivals: asyncio.Task[list[Arrival | None]]


@dataclass(frozen=True, slots=True)
class _Writing:
    """A batch that is being written: its alerts by their lines, and what will become of each."""

    reads: list[tuple[int, Arrival]]
    outcomes: asyncio.Future[list[stored_alerts.Outcome]]


class _Ingest:
    """One request's alerts on their way into the store."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._waiting: list[ingest_stream.Piece] = []
        self._weight = 0
        #: The batches that are being read, in order, and the one that the store writes meanwhile.
        self._reading: deque[_Reading] = deque()
        self._writing: _Writing | None = None
        #: The last line that was read.
        self._line = 0
        #: Results by line, as they will be answered.
        self.results: list[tuple[int, dict[str, Any]]] = []
        self.failures: list[errors.SallyportError] = []
        self.stored = 0

    async def run(self, pieces: AsyncIterator[ingest_stream.Piece]) -> None:
        """Read and store batch by batch; a body that breaks off keeps what was cut from it before."""
        try:
            await self._take(pieces)
            await self._pass_on(0)
        except TooManyFailures as error:
            self._fail(self._line + 1, error)
        finally:
            for each in self._reading:
                each.arrivals.cancel()
            # Even when nobody will be told: what is being written is waited for.
            await self._settle()

    async def _take(self, pieces: AsyncIterator[ingest_stream.Piece]) -> None:
        line = 0
        try:
            async for piece in pieces:
                line = piece.line
                self._waiting.append(piece)
                self._weight += len(piece.data or b"")
                if len(self._waiting) >= BATCH or self._weight >= _BATCH_BYTES:
                    self._begin_reading()
                    await self._pass_on(self._call.deps.readers.ahead)
        except TooManyFailures:
            raise
        except errors.SallyportError as error:
            # The body broke off: too large, too slow, no array. What was committed before stays, and is told.
            self._fail(line + 1, error)
        except ClientDisconnect:
            # What is no whole batch is left out: nobody knows whether more would have come.
            await self._pass_on(0)
            raise
        self._begin_reading()

    def _begin_reading(self) -> None:
        pieces, self._waiting, self._weight = self._waiting, [], 0
        if not pieces:
            return
        at = self._call.at()
        now = instants.wire(at) or at
        data = [each.data for each in pieces if each.data is not None]
        read = self._call.deps.readers.read(data, self._call.deps.tenant_id, now)
        self._reading.append(_Reading(pieces, now, asyncio.create_task(read)))

    async def _pass_on(self, ahead: int) -> None:
        """Give the store what was read, in order, until so many batches are left that are still being read."""
        while self._reading and (len(self._reading) > ahead or self._reading[0].arrivals.done()):
            batch = self._reading[0]
            arrivals = iter(await batch.arrivals)
            self._reading.popleft()
            await self._settle()
            reads: list[tuple[int, Arrival]] = []
            try:
                for piece in batch.pieces:
                    self._sort(piece, arrivals, batch.now, reads)
            finally:
                self._write(reads)

    def _sort(
        self, piece: ingest_stream.Piece, arrivals: Iterator[Arrival | None], now: str, reads: list[tuple[int, Arrival]]
    ) -> None:
        """Put an alert where those that will be stored are, or tell what keeps it from that."""
        self._line = piece.line
        try:
            if piece.data is None:
                raise bodies.BodyTooLarge(self._call.deps.limits.line_bytes)
            arrival = next(arrivals) or alert_readers.read(piece.data, self._call.deps.tenant_id, now)
        except errors.SallyportError as error:
            self._fail(piece.line, error)
            if len(self.failures) > self._call.deps.limits.ingest_failures:
                raise TooManyFailures(self._call.deps.limits.ingest_failures) from None
            return
        reads.append((piece.line, arrival))

    def _write(self, reads: list[tuple[int, Arrival]]) -> None:
        if not reads:
            return
        arrivals = [arrival for _, arrival in reads]

        def store(connection: Connection) -> list[stored_alerts.Outcome]:
            schema.ordered(connection, stored_alerts.KIND)
            at = self._call.at()
            now = instants.wire(at) or at
            merge = functools.partial(alert_rules.merged, now=now)
            return stored_alerts.ingest(connection, arrivals, at, merge)

        self._writing = _Writing(reads, self._call.deps.database.begin_write(store))

    async def _settle(self) -> None:
        """Wait for the batch that is being written, and tell what became of its alerts."""
        batch, self._writing = self._writing, None
        if batch is None:
            return
        try:
            outcomes = await batch.outcomes
        except errors.SallyportError as error:
            for line, arrival in batch.reads:
                self._fail(line, error, arrival.id)
            return
        for outcome in ("created", "updated", "unchanged"):
            if counted := outcomes.count(outcome):
                self._call.deps.recorder.count("alerts_ingested_total", outcome, amount=counted)
        for (line, arrival), outcome in zip(batch.reads, outcomes, strict=True):
            self.stored += 1
            self.results.append((line, {"line": line, "id": arrival.id, "status": _STATUS[outcome]}))

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
