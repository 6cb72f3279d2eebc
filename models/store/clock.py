"""The time all workers agree on."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select

from models.store.engine import WRITES

RESYNC_S = 60.0


class RecordClock:
    """`models.ports.Clock`: asks the database once a minute and counts on from there with the monotonic clock.

    Leases of several hosts then run on one clock, and a host whose own clock jumps neither keeps nor loses a job.
    On SQLite there is one host only: its clock is read once a minute.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(**{WRITES: False})
        self._lock = threading.Lock()
        self._known: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """This moment, aware UTC.

        Raises: Unavailable when the record has never answered; later on it counts without it.
        """
        with self._lock:
            if self._known is None or time.monotonic() - self._known[1] > RESYNC_S:
                self._synchronise()
            assert self._known is not None  # noqa: S101 - set by _synchronise or an error was raised
            moment, at = self._known
            return moment + timedelta(seconds=time.monotonic() - at)

    def _synchronise(self) -> None:
        if self._engine.dialect.name == "sqlite":
            self._known = (datetime.now(UTC), time.monotonic())
            return
        before = time.monotonic()
        try:
            with self._engine.connect() as connection:
                moment = connection.execute(select(func.clock_timestamp())).scalar_one()
        except Exception:
            if self._known is None:
                raise
            return
        self._known = (moment.astimezone(UTC), (before + time.monotonic()) / 2)
