"""Where the store stands: the highest number of each kind that triggers wait for.

The rule: read in the transaction that begins to wait, so that whatever is committed after it has a higher number.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from sallyport.connector_call import ALERTS, MATCHES
from sallyport.store import alerts, matches

#: The highest number, by kind.
Place = dict[str, int]


def here(connection: Connection) -> Place:
    """Answer the place behind everything that is stored by now."""
    return {ALERTS: alerts.highest(connection), MATCHES: matches.highest(connection)}
