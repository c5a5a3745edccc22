"""Indexes for what queries of alerts_v2 and incidents ask for most."""

from __future__ import annotations

from alembic import op

from sallyport.store import alert_table, incidents

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_NAMES = ("ix_alerts_v2_severity", "ix_alerts_v2_status", "ix_incidents_severity", "ix_incidents_assigned_to")


def upgrade() -> None:
    """Make the indexes that are missing: 0004 may have made a table that has them already."""
    connection = op.get_bind()
    for table in (alert_table.alerts, incidents.incidents):
        for index in table.indexes:
            if index.name in _NAMES:
                index.create(connection, checkfirst=True)
