"""Fixtures that several packages share: a record in a file, on PostgreSQL, or on both; an image store in memory."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from models.store import MemoryImages, SqlUnitOfWork, open_record
from models.store.tables import metadata

# a failed test shows what went wrong, not each job that went well
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))

DATABASE_URL = os.environ.get("DEPLI_TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A fresh record in SQLite."""
    engine = open_record(f"sqlite:///{tmp_path / 'record.sqlite3'}")
    yield engine
    engine.dispose()


@pytest.fixture
def uow_factory(engine: Engine) -> Callable[[], SqlUnitOfWork]:
    """Makes units of work on the record in SQLite; one a thread."""
    return lambda: SqlUnitOfWork(engine)


@pytest.fixture
def images() -> MemoryImages:
    """An empty image store."""
    return MemoryImages()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A schema of its own in the test database, dropped at the end."""
    schema = f"depli_{uuid.uuid4().hex[:12]}"
    server = create_engine(DATABASE_URL, connect_args={"connect_timeout": 3})
    try:
        with server.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        pytest.skip(f"PostgreSQL does not answer at {make_url(DATABASE_URL).render_as_string()}: {error}")
    url = make_url(DATABASE_URL).update_query_dict({"options": f"-csearch_path={schema}"})
    yield url.render_as_string(hide_password=False)
    with server.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    server.dispose()


@pytest.fixture(scope="session")
def _postgresql(postgresql_url: str) -> Iterator[Engine]:
    engine = open_record(postgresql_url)
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql_engine(_postgresql: Engine) -> Engine:
    """An empty record in PostgreSQL."""
    with _postgresql.begin() as connection:
        # the journal's trigger refuses to be emptied, as it should
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        # not TRUNCATE: that makes new files and fsyncs them
        connection.execute(text("; ".join(f"DELETE FROM {table.name}" for table in metadata.sorted_tables)))
        connection.execute(text("INSERT INTO counters VALUES ('batch', 0)"))
        connection.execute(text("INSERT INTO journal_head VALUES (1, 0, :hash)"), {"hash": "0" * 64})
    return _postgresql


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    """The same test on both databases."""
    name = "engine" if request.param == "sqlite" else "postgresql_engine"
    engine: Engine = request.getfixturevalue(name)
    return engine
