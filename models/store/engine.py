"""Opening the record: SQLite for the embedded set-up, PostgreSQL for the distributed one."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from models.errors import Misconfigured, StaleVersion, Unavailable
from models.store.migrations import upgrade

BUSY_S = 30
"""How long a writer waits for another one on SQLite."""
_TURNS: WeakKeyDictionary[Engine, threading.Lock] = WeakKeyDictionary()
WRITES = "depli_writes"
"""Execution option: the transaction takes the write lock of SQLite when it begins."""


def open_record(url: str) -> Engine:
    """Connect and bring the schema up to date; safe when several processes do so at once.

    Args:
        url: SQLAlchemy URL, `sqlite:////path/to/file` or `postgresql+psycopg://user@host/base`.
    Raises: Misconfigured for a URL we cannot use or a schema newer than the program, Unavailable when nothing answers.
    """
    engine = _sqlite(url) if url.startswith("sqlite") else _postgresql(url)
    upgrade(engine)
    return engine


def _sqlite(url: str) -> Engine:
    database = make_url(url).database
    if database and database != ":memory:":
        Path(database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, pool_size=20, max_overflow=60, pool_timeout=BUSY_S)
    else:
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    _TURNS[engine] = threading.Lock()
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "handle_error", _translate, retval=True)
    return engine


def take_turn(engine: Engine) -> threading.Lock | None:
    """Wait for the other writers of this process on SQLite; answers what to release afterwards.

    SQLite's own waiting is polling with growing pauses: under load some writers would wait for seconds.
    Raises: Unavailable when it takes too long.
    """
    turn = _TURNS.get(engine)
    if turn is not None and not turn.acquire(timeout=BUSY_S):
        raise Unavailable("The record is busy: nothing was written, try again.")
    return turn


def _postgresql(url: str) -> Engine:
    try:
        engine = create_engine(
            url,
            pool_size=10,
            max_overflow=40,
            pool_timeout=30,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10},
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise Misconfigured(
            "The database URL cannot be used: write sqlite:////path/file or postgresql+psycopg://user@host/base "
            "(PostgreSQL needs the extra `services`)."
        ) from error
    if engine.dialect.name != "postgresql":
        raise Misconfigured(f"{engine.dialect.name} cannot hold the record: use SQLite or PostgreSQL.")
    event.listen(engine, "handle_error", _translate, retval=True)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # the driver would begin transactions late and in its own way: _begin_sqlite does it
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={int(BUSY_S * 1000)}")
    connection.execute("PRAGMA foreign_keys=ON")
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            # changing the mode of a fresh file does not wait for a lock by itself
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)
    # committed means on disk, also after a power cut
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: Connection) -> None:
    # a reader that turns writer half-way fails at once instead of waiting: writers say so from the start
    writes = connection.get_execution_options().get(WRITES, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _translate(context: ExceptionContext) -> BaseException | None:
    """The driver's error as ours; `None` leaves it as it is (a bug of ours)."""
    error: Any = context.original_exception
    if context.is_disconnect:
        return Unavailable("The record does not answer: nothing was written, try again.")
    name = type(error).__name__
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorname", "")
        if code in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"):
            return StaleVersion("Somebody else wrote the same row first.")
        if isinstance(error, sqlite3.OperationalError) and code not in ("", "SQLITE_ERROR"):
            return Unavailable(f"The record does not answer ({code}): nothing was written, try again.")
        return None
    if getattr(error, "sqlstate", None) == "23505":
        return StaleVersion("Somebody else wrote the same row first.")
    module = type(error).__module__
    if module.startswith("psycopg") and any(base.__name__ == "OperationalError" for base in type(error).__mro__):
        return Unavailable(f"The record does not answer ({name}): nothing was written, try again.")
    return None
