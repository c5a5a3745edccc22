"""Users, their sessions, what they granted, and how applications let them sign in.

Applications that are registered already keep their permissions: whoever registered them had consented to them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sallyport.store.schema import Document
from sallyport.store.schema import metadata as current

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

metadata = sa.MetaData(naming_convention=current.naming_convention)
_INSTANT = sa.String(28)


def _client(**more: bool) -> sa.Column[str]:
    return sa.Column(
        "client_id",
        sa.String(36),
        sa.ForeignKey(_clients.c.client_id, ondelete="CASCADE"),
        **more,  # type: ignore[arg-type]
    )


def _user() -> sa.Column[str]:
    return sa.Column(
        "user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True
    )


def upgrade() -> None:
    """Create the tables, and write down what was granted by registration."""
    connection = op.get_bind()
    metadata.create_all(connection, tables=[each for each in metadata.sorted_tables if each is not _clients])
    for row in connection.execute(sa.select(_clients)).all():
        granted = {"roles": row.permissions, "scopes": [], "granted_at": row.created_at, "granted_by": "local"}
        connection.execute(consents.insert().values(client_id=row.client_id, **granted))


_clients = sa.Table(
    "clients",
    metadata,
    sa.Column("client_id", sa.String(36), primary_key=True),
    sa.Column("permissions", Document, nullable=False),
    sa.Column("created_at", _INSTANT, nullable=False),
)
sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("key", sa.String(256), nullable=False, unique=True),
    sa.Column("name", sa.String(256), nullable=False),
    sa.Column("display_name", sa.String(256), nullable=False),
    sa.Column("password_hash", sa.String(256), nullable=False),
    sa.Column("roles", Document, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("created_at", _INSTANT, nullable=False),
)
sa.Table(
    "sessions",
    metadata,
    sa.Column("id_hash", sa.String(64), primary_key=True),
    _user(),
    sa.Column("signed_in_at", _INSTANT, nullable=False),
    sa.Column("used_at", _INSTANT, nullable=False),
)
consents = sa.Table(
    "consents",
    metadata,
    _client(primary_key=True),
    sa.Column("roles", Document, nullable=False),
    sa.Column("scopes", Document, nullable=False),
    sa.Column("granted_at", _INSTANT, nullable=False),
    sa.Column("granted_by", sa.String(256), nullable=False),
)
sa.Table(
    "client_sign_ins",
    metadata,
    _client(primary_key=True),
    sa.Column("redirect_uris", Document, nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("scopes", Document, nullable=False),
)
sa.Table(
    "client_keys",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    _client(nullable=False, index=True),
    sa.Column("thumbprint", sa.String(64), nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("created_at", _INSTANT, nullable=False),
    sa.Column("expires_at", _INSTANT),
)
sa.Table(
    "token_families",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    _client(nullable=False, index=True),
    _user(),
    sa.Column("created_at", _INSTANT, nullable=False),
    sa.Column("revoked_at", _INSTANT, index=True),
)
sa.Table(
    "grants",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    _client(nullable=False, index=True),
    sa.Column("family", sa.String(36), sa.ForeignKey("token_families.id", ondelete="CASCADE"), index=True),
    sa.Column("expires_at", _INSTANT, nullable=False, index=True),
    sa.Column("user_code", sa.String(64), unique=True),
    sa.Column("detail", Document, nullable=False),
)
sa.Table(
    "spent",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("expires_at", _INSTANT, nullable=False, index=True),
)
