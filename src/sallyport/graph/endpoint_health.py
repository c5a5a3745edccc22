"""How an endpoint has answered lately, and what follows: it is told at once, later, or for a while not at all.

The rule: the state belongs to the endpoint, across all of its subscriptions. The figures are those that Microsoft
documents for change notifications: https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
Deviation: fewer than ten answers in ten minutes say nothing about an endpoint; Microsoft does not say how many do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta

WINDOW_SECONDS = 600.0
#: An answer that takes longer, or does not come, is a slow one.
SLOW_SECONDS = 10.0
SLOW_SHARE = 0.10
DROP_SHARE = 0.15
DELAY_SECONDS = 10.0
DROPPED_SECONDS = 600.0
FEWEST = 10

#: The shortest waits between attempts, in seconds; after the last it stays there until `LONGEST` is over.
WAITS_SECONDS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0)
#: How long somebody is tried, from when there was something to tell.
LONGEST = timedelta(hours=4)
#: How much of a wait is left to chance, so that not everything comes back at once.
JITTER = 0.2


def wait_seconds(attempts: int, chance: float) -> float:
    """Answer how long to wait after so many attempts that failed; `chance` is between 0 and 1."""
    base = WAITS_SECONDS[min(attempts, len(WAITS_SECONDS)) - 1]
    return base * (1 + JITTER * chance)


class Health:
    """One endpoint's answers within the window."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._now = monotonic
        self._answers: deque[tuple[float, bool]] = deque()
        self._slow = 0
        self._dropping_until = 0.0

    def note(self, seconds: float) -> None:
        """Count one answer that took so long."""
        slow = seconds >= SLOW_SECONDS
        self._answers.append((self._now(), slow))
        self._slow += slow
        self._forget()
        if not self.is_dropping and self._share() > DROP_SHARE:
            self._dropping_until = self._now() + DROPPED_SECONDS

    @property
    def is_dropping(self) -> bool:
        """Whether new notifications are dropped."""
        return self._now() < self._dropping_until

    @property
    def dropping_seconds(self) -> float:
        """How much longer new notifications are dropped."""
        return max(0.0, self._dropping_until - self._now())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is known any more."""
        self._forget()
        return not self._answers and not self.is_dropping

    @property
    def delay_seconds(self) -> float:
        """How long a new notification is held back."""
        self._forget()
        return DELAY_SECONDS if self._share() > SLOW_SHARE else 0.0

    def _share(self) -> float:
        return self._slow / len(self._answers) if len(self._answers) >= FEWEST else 0.0

    def _forget(self) -> None:
        oldest = self._now() - WINDOW_SECONDS
        while self._answers and self._answers[0][0] < oldest:
            _, slow = self._answers.popleft()
            self._slow -= slow
