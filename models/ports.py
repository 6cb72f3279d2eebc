"""What the parts need from the outside: the record, the image store, the clock, the doorbell of the queue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from models.batch import Batch, Document, DocumentState, Field, Master, Page, StoredReading
from models.definitions import DocumentType
from models.jobs import Job, JobState, Step
from models.journal import JournalEntry
from models.promise import Evidence, PolicyVersion
from models.releases import Release
from models.verification import Keying, User


class Clock(Protocol):
    def now(self) -> datetime:
        """This moment, aware UTC."""
        ...


class ImageStore(Protocol):
    """Files named by their content: saving twice is saving once, and a file never changes."""

    def save(self, content: bytes, *, suffix: str) -> str:
        """Store and fsync; answers the key, e.g. `ab/cd/abcd....png`."""
        ...

    def load(self, key: str) -> bytes:
        """The bytes of a key.

        Raises: Unavailable when the store does not answer, FileNotFoundError when it has no such key.
        """
        ...

    def exists(self, key: str) -> bool: ...


class Doorbell(Protocol):
    """Tells workers that jobs wait; losing a ring costs time only, the sweep rings again."""

    def ring(self, jobs: Iterable[Job]) -> None: ...


class Batches(Protocol):
    def add(self, batch: Batch) -> None: ...
    def get(self, batch_id: str) -> Batch: ...
    def lock(self, batch_id: str) -> Batch:
        """As it stands now, kept from others until the transaction ends; before "am I the last page?"."""
        ...

    def latest(self, limit: int, *, before_number: int | None = None) -> Sequence[Batch]: ...
    def everything(self) -> Iterator[Batch]:
        """Every batch, oldest first."""
        ...

    def with_open_work(self) -> Sequence[Batch]: ...
    def holding(self, sha256: str) -> Sequence[Batch]:
        """Batches that already hold a master with these bytes."""
        ...


class Masters(Protocol):
    def add(self, master: Master) -> None: ...
    def get(self, master_id: str) -> Master: ...
    def of_batch(self, batch_id: str) -> Sequence[Master]: ...


class Pages(Protocol):
    def add(self, page: Page) -> None: ...
    def get(self, page_id: str) -> Page: ...
    def of_batch(self, batch_id: str) -> Sequence[Page]:
        """In the order of the batch."""
        ...

    def of_document(self, document_id: str) -> Sequence[Page]:
        """In the order of the document."""
        ...

    def with_image(self, key: str) -> Sequence[Page]: ...
    def to_rescan(self, limit: int) -> Sequence[Page]: ...


class Readings(Protocol):
    def add(self, reading: StoredReading) -> None: ...
    def of_page(self, page_id: str) -> StoredReading | None:
        """The latest."""
        ...

    def of_pages(self, page_ids: Sequence[str]) -> Mapping[str, StoredReading]: ...


class Documents(Protocol):
    def add(self, document: Document) -> None: ...
    def get(self, document_id: str) -> Document: ...
    def lock(self, document_id: str) -> Document:
        """As it stands now, kept from others until the transaction ends."""
        ...

    def of_batch(self, batch_id: str) -> Sequence[Document]: ...
    def in_state(self, state: DocumentState, limit: int) -> Sequence[Document]: ...
    def waiting_for_keying(self, coder_id: str, *, now: datetime, limit: int) -> Sequence[Document]:
        """Documents to verify or classify that nobody else has on screen: by priority, then oldest first."""
        ...

    def count_by_state(self) -> Mapping[DocumentState, int]: ...
    def search(self, text: str, limit: int) -> Sequence[Document]:
        """By batch label, document id or a field value (exact or beginning)."""
        ...


class Fields(Protocol):
    def add(self, field: Field) -> None: ...
    def get(self, field_id: str) -> Field: ...
    def of_document(self, document_id: str) -> Sequence[Field]:
        """In their order."""
        ...

    def remove_of_document(self, document_id: str) -> None:
        """Before a document is recognised again."""
        ...

    def drawn_waiting(self) -> int:
        """Fields of the sample that nobody has keyed yet."""
        ...

    def accepted_share(self, documents: int) -> Sequence[tuple[DocumentType, str, int, int]]:
        """(document type, field, undrawn fields, accepted among them) of the latest documents."""
        ...


class Keyings(Protocol):
    def add(self, keying: Keying) -> None: ...
    def by_answer(self, answer_id: str) -> Keying | None: ...
    def of_document(self, document_id: str) -> Sequence[Keying]: ...
    def of_coder_since(self, coder_id: str, since: datetime) -> Sequence[Keying]: ...


class EvidenceOfPeople(Protocol):
    def replace(self, document_id: str, evidence: Iterable[Evidence]) -> None:
        """What the answers on a document say; takes the place of what they said before."""
        ...

    def get(self, evidence_id: str) -> Evidence: ...
    def contested(self, limit: int) -> Sequence[Evidence]:
        """Values of the sample that had passed and that a coder keyed otherwise, not settled yet; oldest first."""
        ...

    def count_drawn(self) -> int: ...
    def drawn(self, limit: int) -> Sequence[Evidence]:
        """The latest of the random sample, oldest first."""
        ...

    def latest(self, limit: int) -> Sequence[Evidence]:
        """The latest of all, oldest first."""
        ...

    def audited(self) -> Sequence[tuple[DocumentType, str, int, int]]:
        """(document type, field, seen, wrong) of the sample's values that the machine had accepted."""
        ...


