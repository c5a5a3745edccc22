"""Plays the demonstration beside the server: deploys the examples, feeds alerts over HTTP, and shows what comes of it.

The rule: it is a client like any other, in a thread of its own; what the server does for it, it does for everybody.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import orjson
from sqlalchemy.engine import Connection

from sallyport.auth import administrator, connector, consents
from sallyport.cli import deploy, examples, output, remote
from sallyport.cli.demo import reputation
from sallyport.cli.demo.picture import Ended, Mail, Picture
from sallyport.cli.demo.sample import Samples
from sallyport.cli.demo.screen import Screen, screen
from sallyport.cli.remote import Refused, Remote, Unreachable
from sallyport.cli.serving import Serving
from sallyport.cli.sources import Given, Source
from sallyport.engine.run import Run
from sallyport.errors import SallyportError
from sallyport.store import consents as stored_consents
from sallyport.store import history
from sallyport.wdl.values import Json
from sallyport.web import mailbox

#: Between two alerts, in seconds, on average.
_PAUSE = 2.0
#: How often the picture is drawn, and how often the server is asked, in seconds.
_DRAWN_EVERY, _ASKED_EVERY = 0.25, 2.0
#: Tokens hold for an hour.
_TOKEN_SECONDS = 1_800.0
#: The demonstration does not wait for minutes.
_OFTEN = {"frequency": "Second", "interval": "3"}
_PATIENCE_SECONDS = 5.0
#: Longer than a server gives the requests that are going on when it ends.
_ENDING_SECONDS = 15.0


def consent(serving: Serving) -> None:
    """Let the examples' connector in, as whoever starts a demonstration at this machine may."""
    house = serving.house

    def keep(connection: Connection) -> None:
        if stored_consents.get(connection, connector.CLIENT_ID) is None:
            consents.grant(connection, house.clock, connector.CLIENT_ID)

    house.database.write_now(keep)


def start(serving: Serving) -> Callable[[], None]:
    """Begin to play, and answer what ends it."""
    serving.house.egress.mount(reputation.ORIGIN, reputation.app())
    playing = Play(serving)
    thread = threading.Thread(target=playing.run, name="sallyport-demo", daemon=True)
    thread.start()

    def stop() -> None:
        playing.stopping.set()
        thread.join(_PATIENCE_SECONDS)

    return stop


def is_surprising(error: SallyportError, stopping: threading.Event) -> bool:
    """Answer whether a call of the demonstration failed for another reason than that the server ends.

    One that is ending takes no more calls some time before it tells what plays beside it.
    """
    return not stopping.wait(_ENDING_SECONDS if isinstance(error, Unreachable) else 0)


