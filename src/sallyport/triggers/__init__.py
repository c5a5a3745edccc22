"""The reasons for a run to start: one file for each kind of trigger, and the table that the loop is given.

The rule: a trigger whose type is not in the table can be deployed, and fired by hand, but never fires by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from sallyport.triggers import (
    batch,
    manifest,
    polling,
    recurrence,
    request,
    sliding_window,
    trigger_type,
    webhook,
)
from sallyport.triggers.trigger_type import TriggerType

#: Every trigger type that can be run, by its name.
TRIGGERS: Mapping[str, TriggerType] = manifest.described(
    trigger_type.table(
        # Time
        recurrence.recurrence,
        sliding_window.sliding_window,
        # Called
        request.REQUEST,
        webhook.http_webhook,
        webhook.api_connection_webhook,
        # Polling
        polling.http,
        polling.api_connection,
        # Other workflows
        batch.batch,
    )
)
