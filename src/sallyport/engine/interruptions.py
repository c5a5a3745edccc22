"""What stops a run from inside without any action having failed.

The rule: only the top of a run catches these; a step lets them pass.
"""

from __future__ import annotations

from sallyport.engine.outcome import EndsRun
from sallyport.engine.records import Record


class Interruption(Exception):
    """Raised when a run cannot go on where it is; the history is enough to say what to do next."""


class Superseded(Interruption):
    """Raised when another process has claimed the run: this one must not write again."""


class JournalFailed(Interruption):
    """Raised when the journal could not be written; what was not committed did not happen, and the cause says why."""


class RunEnds(Interruption):
    """Raised when an action ends the whole run."""

    def __init__(self, ending: EndsRun, record: Record) -> None:
        super().__init__(ending.code)
        self.ending = ending
        #: The action's own record, which is committed with the run's end and never before: a run that is resumed in
        #: between must come to its end again.
        self.record = record
