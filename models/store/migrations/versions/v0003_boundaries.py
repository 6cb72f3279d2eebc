"""How sure it is that a document begins and ends where it does, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("documents", sa.Column("boundary_confidence", sa.Float(), nullable=True))
    op.add_column("documents", sa.Column("boundary_reason", sa.Text(), nullable=False, server_default=""))
