"""The first tables.

The declarations are a copy of those in the store at the time of the first release, and stay as they are: what comes
later is another migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sallyport.store.schema import Document, Sequence
from sallyport.store.schema import metadata as current

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

metadata = sa.MetaData(naming_convention=current.naming_convention)


def _text(length: int) -> sa.types.TypeEngine[str]:
    """Answer text that PostgreSQL orders by its bytes, as SQLite does."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    metadata.create_all(op.get_bind())


sa.Table(
    "alerts",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", _text(256), nullable=False, unique=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("severity", sa.Integer),
    sa.Column("status", sa.Integer),
    sa.Column("provider", _text(600)),
    sa.Column("vendor", _text(600)),
    sa.Column("category", _text(600)),
    sa.Column("assigned_to", _text(600)),
    sa.Column("created_at", _text(28), nullable=False),
    sa.Column("event_at", _text(28)),
    sa.Column("modified_at", _text(28)),
    sa.Column("document", Document, nullable=False),
    sa.Index("ix_alerts_assigned_to", "assigned_to", "created_at", "id"),
    sa.Index("ix_alerts_created_at", "created_at", "id"),
    sa.Index("ix_alerts_event_at", "event_at"),
    sa.Index("ix_alerts_modified_at", "modified_at"),
    sa.Index("ix_alerts_provider", "provider", "created_at", "id"),
    sa.Index("ix_alerts_severity", "severity", "created_at", "id"),
    sa.Index("ix_alerts_status", "status", "created_at", "id"),
    sqlite_autoincrement=True,
)

