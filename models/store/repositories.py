"""Queries, each named for the question it answers. Contracts: `models.ports`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Select, and_, case, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, object_session
from sqlalchemy.orm.attributes import instance_state

from models.batch import Batch, BatchState, Document, DocumentState, Field, FieldState, Master, Page, StoredReading
from models.definitions import DocumentType
from models.errors import NotFound
from models.jobs import LEASE, MAX_ATTEMPTS, MAX_LOSSES, Job, JobState, Step
from models.journal import JournalEntry, entry_hash
from models.promise import Evidence, PolicyVersion
from models.releases import Release
from models.store import tables
from models.verification import Keying, User

E = TypeVar("E")
WORKER_LOST = "worker_lost: the worker gave no sign of life and lost the job"


class _Repository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def _get(self, entity: type[E], key: str) -> E:
        found = self._session.get(entity, key)
        if found is None:
            raise NotFound(f"{entity.__name__.lower()} {key}")
        return found

    def _all(self, query: Select[E]) -> list[E]:
        return list(self._session.scalars(query))

    def _first(self, query: Select[E]) -> E | None:
        return self._session.scalars(query.limit(1)).first()

    def _locked(self, entity: type[E], key: str) -> E:
        """The row as it stands now, kept from others until the transaction ends."""
        found = self._session.get(entity, key, with_for_update=True, populate_existing=True)
        if found is None:
            raise NotFound(f"{entity.__name__.lower()} {key}")
        return found


class SqlBatches(_Repository):
    def add(self, batch: Batch) -> None:
        """Store it; a new one gets the next running number, without a gap."""
        if instance_state(batch).key is None and object_session(batch) is None:
            counter = tables.counters
            batch.number = self._session.execute(
                update(counter)
                .where(counter.c.name == "batch")
                .values(value=counter.c.value + 1)
                .returning(counter.c.value)
            ).scalar_one()
        self._session.add(batch)

    def get(self, batch_id: str) -> Batch:
        return self._get(Batch, batch_id)

    def lock(self, batch_id: str) -> Batch:
        """The batch as it stands, kept from others until the transaction ends: for "am I the last page?"."""
        return self._locked(Batch, batch_id)

    def latest(self, limit: int, *, before_number: int | None = None) -> Sequence[Batch]:
        number = tables.batches.c.number
        query = select(Batch).order_by(number.desc()).limit(limit)
        return self._all(query if before_number is None else query.where(number < before_number))

    def everything(self) -> Iterator[Batch]:
        """Every batch, oldest first."""
        number, last = tables.batches.c.number, 0
        while found := self._all(select(Batch).where(number > last).order_by(number).limit(200)):
            yield from found
            last = found[-1].number

    def with_open_work(self) -> Sequence[Batch]:
        open_states = (BatchState.RECEIVED, BatchState.READING, BatchState.IN_WORK)
        table = tables.batches
        return self._all(select(Batch).where(table.c.state.in_(open_states)).order_by(table.c.number))

    def holding(self, sha256: str) -> Sequence[Batch]:
        holders = select(tables.masters.c.batch_id).where(tables.masters.c.sha256 == sha256)
        return self._all(select(Batch).where(tables.batches.c.id.in_(holders)).order_by(tables.batches.c.number))


class SqlMasters(_Repository):
    def add(self, master: Master) -> None:
        self._session.add(master)

    def get(self, master_id: str) -> Master:
        return self._get(Master, master_id)

    def of_batch(self, batch_id: str) -> Sequence[Master]:
        table = tables.masters
        return self._all(select(Master).where(table.c.batch_id == batch_id).order_by(table.c.position, table.c.id))


class SqlPages(_Repository):
    def add(self, page: Page) -> None:
        self._session.add(page)

    def get(self, page_id: str) -> Page:
        return self._get(Page, page_id)

    def of_batch(self, batch_id: str) -> Sequence[Page]:
        table = tables.pages
        return self._all(select(Page).where(table.c.batch_id == batch_id).order_by(table.c.position, table.c.id))

    def of_document(self, document_id: str) -> Sequence[Page]:
        table = tables.pages
        query = select(Page).where(table.c.document_id == document_id)
        return self._all(query.order_by(table.c.document_position, table.c.position))

    def with_image(self, key: str) -> Sequence[Page]:
        table = tables.pages
        return self._all(select(Page).where(or_(table.c.image == key, table.c.preview == key)))

    def to_rescan(self, limit: int) -> Sequence[Page]:
        """Pages whose quality verdict asks for a rescan, newest batch first."""
        table = tables.pages
        query = select(Page).join(tables.batches, tables.batches.c.id == table.c.batch_id).where(table.c.rescan)
        return self._all(query.order_by(tables.batches.c.number.desc(), table.c.position).limit(limit))


class SqlReadings(_Repository):
    def add(self, reading: StoredReading) -> None:
        self._session.add(reading)

    def of_page(self, page_id: str) -> StoredReading | None:
        table = tables.readings
        query = select(StoredReading).where(table.c.page_id == page_id)
        return self._first(query.order_by(table.c.made_at.desc(), table.c.id.desc()))

    def of_pages(self, page_ids: Sequence[str]) -> Mapping[str, StoredReading]:
        table = tables.readings
        found: dict[str, StoredReading] = {}
        for start in range(0, len(page_ids), 500):  # SQLite bounds the number of parameters
            query = select(StoredReading).where(table.c.page_id.in_(page_ids[start : start + 500]))
            # later ones replace earlier ones: the latest stays
            found |= {r.page_id: r for r in self._all(query.order_by(table.c.made_at, table.c.id))}
        return found


class SqlDocuments(_Repository):
    def __init__(self, session: Session, *, lock: bool) -> None:
        super().__init__(session)
        self._lock = lock

    def add(self, document: Document) -> None:
        self._session.add(document)

    def get(self, document_id: str) -> Document:
        return self._get(Document, document_id)

    def lock(self, document_id: str) -> Document:
        """The document as it stands, kept from others until the transaction ends."""
        return self._locked(Document, document_id)

    def of_batch(self, batch_id: str) -> Sequence[Document]:
        table = tables.documents
        return self._all(select(Document).where(table.c.batch_id == batch_id).order_by(table.c.position, table.c.id))

    def in_state(self, state: DocumentState, limit: int) -> Sequence[Document]:
        table = tables.documents
        query = select(Document).where(table.c.state == state)
        return self._all(query.order_by(table.c.formed_at, table.c.position).limit(limit))

    def waiting_for_keying(self, coder_id: str, *, now: datetime, limit: int) -> Sequence[Document]:
        """In a writing unit of work on PostgreSQL, rows that another coder is just taking are passed over."""
        table, batches = tables.documents, tables.batches
        free = or_(
            table.c.reserved_by.is_(None),
            table.c.reserved_by == coder_id,
            table.c.reserved_until.is_(None),
            table.c.reserved_until <= now,
        )
        query = (
            select(Document)
            .join(batches, batches.c.id == table.c.batch_id)
            .where(table.c.state.in_((DocumentState.TO_VERIFY, DocumentState.TO_CLASSIFY)), free)
            .order_by(batches.c.priority, table.c.formed_at, batches.c.number, table.c.position)
            .limit(limit)
        )
        if self._lock:
            query = query.with_for_update(of=table, skip_locked=True).execution_options(populate_existing=True)
        return self._all(query)

    def count_by_state(self) -> Mapping[DocumentState, int]:
        """Every state is there, also with 0."""
        table = tables.documents
        rows = self._session.execute(select(table.c.state, func.count()).group_by(table.c.state))
        counted: dict[DocumentState, int] = {row[0]: row[1] for row in rows}
        return {state: counted.get(state, 0) for state in DocumentState}

    def search(self, text: str, limit: int) -> Sequence[Document]:
        text = text.strip()
        if not text:
            return []
        table, batches = tables.documents, tables.batches
        found = [*self._of_label(text, limit)]
        if re.fullmatch(r"[0-9a-f]{8,32}", text):
            query = select(Document).where(table.c.id.between(text, text + "g"))
            found += self._all(query.order_by(table.c.id).limit(limit))
        if key := tables.search_key(text):
            begins = tables.fields.c.search_key.between(key, key + "\U0010ffff")
            holders = select(tables.fields.c.document_id).where(begins)
            query = select(Document).join(batches, batches.c.id == table.c.batch_id).where(table.c.id.in_(holders))
            found += self._all(query.order_by(batches.c.number.desc(), table.c.position).limit(limit))
        return list({document.id: document for document in found}.values())[:limit]

    def _of_label(self, text: str, limit: int) -> Sequence[Document]:
        label = re.fullmatch(r"\d{4}-(\d{1,9})", text)
        if label is None:
            return []
        batch = self._first(select(Batch).where(tables.batches.c.number == int(label[1])))
        return self.of_batch(batch.id)[:limit] if batch is not None and batch.label == text else []


class SqlFields(_Repository):
    def add(self, field: Field) -> None:
        self._session.add(field)

    def get(self, field_id: str) -> Field:
        return self._get(Field, field_id)

    def of_document(self, document_id: str) -> Sequence[Field]:
        table = tables.fields
        return self._all(select(Field).where(table.c.document_id == document_id).order_by(table.c.position, table.c.id))

    def drawn_waiting(self) -> int:
        table, of = tables.fields, tables.documents
        query = (
            select(func.count())
            .select_from(table)
            .join(of, of.c.id == table.c.document_id)
            .where(of.c.state == DocumentState.TO_VERIFY, table.c.drawn, table.c.state == FieldState.TO_VERIFY)
        )
        return int(self._session.execute(query).scalar_one())

    def accepted_share(self, documents: int) -> Sequence[tuple[DocumentType, str, int, int]]:
        table, of = tables.fields, tables.documents
        latest = select(of.c.id, of.c.document_type).order_by(of.c.formed_at.desc()).limit(documents).subquery()
        accepted = func.sum(case((table.c.state == FieldState.ACCEPTED, 1), else_=0))
        query = (
            select(latest.c.document_type, table.c.name, func.count(), accepted)
            .join(latest, latest.c.id == table.c.document_id)
            .where(table.c.drawn.is_(False))
            .group_by(latest.c.document_type, table.c.name)
        )
        return [(kind, name, int(n), int(passed)) for kind, name, n, passed in self._session.execute(query)]

    def remove_of_document(self, document_id: str) -> None:
        for field in self.of_document(document_id):
            self._session.delete(field)
        # the new fields bear the same names: the old ones must be gone before they come
        self._session.flush()


class SqlKeyings(_Repository):
    def add(self, keying: Keying) -> None:
        self._session.add(keying)

    def by_answer(self, answer_id: str) -> Keying | None:
        return self._first(select(Keying).where(tables.keyings.c.answer_id == answer_id))

    def of_document(self, document_id: str) -> Sequence[Keying]:
        table = tables.keyings
        query = select(Keying).where(table.c.document_id == document_id)
        return self._all(query.order_by(table.c.keyed_at, table.c.id))

    def of_coder_since(self, coder_id: str, since: datetime) -> Sequence[Keying]:
        table = tables.keyings
        query = select(Keying).where(table.c.coder_id == coder_id, table.c.keyed_at >= since)
        return self._all(query.order_by(table.c.keyed_at, table.c.id))


class SqlEvidence(_Repository):
    def replace(self, document_id: str, evidence: Iterable[Evidence]) -> None:
        self._session.execute(delete(tables.evidence).where(tables.evidence.c.document_id == document_id))
        self._session.add_all(evidence)

    def get(self, evidence_id: str) -> Evidence:
        return self._get(Evidence, evidence_id)

    def contested(self, limit: int) -> Sequence[Evidence]:
        table = tables.evidence
        open_ = and_(table.c.drawn, table.c.passed, table.c.confirmed.is_(False), table.c.settled.is_(False))
        return self._all(select(Evidence).where(open_).order_by(table.c.answered_at, table.c.id).limit(limit))

    def count_drawn(self) -> int:
        query = select(func.count()).select_from(tables.evidence).where(tables.evidence.c.drawn)
        return int(self._session.execute(query).scalar_one())

    def drawn(self, limit: int) -> Sequence[Evidence]:
        return self._latest(select(Evidence).where(tables.evidence.c.drawn), limit)

    def latest(self, limit: int) -> Sequence[Evidence]:
        return self._latest(select(Evidence), limit)

    def _latest(self, query: Select[Evidence], limit: int) -> Sequence[Evidence]:
        table = tables.evidence
        return self._all(query.order_by(table.c.answered_at.desc(), table.c.id.desc()).limit(limit))[::-1]

    def audited(self) -> Sequence[tuple[DocumentType, str, int, int]]:
        table = tables.evidence
        wrong = func.sum(case((table.c.confirmed, 0), else_=1))
        query = select(table.c.document_type, table.c.name, func.count(), wrong).where(table.c.drawn, table.c.passed)
        rows = self._session.execute(query.group_by(table.c.document_type, table.c.name))
        return [(kind, name, int(seen), int(errors)) for kind, name, seen, errors in rows]


class SqlPolicies(_Repository):
    def add(self, policy: PolicyVersion) -> bool:
        table = tables.policies
        dialect = postgresql if self._session.get_bind().dialect.name == "postgresql" else sqlite
        row = {column.name: getattr(policy, column.name) for column in table.columns}
        query = dialect.insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
        return self._session.execute(query).first() is not None

    def current(self) -> PolicyVersion | None:
        return self._first(select(PolicyVersion).order_by(tables.policies.c.number.desc()))


class SqlReleases(_Repository):
    def add(self, release: Release) -> None:
        self._session.add(release)

    def get(self, release_id: str) -> Release:
        return self._get(Release, release_id)

    def by_key(self, key: str) -> Release | None:
        return self._first(select(Release).where(tables.releases.c.key == key))

    def of_document(self, document_id: str) -> Sequence[Release]:
        table = tables.releases
        query = select(Release).where(table.c.document_id == document_id)
        return self._all(query.order_by(table.c.planned_at, table.c.destination))

    def latest(self, limit: int) -> Sequence[Release]:
        table = tables.releases
        return self._all(select(Release).order_by(table.c.planned_at.desc(), table.c.id).limit(limit))


class SqlJournal(_Repository):
    """Entries are collected and chained when the transaction commits: the chain is locked for a moment only,
    and always last, so that two transactions never wait for each other."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._pending: list[JournalEntry] = []

    def append(
        self,
        event: str,
        *,
        at: datetime,
        subject: str,
        actor: str = "system",
        batch_id: str | None = None,
        document_id: str | None = None,
        **details: str | int | float | bool | None,
    ) -> JournalEntry:
        """Add an entry; its sequence and hash are known after the commit."""
        if at.tzinfo is None:
            raise ValueError(f"{at} has no time zone: moments are aware UTC")
        entry = JournalEntry(
            sequence=0,
            at=at.astimezone(UTC),
            actor=actor,
            event=event,
            subject=subject,
            batch_id=batch_id,
            document_id=document_id,
            details=details,
        )
        self._pending.append(entry)
        return entry

    def write(self) -> None:
        """Chain what was appended; called by the unit of work right before it commits."""
        if not self._pending:
            return
        head, table = tables.journal_head, tables.journal
        sequence, previous = self._session.execute(
            select(head.c.sequence, head.c.hash).where(head.c.id == 1).with_for_update()
        ).one()
        rows = []
        for entry in self._pending:
            sequence += 1
            entry.sequence, entry.previous_hash = sequence, previous
            entry.hash = previous = entry_hash(entry)
            rows.append({column.name: getattr(entry, column.name) for column in table.columns})
        self._session.execute(insert(table), rows)
        self._session.execute(update(head).where(head.c.id == 1).values(sequence=sequence, hash=previous))
        self._pending.clear()

    def forget(self) -> None:
        """The transaction is rolled back."""
        self._pending.clear()

    def entries(self, *, since: int = 0) -> Iterator[JournalEntry]:
        """Those after sequence `since`, in order."""
        sequence = tables.journal.c.sequence
        while True:
            query = select(JournalEntry).where(sequence > since).order_by(sequence).limit(1000)
            found = self._all(query.execution_options(populate_existing=True))
            yield from found
            if not found:
                return
            since = found[-1].sequence
            for entry in found:
                self._session.expunge(entry)

    def of_document(self, document_id: str) -> Sequence[JournalEntry]:
        table = tables.journal
        return self._all(select(JournalEntry).where(table.c.document_id == document_id).order_by(table.c.sequence))

    def of_batch(self, batch_id: str) -> Sequence[JournalEntry]:
        table = tables.journal
        return self._all(select(JournalEntry).where(table.c.batch_id == batch_id).order_by(table.c.sequence))

    def head(self) -> tuple[int, str]:
        """Sequence and hash of the last entry, as noted apart from the entries."""
        head = tables.journal_head
        sequence, last = self._session.execute(select(head.c.sequence, head.c.hash).where(head.c.id == 1)).one()
        return int(sequence), str(last)


