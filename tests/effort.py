"""Bounds what hostile input may cost: in time of the processor, so that other work on the machine changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Demand that what is done inside takes this thread no longer than so many seconds of the processor."""
    started = time.thread_time()
    yield
    taken = time.thread_time() - started
    assert taken < seconds, f"it took {taken:.2f} seconds of the processor, and may take {seconds}"