sa.Table(
    "audit_events",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("at", sa.String(28), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("activity", sa.String(64), nullable=False),
    sa.Column("target", sa.String(256), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("remote_address", sa.String(64), nullable=False),
    sa.Column("detail", Document, nullable=False),
    sa.Index("ix_audit_events_at", "at"),
)

sa.Table(
    "batch_messages",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("workflow_id", sa.String(36), nullable=False),
    sa.Column("trigger_name", sa.String(80), nullable=False),
    sa.Column("batch_name", sa.String(128), nullable=False),
    sa.Column("partition_name", sa.String(128), nullable=False),
    sa.Column("delivery_id", sa.String(256), nullable=False),
    sa.Column("message_id", sa.String(256), nullable=False),
    sa.Column("content", sa.Text),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("received_at", sa.String(28), nullable=False),
    sa.Column("released_at", sa.String(28)),
    sa.UniqueConstraint("workflow_id", "trigger_name", "batch_name", "partition_name", "delivery_id"),
    sa.Index(
        "ix_batch_messages_waiting",
        "workflow_id",
        "trigger_name",
        "batch_name",
        "partition_name",
        "sequence",
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

sa.Table(
    "callbacks",
    metadata,
    sa.Column("run_id", sa.String(40), primary_key=True),
    sa.Column("action", sa.String(80), primary_key=True),
    sa.Column("repetition", sa.String(80), primary_key=True),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("received_at", sa.String(28), nullable=False),
)

sa.Table(
    "clients",
    metadata,
    sa.Column("client_id", sa.String(36), primary_key=True),
    sa.Column("tenant_id", sa.String(36), nullable=False),
    sa.Column("display_name", sa.String(256), nullable=False),
    sa.Column("permissions", Document, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("administrator", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.String(28), nullable=False),
)

sa.Table(
    "contents",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("stored_at", sa.String(28), nullable=False),
)

sa.Table(
    "indicators",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", _text(36), nullable=False, unique=True),
    sa.Column("app_id", sa.String(256), nullable=False),
    sa.Column("identity", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("external_id", _text(600)),
    sa.Column("target_product", _text(600)),
    sa.Column("threat_type", _text(600)),
    sa.Column("domain_name", _text(600)),
    sa.Column("network_ipv4", _text(600)),
    sa.Column("file_hash_value", _text(600)),
    sa.Column("ingested_at", _text(28), nullable=False),
    sa.Column("expires_at", _text(28), nullable=False),
    sa.Column("document", Document, nullable=False),
    sa.UniqueConstraint("app_id", "identity"),
    sa.Index("ix_indicators_domain_name", "domain_name"),
    sa.Index("ix_indicators_expires_at", "expires_at"),
    sa.Index("ix_indicators_external_id", "external_id"),
    sa.Index("ix_indicators_file_hash_value", "file_hash_value"),
    sa.Index("ix_indicators_ingested_at", "ingested_at", "id"),
    sa.Index("ix_indicators_network_ipv4", "network_ipv4"),
    sa.Index("ix_indicators_threat_type", "threat_type", "ingested_at", "id"),
    sqlite_autoincrement=True,
)

sa.Table(
    "outbox",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("resource_id", sa.String(256), nullable=False),
    sa.Column("change_type", sa.String(8), nullable=False),
    sa.Column("occurred_at", sa.String(28), nullable=False),
    sqlite_autoincrement=True,
)

sa.Table(
    "probes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.String(28), nullable=False),
)

sa.Table(
    "run_history",
    metadata,
    sa.Column("run_id", sa.String(40), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("repetition", sa.String(80), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("workflow_id", sa.String(36), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("trigger_name", sa.String(80), nullable=False),
    sa.Column("event_id", sa.String(256)),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("code", sa.String(80)),
    sa.Column("error", Document),
    sa.Column("started_at", sa.String(28), nullable=False),
    sa.Column("ended_at", sa.String(28)),
    sa.Column("client_tracking_id", sa.String(256), nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("outputs", sa.Text),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("owner", sa.String(64)),
    sa.Column("wake_at", sa.String(28)),
    sa.Index(
        "ix_runs_owner",
        "owner",
        sqlite_where=sa.text("owner IS NOT NULL"),
        postgresql_where=sa.text("owner IS NOT NULL"),
    ),
    sa.Index(
        "ix_runs_unusual",
        "workflow_id",
        "status",
        "id",
        sqlite_where=sa.text("status != 'Succeeded'"),
        postgresql_where=sa.text("status != 'Succeeded'"),
    ),
    sa.Index(
        "ix_runs_wake_at",
        "wake_at",
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    ),
    sa.Index("ix_runs_workflow", "workflow_id", "id"),
    sa.Index(
        "uq_runs_event",
        "workflow_id",
        "trigger_name",
        "event_id",
        unique=True,
        sqlite_where=sa.text("event_id IS NOT NULL"),
        postgresql_where=sa.text("event_id IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

sa.Table(
    "signing_keys",
    metadata,
    sa.Column("kid", sa.String(64), primary_key=True),
    sa.Column("algorithm", sa.String(16), nullable=False),
    sa.Column("sealed_private_key", sa.Text, nullable=False),
    sa.Column("public_jwk", Document, nullable=False),
    sa.Column("created_at", sa.String(28), nullable=False),
    sa.Column("retired_at", sa.String(28)),
)

sa.Table(
    "subscriptions",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("app_id", sa.String(256), nullable=False),
    sa.Column("user_id", sa.String(256)),
    sa.Column("tenant_id", sa.String(256), nullable=False),
    sa.Column("created_at", sa.String(28), nullable=False),
    sa.Column("expires_at", sa.String(28), nullable=False),
    sa.Column("document", Document, nullable=False),
    sa.Index("ix_subscriptions_app_id", "app_id", "created_at"),
    sa.Index("ix_subscriptions_expires_at", "expires_at"),
)

sa.Table(
    "tenants",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("display_name", sa.String(256), nullable=False),
    sa.Column("created_at", sa.String(28), nullable=False),
)

sa.Table(
    "trigger_histories",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("workflow_id", sa.String(36), nullable=False),
    sa.Column("trigger_name", sa.String(80), nullable=False),
    sa.Column("started_at", sa.String(28), nullable=False),
    sa.Column("ended_at", sa.String(28), nullable=False),
    sa.Column("scheduled_at", sa.String(28)),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("code", sa.String(80), nullable=False),
    sa.Column("error", Document),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index("ix_trigger_histories_ended_at", "ended_at"),
    sa.Index("ix_trigger_histories_trigger", "workflow_id", "trigger_name", "id"),
)

sa.Table(
    "trigger_states",
    metadata,
    sa.Column("workflow_id", sa.String(36), primary_key=True),
    sa.Column("trigger_name", sa.String(80), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("saved_at", sa.String(28), nullable=False),
    sa.Column("next_at", sa.String(28)),
    sa.Column("memory", Document, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("owner", sa.String(64)),
    sa.Column("claimed_until", sa.String(28)),
    sa.Index(
        "ix_trigger_states_next_at",
        "next_at",
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    ),
)

sa.Table(
    "workflows",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("folded_name", sa.String(80), nullable=False, unique=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", sa.String(28), nullable=False),
    sa.Column("changed_at", sa.String(28), nullable=False),
    sa.Column("access_key", sa.Text, nullable=False),
    sa.Column("tags", Document, nullable=False),
)

sa.Table(
    "client_secrets",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("client_id", sa.String(36), sa.ForeignKey("clients.client_id", ondelete="CASCADE"), nullable=False),
    sa.Column("hash", sa.String(256), nullable=False),
    sa.Column("hint", sa.String(8), nullable=False),
    sa.Column("created_at", sa.String(28), nullable=False),
    sa.Column("expires_at", sa.String(28)),
    sa.Index("ix_client_secrets_client_id", "client_id"),
)

sa.Table(
    "workflow_versions",
    metadata,
    sa.Column("workflow_id", sa.String(36), sa.ForeignKey("workflows.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(16)),
    sa.Column("definition", sa.Text, nullable=False),
    sa.Column("parameters", sa.Text, nullable=False),
    sa.Column("connections", Document, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("created_at", sa.String(28), nullable=False),
)