class Policies(Protocol):
    def add(self, policy: PolicyVersion) -> bool:
        """False when its number is taken: somebody else made a version at the same moment."""
        ...

    def current(self) -> PolicyVersion | None:
        """The one in force; `None` while what comes with the product is."""
        ...


class Releases(Protocol):
    def add(self, release: Release) -> None: ...
    def get(self, release_id: str) -> Release: ...
    def by_key(self, key: str) -> Release | None: ...
    def of_document(self, document_id: str) -> Sequence[Release]: ...
    def latest(self, limit: int) -> Sequence[Release]: ...


class Journal(Protocol):
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
    ) -> JournalEntry: ...
    def entries(self, *, since: int = 0) -> Iterator[JournalEntry]: ...
    def of_document(self, document_id: str) -> Sequence[JournalEntry]: ...
    def of_batch(self, batch_id: str) -> Sequence[JournalEntry]: ...
    def head(self) -> tuple[int, str]:
        """Sequence and hash of the last entry, as noted apart from the entries."""
        ...


class Jobs(Protocol):
    def add(self, job: Job) -> bool:
        """False when the same step on the same input is already there."""
        ...

    def get(self, job_id: str) -> Job: ...
    def take(self, job_id: str, *, owner: str, now: datetime) -> Job | None:
        """Lease a due job: attempt counted, state running.

        `None` when somebody else has it, it is done, or it is not due.
        """
        ...

    def renew(self, job_id: str, *, attempt: int, now: datetime) -> bool:
        """False when the lease was lost."""
        ...

    def finish(self, job_id: str, *, attempt: int) -> bool:
        """Done. False when a newer attempt exists: the caller must not commit its results."""
        ...

    def put_back(self, job_id: str, *, attempt: int, not_before: datetime, error: str, counts: bool = True) -> JobState:
        """Failed: ready again, or quarantined after the third attempt.

        An attempt that does not count (nothing outside answered) is tried again for as long as it takes.
        """
        ...

    def due(self, *, now: datetime, limit: int) -> Sequence[Job]: ...
    def expire_leases(self, *, now: datetime, dead_owners: Collection[str] = ()) -> Sequence[Job]:
        """Take back the jobs of dead workers: ready again, or quarantined when too many workers died of them.

        `dead_owners`: workers known to be dead, whose leases need not run out first.
        """
        ...

    def retry(self, job_id: str, *, now: datetime) -> bool:
        """A supervisor sends a quarantined job again, with three fresh attempts."""
        ...

    def of_subject(self, subject_id: str) -> Sequence[Job]:
        """Every job ever made for it, oldest first."""
        ...

    def unfinished_of_batch(self, batch_id: str, step: Step | None = None) -> int: ...
    def next_due_at(self) -> datetime | None: ...
    def in_state(self, state: JobState) -> Sequence[Job]: ...
    def quarantined(self, limit: int) -> Sequence[Job]: ...


class Users(Protocol):
    def add(self, user: User) -> None: ...
    def get(self, user_id: str) -> User: ...
    def by_name(self, name: str) -> User | None: ...
    def all(self) -> Sequence[User]: ...


class UnitOfWork(Protocol):
    """One transaction; leaving it without `commit()` rolls back.

    Raises: StaleVersion at commit when somebody else changed a row first, Unavailable when the record does not answer.
    """

    batches: Batches
    masters: Masters
    pages: Pages
    readings: Readings
    documents: Documents
    fields: Fields
    keyings: Keyings
    evidence: EvidenceOfPeople
    policies: Policies
    releases: Releases
    journal: Journal
    jobs: Jobs
    users: Users

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def reading(self) -> UnitOfWork:
        """A read-only one on the same record: a snapshot that waits for no writer and keeps none waiting."""
        ...

    def commit(self) -> None: ...
    def rollback(self) -> None: ...
