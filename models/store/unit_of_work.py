"""One transaction on the record."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, event
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, make_transient
from sqlalchemy.orm.exc import StaleDataError

from models import ports
from models.errors import StaleVersion, Unavailable
from models.jobs import Job
from models.store import repositories
from models.store.engine import WRITES, take_turn


class SqlUnitOfWork:
    """`models.ports.UnitOfWork` on SQLAlchemy. May be entered again and again, by one thread at a time.

    Entities stay usable after the `with`; what was added in a transaction that was not committed may be added again.
    Jobs that were added are rung when the commit has succeeded, never before.

    Args:
        engine: from `open_record`.
        doorbell: told of new jobs; `None` leaves them to the sweep.
        read_only: a snapshot that waits for nobody and keeps nobody waiting; `commit` is refused.
    Raises: Unavailable when the record does not answer, StaleVersion when somebody else was faster.
    """

    batches: ports.Batches
    masters: ports.Masters
    pages: ports.Pages
    readings: ports.Readings
    documents: ports.Documents
    fields: ports.Fields
    keyings: ports.Keyings
    evidence: ports.EvidenceOfPeople
    policies: ports.Policies
    releases: ports.Releases
    journal: ports.Journal
    jobs: ports.Jobs
    users: ports.Users

    def __init__(self, engine: Engine, *, doorbell: ports.Doorbell | None = None, read_only: bool = False) -> None:
        self._engine = engine
        self._doorbell = doorbell
        self._read_only = read_only
        self._session: Session | None = None
        self._turn: threading.Lock | None = None
        self._inserted: list[object] = []
        self._new_jobs: list[Job] = []

    def reading(self) -> SqlUnitOfWork:
        """A read-only unit of work on the same record."""
        return SqlUnitOfWork(self._engine, read_only=True)

    def __enter__(self) -> Self:
        if self._session is not None:
            raise RuntimeError("this unit of work is open already: one transaction at a time")
        self._turn = None if self._read_only else take_turn(self._engine)
        session = Session(self._bound(), expire_on_commit=False, autoflush=not self._read_only)
        event.listen(session, "pending_to_persistent", self._remember)
        try:
            session.connection()
        except BaseException as error:
            session.close()
            self._end_turn()
            if isinstance(error, PoolTimeout):
                raise Unavailable("The record has no free connection: try again.") from error
            raise
        self._session, self._inserted, self._new_jobs = session, [], []
        self._open_repositories(session)
        return self

    def _bound(self) -> Engine:
        if not self._read_only:
            return self._engine
        if self._engine.dialect.name == "sqlite":
            return self._engine.execution_options(**{WRITES: False})
        return self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def _open_repositories(self, session: Session) -> None:
        self.batches = repositories.SqlBatches(session)
        self.masters = repositories.SqlMasters(session)
        self.pages = repositories.SqlPages(session)
        self.readings = repositories.SqlReadings(session)
        self.documents = repositories.SqlDocuments(session, lock=not self._read_only)
        self.fields = repositories.SqlFields(session)
        self.keyings = repositories.SqlKeyings(session)
        self.evidence = repositories.SqlEvidence(session)
        self.policies = repositories.SqlPolicies(session)
        self.releases = repositories.SqlReleases(session)
        self.journal = self._journal = repositories.SqlJournal(session)
        self.jobs = repositories.SqlJobs(session, new=self._new_jobs)
        self.users = repositories.SqlUsers(session)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._forget()
            session, self._session = self._open_session(), None
            session.close()
        finally:
            self._end_turn()
        if isinstance(error, StaleDataError):
            raise StaleVersion("Somebody else changed it first: reload and look again.") from error

    def commit(self) -> None:
        """Write all, then ring for new jobs."""
        if self._read_only:
            raise RuntimeError("this unit of work only reads")
        session = self._open_session()
        try:
            session.flush()
            self._journal.write()
            session.commit()
        except StaleDataError as error:
            self.rollback()
            raise StaleVersion("Somebody else changed it first: reload and look again.") from error
        except BaseException:
            self.rollback()
            raise
        self._inserted.clear()
        rung, self._new_jobs[:] = list(self._new_jobs), []
        if rung and self._doorbell is not None:
            self._doorbell.ring(rung)

    def rollback(self) -> None:
        """Write nothing. What was read stays as it is in memory; read it again before changing it."""
        self._forget()
        self._open_session().rollback()

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.release()

    def _forget(self) -> None:
        # not `Session.rollback()` alone: that would empty every entity the caller still holds
        session = self._open_session()
        session.expunge_all()
        for entity in self._inserted:
            make_transient(entity)
        self._inserted.clear()
        self._new_jobs.clear()
        self._journal.forget()

    def _remember(self, _session: Session, entity: Any) -> None:
        self._inserted.append(entity)

    def _open_session(self) -> Session:
        if self._session is None:
            raise RuntimeError("open the unit of work with `with` first")
        return self._session
