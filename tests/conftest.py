"""Fixtures that several packages share: a record in a file, an image store in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from models.store import MemoryImages, SqlUnitOfWork, open_record


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A fresh record in SQLite."""
    engine = open_record(f"sqlite:///{tmp_path / 'record.sqlite3'}")
    yield engine
    engine.dispose()


@pytest.fixture
def uow_factory(engine: Engine) -> Callable[[], SqlUnitOfWork]:
    """Makes units of work on the record; one a thread."""
    return lambda: SqlUnitOfWork(engine)


@pytest.fixture
def images() -> MemoryImages:
    """An empty image store."""
    return MemoryImages()