class Play:
    """One demonstration."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._clock = serving.house.clock
        self._picture = Picture()
        # Every demonstration is another one; a test gives its own seed to the samples themselves.
        self._samples = Samples(int(self._clock.now().timestamp()))
        self._ended: queue.SimpleQueue[tuple[str, str, str]] = queue.SimpleQueue()
        self._mails = serving.settings.data / mailbox.FOLDER
        self._seen = {path.name for path in self._mails.glob("*.eml")}
        self.stopping = threading.Event()
        serving.house.engine.dispatch.on_end = self._note

    def run(self) -> None:
        """Play until somebody ends it."""
        try:
            with screen(self._picture, self._clock.monotonic) as shown:
                server = self._connect()
                self._deploy(server)
                self._play(server, shown)
        except SallyportError as error:
            if is_surprising(error, self.stopping):
                output.tell(f"The demonstration has stopped: {remote.sentence(error)}")

    def _play(self, server: Remote, shown: Screen) -> None:
        began = now = self._clock.monotonic()
        next_alert, next_asked = now, now
        severities = self._first_severities()
        while not self.stopping.is_set():
            now = self._clock.monotonic()
            if now - began > _TOKEN_SECONDS:
                server.close()
                server, began = self._connect(), now
            if now >= next_alert:
                self._send(server, shown, next(severities))
                next_alert = now + self._samples.pause(_PAUSE)
            if now >= next_asked:
                self._ask(server)
                next_asked = now + _ASKED_EVERY
            self._take(shown)
            shown.draw()
            self.stopping.wait(_DRAWN_EVERY)

    def _first_severities(self) -> Iterator[str]:
        """Give the severities to ask for: a serious one first, so that there is something to see at once."""
        yield "high"
        while True:
            yield ""

    def _connect(self) -> Remote:
        house, told = self._serving.house, self._serving.settings
        token = administrator.local_token(house.database, told.data, self._clock, told.token_lifetime_seconds)
        return Remote(self._serving.url, token)

    def _deploy(self, server: Remote) -> None:
        """Put the examples on the server, but for those that are there: somebody may have changed them."""
        there = {workflow["name"] for workflow in server.every(remote.WORKFLOWS, {"$top": 100})}
        for source in examples.every():
            names = {workflow.name for workflow in source.workflows(Given())}
            try:
                if not names <= there:
                    list(deploy.deploy(server, [source], given(source)))
            except Refused as refused:
                output.tell(f"An example was not deployed: {remote.sentence(refused)}")
                continue
            for name in names:
                self._picture.add_workflow(name)

    def _send(self, server: Remote, shown: Screen, severity: str) -> None:
        alert = self._samples.alert(self._clock.now(), severity)
        headers = {"Content-Type": "application/json"}
        try:
            server.call("POST", remote.INGEST, content=orjson.dumps([alert]), headers=headers)
        except Refused as refused:
            # The disk may be full, and have room again later.
            output.tell(f"An alert was refused: {remote.sentence(refused)}")
            return
        self._picture.add_alert(alert)
        shown.happened("alert", alert["severity"], f"{alert['vendorInformation']['provider']}: {alert['title']}")

    def _ask(self, server: Remote) -> None:
        """Ask which runs go on or wait."""
        for name in list(self._picture.ended):
            path = f"{server.workflow(name)}/runs"
            query = {"$filter": "status eq 'Running'", "$top": "500"}
            self._picture.going_on[name] = sum(1 for _ in server.every(path, query, most=500))

    def _take(self, shown: Screen) -> None:
        """Take note of the runs that have ended and of the mails that were delivered."""
        while not self._ended.empty():
            run_id, workflow, status = self._ended.get_nowait()
            run = Ended(workflow, status, self._actions(run_id))
            self._picture.add_run(run, self._clock.monotonic())
            shown.happened("run", run.status, f"{run.workflow}, {run.actions} actions")
        for path in sorted(self._mails.glob("*.eml")):
            if path.name not in self._seen:
                self._seen.add(path.name)
                mail = self._mail(path)
                self._picture.add_mail(mail)
                shown.happened("mail", "delivered", f"{mail.subject} -> {mail.to}")

    def _mail(self, path: Path) -> Mail:
        found = mailbox.find(self._mails, path.stem)
        return Mail(found.to, " ".join(found.subject.split()))

    def _note(self, run: Run, status: str) -> None:
        # In the thread of the server: only hand it over.
        self._ended.put((run.id, run.workflow.name, status))

    def _actions(self, run_id: str) -> int:
        """Answer how many actions a run's history holds, each repetition counted."""
        entries = self._serving.house.database.read_now(lambda connection: list(history.read(connection, run_id)))
        return len({(entry.name, entry.repetition) for entry in entries if entry.status not in output.GOING_ON})


def given(source: Source) -> Given:
    """Answer the values that an example is deployed with: where it polls every few minutes, every few seconds."""
    document = source.workflows(Given())[0].document
    frequency = _member(_member(document, "parameters"), "frequency")
    polls = any("recurrence" in _member(_member(document, "triggers"), name) for name in _member(document, "triggers"))
    return Given(settings=_OFTEN) if polls and frequency.get("defaultValue") == "Minute" else Given()


def _member(value: Mapping[str, Json], name: str) -> dict[str, Json]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}
