"""The invariants of the record: every sheet accounted for, nothing altered, nothing forgotten."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from models.batch import Batch, BatchState, Document, DocumentState, Master, Page, PageState
from models.jobs import Job, JobState, Step
from models.journal import GENESIS, ChainBreak, JournalEntry, first_break
from models.ports import ImageStore, UnitOfWork
from models.releases import ReleaseState
from models.store.images import sha256_in

GRACE = timedelta(seconds=15)
"""A lease that has just run out is the sweep's business, not yet a fault."""
ENDED_DOCUMENT_STATES = (DocumentState.RELEASED, DocumentState.REJECTED)


class CheckedImages(ImageStore, Protocol):
    def verify(self, key: str) -> bool:
        """Whether the bytes are there and still are what the name promises."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that must not be."""

    rule: str
    """`I1` .. `I6`: bytes kept, one state and a live lease, one release per key, journal, sheets in = sheets out."""
    subject: str
    """`master:ID`, `page:ID`, ..."""
    reason: str


def verify_journal(uow: UnitOfWork) -> ChainBreak | None:
    """The first entry that was changed, removed, inserted or put elsewhere; also a chain that was cut at its end."""
    with uow:
        length, last = 0, GENESIS

        def counted() -> Iterator[JournalEntry]:
            nonlocal length, last
            for entry in uow.journal.entries():
                length, last = entry.sequence, entry.hash
                yield entry

        broken = first_break(counted())
        if broken is not None:
            return broken
        sequence, expected = uow.journal.head()
    if (length, last) != (sequence, expected):
        return ChainBreak(length + 1, f"the chain ends at entry {length}, not at {sequence} as noted")
    return None


def sanity(uow: UnitOfWork, images: CheckedImages, *, now: datetime, read_masters: bool = True) -> list[Problem]:
    """Check every invariant on the whole record.

    Args:
        uow: best a reading one, `uow.reading()`: a long look that keeps nobody waiting.
        images: where the masters are.
        now: to tell a live lease from a dead one.
        read_masters: read every master and compare its SHA-256; without, only ask whether it is there.
    """
    broken = verify_journal(uow)
    problems = [] if broken is None else [Problem("I4", f"journal:{broken.sequence}", broken.reason)]
    with uow:
        jobs = {state: uow.jobs.in_state(state) for state in (JobState.READY, JobState.RUNNING, JobState.QUARANTINED)}
        problems += _dead_leases(jobs[JobState.RUNNING], now=now)
        awaited = {(job.step, job.subject_id) for found in jobs.values() for job in found}
        for batch in uow.batches.everything():
            masters, pages = uow.masters.of_batch(batch.id), uow.pages.of_batch(batch.id)
            documents = {document.id: document for document in uow.documents.of_batch(batch.id)}
            problems += _masters_kept(masters, images, read=read_masters)
            problems += _sheets_accounted(batch, masters, pages)
            problems += _pages_in_one_place(pages, documents, images)
            problems += _nothing_forgotten(batch, masters, pages, documents.values(), awaited)
            problems += _releases(uow, documents, awaited)
    return problems


def _dead_leases(running: Sequence[Job], *, now: datetime) -> Iterator[Problem]:
    for job in running:
        if job.lease_until is None or job.lease_until + GRACE < now:
            yield Problem("I2", f"job:{job.id}", f"{job.step} runs without a live lease")


def _masters_kept(masters: Sequence[Master], images: CheckedImages, *, read: bool) -> Iterator[Problem]:
    for master in masters:
        subject = f"master:{master.id}"
        if sha256_in(master.image) != master.sha256:
            yield Problem("I1", subject, "its file is named otherwise than its fingerprint")
        elif not images.exists(master.image):
            yield Problem("I1", subject, "its file is missing")
        elif read and not images.verify(master.image):
            yield Problem("I1", subject, "its file was altered")


def _sheets_accounted(batch: Batch, masters: Sequence[Master], pages: Sequence[Page]) -> Iterator[Problem]:
    if not masters:
        yield Problem("I1", f"batch:{batch.id}", "it has no master")
    for master in masters:
        numbers = sorted(page.number for page in pages if page.master_id == master.id)
        if master.pages is not None and not master.code and numbers != list(range(1, master.pages + 1)):
            reason = f"{master.pages} pages came in, {len(numbers)} are known"
            yield Problem("I6", f"master:{master.id}", reason)


def _pages_in_one_place(
    pages: Sequence[Page], documents: Mapping[str, Document], images: CheckedImages
) -> Iterator[Problem]:
    for page in pages:
        subject = f"page:{page.id}"
        if (page.state is PageState.PLACED) != (page.document_id is not None):
            yield Problem("I6", subject, f"it is {page.state}, and its document is {page.document_id}")
        if page.document_id is not None and page.document_id not in documents:
            yield Problem("I6", subject, "its document is in another batch")
        if page.state in (PageState.READ, PageState.PLACED) and (page.image is None or not images.exists(page.image)):
            yield Problem("I1", subject, "its image is missing")
    full = {page.document_id for page in pages}
    for document in documents.values():
        if document.id not in full and document.state not in ENDED_DOCUMENT_STATES:
            yield Problem("I6", f"document:{document.id}", "it has no page")


def _nothing_forgotten(
    batch: Batch,
    masters: Sequence[Master],
    pages: Sequence[Page],
    documents: Collection[Document],
    awaited: Set[tuple[Step, str]],
) -> Iterator[Problem]:
    """Whatever waits for the machine has a job that will come, or one that a supervisor sees."""
    if batch.state in (BatchState.RECEIVED, BatchState.READING):
        subjects = {batch.id, *(master.id for master in masters), *(page.id for page in pages)}
        if not any(subject in subjects for _, subject in awaited):
            yield Problem("I6", f"batch:{batch.id}", f"it is {batch.state}, and no job will go on with it")
    for page in pages:
        if page.state is PageState.WAITING and (Step.READ_PAGE, page.id) not in awaited:
            yield Problem("I6", f"page:{page.id}", "it waits, and no job will read it")
        if page.state is PageState.READ and batch.state not in (BatchState.RECEIVED, BatchState.READING):
            yield Problem("I6", f"page:{page.id}", "it was read, and no document has it")
    for document in documents:
        lost = document.state is DocumentState.SEPARATED and (Step.RECOGNISE_DOCUMENT, document.id) not in awaited
        if lost:
            yield Problem("I6", f"document:{document.id}", "it is separated, and no job will recognise it")
        if batch.state is BatchState.DONE and document.state not in ENDED_DOCUMENT_STATES:
            yield Problem("I6", f"document:{document.id}", f"it is {document.state} in a batch that is done")


def _releases(uow: UnitOfWork, documents: Mapping[str, Document], awaited: Set[tuple[Step, str]]) -> Iterator[Problem]:
    for document in documents.values():
        releases = uow.releases.of_document(document.id)
        for release in releases:
            if document.state is DocumentState.RELEASED and release.state is not ReleaseState.CONFIRMED:
                yield Problem("I3", f"release:{release.id}", f"it is {release.state}, and its document is released")
            moving = release.state in (ReleaseState.PLANNED, ReleaseState.SENDING, ReleaseState.UNKNOWN)
            if moving and (Step.RELEASE_DOCUMENT, release.id) not in awaited:
                yield Problem("I6", f"release:{release.id}", f"it is {release.state}, and no job will go on with it")
