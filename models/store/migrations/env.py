"""What Alembic runs: always inside the transaction that `upgrade` opened."""

from __future__ import annotations

from alembic import context

from models.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
