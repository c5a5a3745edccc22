"""What the demonstration has seen so far, as numbers and short lists: what the screen draws. Knows no terminal."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Over how many seconds the rate of actions is measured.
WINDOW_SECONDS = 10.0
_KEPT = 50


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended."""

    workflow: str
    status: str
    actions: int


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was delivered."""

    to: str
    subject: str


@dataclass(slots=True)
class Picture:
    """Everything that is shown."""

    alerts: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    alert_count: int = 0
    #: Ended runs by workflow and status.
    ended: dict[str, Counter[str]] = field(default_factory=dict)
    #: Runs that go on or wait, by workflow.
    going_on: dict[str, int] = field(default_factory=dict)
    action_count: int = 0
    mail_count: int = 0
    last_mail: Mail | None = None
    _actions: deque[tuple[float, int]] = field(default_factory=deque)

    def add_workflow(self, name: str) -> None:
        """Show a workflow, also before it has run."""
        self.ended.setdefault(name, Counter())
        self.going_on.setdefault(name, 0)

    def add_alert(self, alert: Mapping[str, Any]) -> None:
        """Note an alert that was stored."""
        self.alerts.appendleft(alert)
        self.alert_count += 1

    def add_run(self, run: Ended, at: float) -> None:
        """Note a run that has ended; `at` is in seconds on a clock that never goes back."""
        self.add_workflow(run.workflow)
        self.ended[run.workflow][run.status] += 1
        self.action_count += run.actions
        self._actions.append((at, run.actions))

    def add_mail(self, mail: Mail) -> None:
        """Note a mail that was delivered."""
        self.mail_count += 1
        self.last_mail = mail

    def actions_per_second(self, now: float) -> float:
        """Answer how many actions a second ended lately."""
        while self._actions and self._actions[0][0] < now - WINDOW_SECONDS:
            self._actions.popleft()
        return sum(number for _, number in self._actions) / WINDOW_SECONDS
