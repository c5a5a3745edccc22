"""Every table of the store, so that one import makes the metadata whole."""

from __future__ import annotations

from sallyport.store import (
    alerts,
    audit,
    callbacks,
    clients,
    contents,
    history,
    indicators,
    keys,
    outbox,
    probe,
    runs,
    schema,
    subscriptions,
    tenants,
    workflows,
)
from sallyport.store.database import Database

__all__ = [
    "alerts",
    "audit",
    "callbacks",
    "clients",
    "contents",
    "create",
    "history",
    "indicators",
    "keys",
    "outbox",
    "probe",
    "runs",
    "subscriptions",
    "tenants",
    "workflows",
]


def create(database: Database) -> None:
    """Create the tables that are missing."""
    database.write_now(schema.metadata.create_all)
