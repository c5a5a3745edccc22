"""Every table of the store, so that one import makes the metadata whole."""

from __future__ import annotations

from sallyport.store import (
    alerts,
    audit,
    batches,
    callbacks,
    clients,
    consents,
    contents,
    credentials,
    deliveries,
    endings,
    grants,
    history,
    incidents,
    indicators,
    keys,
    lanes,
    matches,
    observables,
    outbox,
    pending_searches,
    probe,
    runs,
    schema,
    sessions,
    stix_feed,
    subscriptions,
    taxii_statuses,
    tenants,
    trigger_histories,
    trigger_states,
    users,
    workflows,
)
from sallyport.store.database import Database

__all__ = [
    "alerts",
    "audit",
    "batches",
    "callbacks",
    "clients",
    "consents",
    "contents",
    "create",
    "credentials",
    "deliveries",
    "endings",
    "grants",
    "history",
    "incidents",
    "indicators",
    "keys",
    "lanes",
    "matches",
    "observables",
    "outbox",
    "pending_searches",
    "probe",
    "runs",
    "sessions",
    "stix_feed",
    "subscriptions",
    "taxii_statuses",
    "tenants",
    "trigger_histories",
    "trigger_states",
    "users",
    "workflows",
]


def create(database: Database) -> None:
    """Create the tables that are missing."""
    database.write_now(schema.metadata.create_all)
