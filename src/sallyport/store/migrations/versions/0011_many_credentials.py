"""Several named secrets and keys of an application, what it offers to others, and tokens that end before their time.

Three small tables that nothing refers to are made anew around their rows, so that they are what a new database has.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sallyport.store.schema import Document
from sallyport.store.schema import metadata as current

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

metadata = sa.MetaData(naming_convention=current.naming_convention)
_INSTANT = sa.String(28)
#: What the rows that are there did not say.
_ADDED: dict[str, dict[str, object]] = {
    "client_secrets": {"display_name": ""},
    "client_keys": {"display_name": ""},
    "client_sign_ins": {"exposes": []},
}


def upgrade() -> None:
    """Make the tables, and put back what stood in them."""
    connection = op.get_bind()
    for table in (_secrets, _keys, _sign_ins):
        before = sa.Table(table.name, sa.MetaData(), autoload_with=connection)
        # Read through the columns' own types: what is JSON comes as what it says.
        kept = [each for each in table.columns if each.name in before.columns]
        rows = list(connection.execute(sa.select(*kept)).mappings())
        op.drop_table(table.name)
        table.create(connection)
        for row in rows:
            connection.execute(table.insert().values({**row, **_ADDED[table.name]}))
    for made in ("family_parents", "endings"):
        metadata.tables[made].create(connection)


def _client(**more: bool) -> sa.Column[str]:
    return sa.Column(
        "client_id",
        sa.String(36),
        sa.ForeignKey("clients.client_id", ondelete="CASCADE"),
        **more,  # type: ignore[arg-type]
    )


def _credentials(name: str, *columns: sa.Column[str]) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.String(36), primary_key=True),
        _client(nullable=False, index=True),
        *columns,
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT),
        sa.Column("display_name", sa.String(256), nullable=False),
        sa.Column("starts_at", _INSTANT),
    )


sa.Table("clients", metadata, sa.Column("client_id", sa.String(36), primary_key=True))
sa.Table("token_families", metadata, sa.Column("id", sa.String(36), primary_key=True))
_secrets = _credentials(
    "client_secrets",
    sa.Column("hash", sa.String(256), nullable=False),
    sa.Column("hint", sa.String(8), nullable=False),
)
_keys = _credentials(
    "client_keys",
    sa.Column("thumbprint", sa.String(64), nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
)
_sign_ins = sa.Table(
    "client_sign_ins",
    metadata,
    _client(primary_key=True),
    sa.Column("redirect_uris", Document, nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("scopes", Document, nullable=False),
    sa.Column("exposes", Document, nullable=False),
)
sa.Table(
    "family_parents",
    metadata,
    sa.Column("family", sa.String(36), sa.ForeignKey("token_families.id", ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "parent", sa.String(36), sa.ForeignKey("token_families.id", ondelete="CASCADE"), nullable=False, index=True
    ),
)
sa.Table(
    "endings",
    metadata,
    sa.Column("subject", sa.String(36), primary_key=True),
    sa.Column("ended_at", _INSTANT, nullable=False, index=True),
)
