"""The schema, step by step. `upgrade` is all that programs need: no ini file, no command."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine, text

from models.errors import Misconfigured

_LOCK = 0x4465706C69
"""Any number nobody else uses: the advisory lock on PostgreSQL."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest version, in one transaction.

    Two processes may start at once: one waits for the other, on SQLite by the write lock that every transaction of
    ours begins with, on PostgreSQL by an advisory lock.
    Raises: Misconfigured when the record was written by a newer program.
    """
    config = _config()
    head = ScriptDirectory.from_config(config).get_current_head()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if MigrationContext.configure(connection).get_current_revision() == head:
            return
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise Misconfigured(
                f"The record was written by another version of Depli ({error}). Install that version or a newer one."
            ) from error
