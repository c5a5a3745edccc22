"""What Alembic runs for each command: the migrations, inside the transaction that the caller holds."""

from __future__ import annotations

from alembic import context

from sallyport.store import schema, tables

__all__ = ["tables"]


def run() -> None:
    """Run the migrations on the connection that the configuration carries."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=schema.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run()
