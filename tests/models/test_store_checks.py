"""The check of the invariants is silent on a sound record and names each fault of a broken one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from models.batch import Batch, BatchState, Document, DocumentState, Master, Page, PageState
from models.jobs import LEASE, Job, Step
from models.releases import Release, ReleaseState
from models.store import MemoryImages, Problem, SqlUnitOfWork, sanity

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


@dataclass
class Mail:
    """A batch of three pages: one placed, one set aside, one waiting to be read."""

    engine: Engine
    images: MemoryImages
    lot: Batch
    master: Master
    pages: list[Page]
    document: Document
    release: Release
    read: Job

    def check(self, *, now: datetime = NOW) -> list[Problem]:
        return sanity(SqlUnitOfWork(self.engine).reading(), self.images, now=now)

    def run(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture
def mail(any_engine: Engine, images: MemoryImages) -> Mail:
    scan, picture = b"%PDF scan", images.save(b"page", suffix="png")
    lot = Batch(shown_name="lot.pdf", source="cli", received_at=NOW, state=BatchState.READING)
    master = Master(
        batch_id=lot.id,
        shown_name="lot.pdf",
        image=images.save(scan, suffix="pdf"),
        sha256=hashlib.sha256(scan).hexdigest(),
        size_bytes=len(scan),
        position=0,
        pages=3,
    )
    pages = [Page(batch_id=lot.id, master_id=master.id, number=n, position=n - 1) for n in (1, 2, 3)]
    for page in pages[:2]:
        page.record_read(image=picture, preview=picture, rescan=False)
    document = Document(batch_id=lot.id, position=0, formed_at=NOW, state=DocumentState.VERIFIED)
    pages[0].place(document.id, 0)
    pages[1].set_aside("blank")
    release = Release(document_id=document.id, batch_id=lot.id, destination="ged", key="k", planned_at=NOW)
    jobs = [
        Job(step=step, subject_id=subject, input_hash="", batch_id=lot.id, created_at=NOW, not_before=NOW)
        for step, subject in ((Step.READ_PAGE, pages[2].id), (Step.RELEASE_DOCUMENT, release.id))
    ]
    with SqlUnitOfWork(any_engine) as uow:
        uow.batches.add(lot)
        uow.masters.add(master)
        for page in pages:
            uow.pages.add(page)
        uow.documents.add(document)
        uow.releases.add(release)
        for job in jobs:
            uow.jobs.add(job)
        uow.journal.append("batch_received", at=NOW, subject=f"batch:{lot.id}")
        uow.commit()
    return Mail(any_engine, images, lot, master, pages, document, release, jobs[0])


def test_a_sound_record_has_no_problem(mail: Mail) -> None:
    assert mail.check() == []


def test_bytes_that_are_gone_or_altered_are_named(mail: Mail) -> None:
    mail.images._content[mail.master.image] = b"altered"
    assert [(p.rule, p.reason) for p in mail.check()] == [("I1", "its file was altered")]

    del mail.images._content[mail.master.image]
    assert [(p.rule, p.subject) for p in mail.check()] == [("I1", f"master:{mail.master.id}")]

    mail.images._content.clear()
    assert {p.rule for p in mail.check()} == {"I1"}
    assert len(mail.check()) == 2


def test_a_running_job_without_a_live_lease_is_named(mail: Mail) -> None:
    with SqlUnitOfWork(mail.engine) as uow:
        uow.jobs.take(mail.read.id, owner="w", now=NOW)
        uow.commit()

    assert mail.check(now=NOW + LEASE) == []
    assert [p.rule for p in mail.check(now=NOW + LEASE + timedelta(minutes=1))] == ["I2"]


FAULTS: list[tuple[str, Callable[[Mail], str], str]] = [
    ("a page lost", lambda m: f"DELETE FROM pages WHERE id = '{m.pages[2].id}'", "I6"),
    ("a page in no document", lambda m: f"UPDATE pages SET document_id = NULL WHERE id = '{m.pages[0].id}'", "I6"),
    ("a page in two places", lambda m: f"UPDATE pages SET document_id = '{m.document.id}' WHERE number = 2", "I6"),
    ("a page nobody reads", lambda _: "DELETE FROM jobs WHERE step = 'read_page'", "I6"),
    ("a release nobody sends", lambda _: "DELETE FROM jobs WHERE step = 'release_document'", "I6"),
    ("released, not confirmed", lambda _: "UPDATE documents SET state = 'released'", "I3"),
    ("recognised by nobody", lambda _: "UPDATE documents SET state = 'separated'", "I6"),
    ("done with work left", lambda _: "UPDATE batches SET state = 'done'", "I6"),
    ("a fingerprint changed", lambda _: f"UPDATE masters SET sha256 = '{'0' * 64}'", "I1"),
    ("a journal cut", lambda _: "UPDATE journal_head SET sequence = 2", "I4"),
]


@pytest.mark.parametrize(("fault", "rule"), [pytest.param(f, r, id=name) for name, f, r in FAULTS])
def test_each_fault_is_named(mail: Mail, fault: Callable[[Mail], str], rule: str) -> None:
    mail.run(fault(mail))

    assert rule in {problem.rule for problem in mail.check()}


def test_a_batch_without_master_or_job_is_named(mail: Mail) -> None:
    with SqlUnitOfWork(mail.engine) as uow:
        uow.batches.add(Batch(shown_name="empty", source="cli", received_at=NOW))
        uow.commit()

    assert {problem.rule for problem in mail.check()} == {"I1", "I6"}


def test_confirmed_and_released_is_sound(mail: Mail) -> None:
    with SqlUnitOfWork(mail.engine) as uow:
        uow.releases.get(mail.release.id).confirm(reference="r", payload_sha256="s", now=NOW)
        uow.documents.get(mail.document.id).record_released()
        uow.commit()

    assert mail.check() == []
    with SqlUnitOfWork(mail.engine) as uow:
        assert uow.releases.get(mail.release.id).state is ReleaseState.CONFIRMED
        assert uow.pages.get(mail.pages[1].id).state is PageState.SET_ASIDE
