"""The limits that a run keeps, with Azure's Consumption figures as defaults; each can be set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """How large, how many and how long."""

    foreach_items: int = 100_000
    foreach_concurrency: int = 20
    until_iterations: int = 5_000
    split_on_items: int = 100_000
    split_on_items_with_concurrency: int = 100
    message_bytes: int = 104_857_600
    #: What one run may hold at a time: the inputs and outputs of its actions, and its variables.
    held_bytes: int = 536_870_912
    #: How long an outbound call, or a caller who waits for a response, may take.
    request_timeout_seconds: float = 120.0
    run_duration: timedelta = timedelta(days=90)
    retry_attempts: int = 90
    url_characters: int = 16_384
    #: Contents above this are stored once, by their hash, and not in the history's row.
    inline_content_bytes: int = 4_096