class SqlJobs(_Repository):
    def __init__(self, session: Session, *, new: list[Job]) -> None:
        super().__init__(session)
        self._new = new

    def add(self, job: Job) -> bool:
        table = tables.jobs
        dialect = postgresql if self._session.get_bind().dialect.name == "postgresql" else sqlite
        row = {column.name: getattr(job, column.name) for column in table.columns}
        query = dialect.insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
        if self._session.execute(query).first() is None:
            return False
        self._new.append(job)
        return True

    def get(self, job_id: str) -> Job:
        return self._fresh(job_id)

    def _fresh(self, job_id: str) -> Job:
        found = self._session.get(Job, job_id, populate_existing=True)
        if found is None:
            raise NotFound(f"job {job_id}")
        return found

    @staticmethod
    def _is_due(now: datetime) -> Any:
        job = tables.jobs.c
        # a job that ran out of its lease is taken back by the sweep alone, which counts the loss
        return and_(job.state == JobState.READY, job.not_before <= now)

    @staticmethod
    def _has(job_id: str, attempt: int) -> Any:
        job = tables.jobs.c
        return and_(job.id == job_id, job.state == JobState.RUNNING, job.attempt == attempt)

    def take(self, job_id: str, *, owner: str, now: datetime) -> Job | None:
        table = tables.jobs
        due = select(table.c.id).where(table.c.id == job_id, self._is_due(now)).with_for_update(skip_locked=True)
        taken = self._session.execute(
            update(table)
            .where(table.c.id.in_(due))
            .values(state=JobState.RUNNING, attempt=table.c.attempt + 1, lease_owner=owner, lease_until=now + LEASE)
            .returning(table.c.id)
        ).first()
        return None if taken is None else self._fresh(job_id)

    def renew(self, job_id: str, *, attempt: int, now: datetime) -> bool:
        return self._update(self._has(job_id, attempt), lease_until=now + LEASE)

    def finish(self, job_id: str, *, attempt: int) -> bool:
        return self._update(
            self._has(job_id, attempt), state=JobState.DONE, lease_owner=None, lease_until=None, last_error=""
        )

    def _update(self, where: Any, **values: Any) -> bool:
        table = tables.jobs
        return (
            self._session.execute(update(table).where(where).values(**values).returning(table.c.id)).first() is not None
        )

    def put_back(self, job_id: str, *, attempt: int, not_before: datetime, error: str, counts: bool = True) -> JobState:
        """`counts=False`: something outside did not answer, which is no fault of the job. A lost lease changes nothing.

        Returns: the state the job is in afterwards.
        """
        job = tables.jobs.c
        waits = job.waits if counts else job.waits + 1
        self._update(
            self._has(job_id, attempt),
            state=self._after_failure(waits),
            waits=waits,
            not_before=not_before,
            lease_owner=None,
            lease_until=None,
            last_error=error[:500],
        )
        return self._fresh(job_id).state

    @staticmethod
    def _after_failure(waits: Any) -> Any:
        job = tables.jobs.c
        return case(
            (job.attempt - job.losses - waits >= MAX_ATTEMPTS, JobState.QUARANTINED.value), else_=JobState.READY.value
        )

    def due(self, *, now: datetime, limit: int) -> Sequence[Job]:
        """Ready ones whose time has come, most urgent first."""
        job = tables.jobs.c
        query = select(Job).where(job.state == JobState.READY, job.not_before <= now)
        query = query.order_by(job.priority, job.not_before, job.created_at, job.id).limit(limit)
        return self._all(query.execution_options(populate_existing=True))

    def expire_leases(self, *, now: datetime, dead_owners: Collection[str] = ()) -> Sequence[Job]:
        table = tables.jobs
        expired = or_(table.c.lease_until < now, table.c.lease_owner.in_(list(dead_owners)))
        lost = select(table.c.id).where(table.c.state == JobState.RUNNING, expired).with_for_update(skip_locked=True)
        too_many = table.c.losses + 1 >= MAX_LOSSES
        ids = self._session.scalars(
            update(table)
            .where(table.c.id.in_(lost))
            .values(
                state=case((too_many, JobState.QUARANTINED.value), else_=JobState.READY.value),
                losses=table.c.losses + 1,
                lease_owner=None,
                lease_until=None,
                last_error=WORKER_LOST,
            )
            .returning(table.c.id)
        ).all()
        return [self._fresh(job_id) for job_id in ids]

    def retry(self, job_id: str, *, now: datetime) -> bool:
        """A supervisor sends a quarantined job again, with three fresh attempts. False when it is not quarantined."""
        job = tables.jobs.c
        where = and_(job.id == job_id, job.state == JobState.QUARANTINED)
        if not self._update(where, state=JobState.READY, waits=job.attempt, losses=0, not_before=now):
            return False
        self._new.append(self._fresh(job_id))
        return True

    def of_subject(self, subject_id: str) -> Sequence[Job]:
        """Every job ever made for it, oldest first."""
        table = tables.jobs
        query = select(Job).where(table.c.subject_id == subject_id).order_by(table.c.created_at, table.c.id)
        return self._all(query.execution_options(populate_existing=True))

    def unfinished_of_batch(self, batch_id: str, step: Step | None = None) -> int:
        """Ready or running ones; on PostgreSQL `batches.lock` first, or the last two pages do not see each other."""
        job = tables.jobs.c
        query = select(func.count()).where(job.batch_id == batch_id, job.state.in_((JobState.READY, JobState.RUNNING)))
        return int(self._session.scalar(query if step is None else query.where(job.step == step)) or 0)

    def next_due_at(self) -> datetime | None:
        job = tables.jobs.c
        due: datetime | None = self._session.scalar(select(func.min(job.not_before)).where(job.state == JobState.READY))
        return due

    def in_state(self, state: JobState) -> Sequence[Job]:
        """All of them, for the check of the invariants."""
        query = select(Job).where(tables.jobs.c.state == state)
        return self._all(query.execution_options(populate_existing=True))

    def quarantined(self, limit: int) -> Sequence[Job]:
        job = tables.jobs.c
        query = select(Job).where(job.state == JobState.QUARANTINED).order_by(job.created_at, job.id).limit(limit)
        return self._all(query.execution_options(populate_existing=True))


class SqlUsers(_Repository):
    def add(self, user: User) -> None:
        self._session.add(user)

    def get(self, user_id: str) -> User:
        return self._get(User, user_id)

    def by_name(self, name: str) -> User | None:
        return self._first(select(User).where(tables.users.c.name == name))

    def all(self) -> Sequence[User]:
        return self._all(select(User).order_by(tables.users.c.name))
