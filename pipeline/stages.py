"""The stages of a batch: read the record, work outside the transaction, write the record.

Each stage may run twice: on a subject already past it, it changes nothing. A stage answers a function that writes its
results; the job runner calls it in one transaction together with the end of the job, so a worker that lost its lease
writes nothing.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from capture.sandbox import Member, Sandbox, SourceInfo
from capture.separation import separate
from extraction.invoices.suppliers import Suppliers
from models.batch import (
    OPEN_DOCUMENT_STATES,
    Batch,
    BatchState,
    Document,
    DocumentState,
    Field,
    Master,
    Page,
    PageState,
    StoredReading,
)
from models.definitions import DocumentType, FormDefinition, field_definition
from models.errors import REFUSALS, Misconfigured, Route, UnusableImage
from models.jobs import Job, Step
from models.ports import Clock, ImageStore, UnitOfWork
from models.promise import is_drawn, speaks
from models.reading import Boundaries, DocumentReading, PageReading
from models.releases import Release, ReleaseState, release_key
from pipeline.exporting import Exporters, released_document
from pipeline.jobs import Write
from pipeline.local_files import LocalFiles
from pipeline.page_tasks import cut_snippets, read_again, read_scan
from pipeline.pool import ReadingPool
from pipeline.promise import UNWATCHED, Promise, policy_of
from pipeline.recognition import SURE_OF_TYPE, Hint, understand

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Workshop:
    """What the stages work with."""

    uow: Callable[[], UnitOfWork]
    images: ImageStore
    files: LocalFiles
    clock: Clock
    sandbox: Sandbox
    pool: ReadingPool
    definitions: tuple[FormDefinition, ...]
    exporters: Exporters
    engines: str
    """Versions of product and weights, kept beside each reading."""
    promise: Promise = UNWATCHED
    """The residual error promised, and the share of fields drawn to keep it honest."""
    suppliers: Suppliers | None = None
    """The supplier master file, when the installation has one."""


def nothing_to_do(_: UnitOfWork) -> Sequence[Job]:
    """The subject is past this stage."""
    return ()


def job_for(step: Step, subject_id: str, batch: Batch, *, now: datetime, input_hash: str = "") -> Job:
    """A job that is due now, at the batch's priority."""
    return Job(
        step=step,
        subject_id=subject_id,
        input_hash=input_hash,
        batch_id=batch.id,
        created_at=now,
        not_before=now,
        priority=batch.priority,
    )


def open_master(master_id: str, shop: Workshop) -> Write:
    """Look at a file in the sandbox: how many pages, is it an archive, does it hold an e-invoice?"""
    with shop.uow() as uow:
        master = uow.masters.get(master_id)
    if master.pages is not None or master.code:
        return nothing_to_do
    path = shop.files.path(master.image)
    try:
        info = shop.sandbox.inspect(path)
        members = shop.sandbox.expand(path) if info.kind == "zip" else []
    except UnusableImage as error:
        code, reason = error.code, str(error)
        return lambda uow: _write_refused(uow, master_id, code, reason, shop.clock)
    stored = [(member, shop.images.save(member.content, suffix=member.suffix)) for member in members]
    attachment = next((shop.images.save(a.content, suffix=".xml") for a in info.attachments), None)
    return lambda uow: _write_opened(uow, master_id, info, attachment, stored, shop)


def _write_refused(uow: UnitOfWork, master_id: str, code: str, reason: str, clock: Clock) -> Sequence[Job]:
    now = clock.now()
    master = uow.masters.get(master_id)
    master.refuse(code, reason)
    uow.journal.append(
        "master_refused",
        at=now,
        subject=f"master:{master.id}",
        batch_id=master.batch_id,
        code=code,
        sha256=master.sha256,
    )
    batch = uow.batches.get(master.batch_id)
    masters = uow.masters.of_batch(batch.id)
    if all(m.code for m in masters):
        batch.refuse(code, REFUSALS.get(code, reason))
        uow.journal.append("batch_refused", at=now, subject=f"batch:{batch.id}", batch_id=batch.id, code=code)
        return ()
    return _after_pages(uow, batch, now)


def _write_opened(
    uow: UnitOfWork,
    master_id: str,
    info: SourceInfo,
    attachment: str | None,
    members: Sequence[tuple[Member, str]],
    shop: Workshop,
) -> Sequence[Job]:
    now = shop.clock.now()
    master = uow.masters.get(master_id)
    if master.pages is not None:
        return ()
    batch = uow.batches.get(master.batch_id)
    batch.record_opened()
    master.record_opened(kind=info.kind, pages=info.pages, repaired=info.repaired, attachment=attachment)
    uow.journal.append(
        "master_opened",
        at=now,
        subject=f"master:{master.id}",
        batch_id=batch.id,
        kind=info.kind,
        pages=info.pages,
        repaired=info.repaired,
    )
    jobs: list[Job] = []
    taken = len(uow.masters.of_batch(batch.id))
    for offset, (member, key) in enumerate(members):
        inner = Master(
            batch_id=batch.id,
            shown_name=member.shown_name,
            image=key,
            sha256=hashlib.sha256(member.content).hexdigest(),
            size_bytes=len(member.content),
            position=taken + offset,
            parent_id=master.id,
        )
        uow.masters.add(inner)
        jobs.append(job_for(Step.OPEN_MASTER, inner.id, batch, now=now))
    first = len(uow.pages.of_batch(batch.id))
    for number in range(1, info.pages + 1):
        position = first + number - 1
        page = Page(
            batch_id=batch.id,
            master_id=master.id,
            number=number,
            position=position,
            endorsement=f"{batch.label}-{position + 1:04d}",
        )
        uow.pages.add(page)
        jobs.append(job_for(Step.READ_PAGE, page.id, batch, now=now))
    return jobs


def read_page(page_id: str, shop: Workshop) -> Write:
    """Read one page in a reading process and keep its picture."""
    with shop.uow() as uow:
        page = uow.pages.get(page_id)
        master = uow.masters.get(page.master_id)
    if page.state is not PageState.WAITING:
        return nothing_to_do
    try:
        with tempfile.TemporaryDirectory(prefix="depli-") as folder:
            raster = shop.sandbox.raster(shop.files.path(master.image), [page.number], out=Path(folder))[0]
            outcome = shop.pool.run(read_scan, raster)
    except UnusableImage as error:
        code, reason = error.code, str(error)
        return lambda uow: _write_unusable(uow, page_id, code, reason, shop)
    image = shop.images.save(outcome.image, suffix=outcome.suffix)
    preview = shop.images.save(outcome.preview, suffix=".jpg")

    def write(uow: UnitOfWork) -> Sequence[Job]:
        now = shop.clock.now()
        page = uow.pages.get(page_id)
        quality = outcome.reading.quality
        page.record_read(image=image, preview=preview, rescan=quality.rescan, reason=quality.reason)
        uow.readings.add(StoredReading(page_id=page_id, content=outcome.reading, made_at=now, engines=shop.engines))
        uow.journal.append(
            "page_read",
            at=now,
            subject=f"page:{page_id}",
            batch_id=page.batch_id,
            rotated_deg=outcome.reading.rotated_deg,
            blank=outcome.reading.blank,
            form=outcome.reading.form.form if outcome.reading.form else None,
        )
        return _after_pages(uow, uow.batches.lock(page.batch_id), now)

    return write


def _write_unusable(uow: UnitOfWork, page_id: str, code: str, reason: str, shop: Workshop) -> Sequence[Job]:
    now = shop.clock.now()
    page = uow.pages.get(page_id)
    page.reject(Route.RESCAN, REFUSALS.get(code, reason))
    uow.journal.append("page_rejected", at=now, subject=f"page:{page_id}", batch_id=page.batch_id, code=code)
    return _after_pages(uow, uow.batches.lock(page.batch_id), now)


def _after_pages(uow: UnitOfWork, batch: Batch, now: datetime) -> Sequence[Job]:
    """The separation of a batch, once nothing of it waits to be opened or read."""
    masters = uow.masters.of_batch(batch.id)
    pages = uow.pages.of_batch(batch.id)
    if any(m.pages is None and not m.code for m in masters) or any(p.state is PageState.WAITING for p in pages):
        return ()
    if batch.state is not BatchState.READING:
        return ()
    return (job_for(Step.SEPARATE_BATCH, batch.id, batch, now=now),)


def batches_ready_to_separate(uow: UnitOfWork, now: datetime) -> Sequence[Job]:
    """What the sweep adds where two last pages ended at the same moment, each not seeing the other."""
    jobs: list[Job] = []
    for batch in uow.batches.with_open_work():
        jobs.extend(_after_pages(uow, batch, now))
    return jobs


def separate_batch(batch_id: str, shop: Workshop) -> Write:
    """Divide the pages of each master into documents; blank sides and separators are set aside."""
    with shop.uow() as uow:
        batch = uow.batches.get(batch_id)
        if batch.state is not BatchState.READING:
            return nothing_to_do
        pages = [page for page in uow.pages.of_batch(batch_id) if page.state is PageState.READ]
        readings = uow.readings.of_pages([page.id for page in pages])
        masters = uow.masters.of_batch(batch_id)
    form_pages = {definition.id: definition.pages for definition in shop.definitions}
    separated = []
    for master in masters:
        own = [page for page in pages if page.master_id == master.id]
        if own:
            separated.append((own, separate([readings[page.id].content for page in own], form_pages=form_pages)))

    def write(uow: UnitOfWork) -> Sequence[Job]:
        now = shop.clock.now()
        batch = uow.batches.get(batch_id)
        batch.record_separated()
        jobs: list[Job] = []
        position = 0
        for own, separation in separated:
            for found in separation.documents:
                document = Document(
                    batch_id=batch_id,
                    position=position,
                    formed_at=now,
                    boundary_confidence=found.boundaries.confidence,
                    boundary_reason=found.boundaries.reason,
                )
                uow.documents.add(document)
                for place, number in enumerate(found.pages):
                    uow.pages.get(own[number - 1].id).place(document.id, place)
                uow.journal.append(
                    "document_separated",
                    at=now,
                    subject=f"document:{document.id}",
                    batch_id=batch_id,
                    document_id=document.id,
                    pages=len(found.pages),
                    by=found.sign,
                    confidence=round(found.boundaries.confidence, 4),
                )
                jobs.append(job_for(Step.RECOGNISE_DOCUMENT, document.id, batch, now=now))
                position += 1
            for number in separation.separators:
                uow.pages.get(own[number - 1].id).set_aside("separator")
            for number in separation.blanks:
                uow.pages.get(own[number - 1].id).set_aside("blank")
        if not position:
            close_batch(uow, batch, now)
        return jobs

    return write


def recognise_document(document_id: str, shop: Workshop) -> Write:
    """From the readings of its pages to fields, decisions and snippets."""
    with shop.uow() as uow:
        document = uow.documents.get(document_id)
        if document.state is not DocumentState.SEPARATED:
            return nothing_to_do
        pages = list(uow.pages.of_document(document_id))
        stored = uow.readings.of_pages([page.id for page in pages])
        incomplete = _beside_unread(pages, uow.pages.of_batch(document.batch_id))
        own_masters = {page.master_id for page in pages}
        repaired = any(m.repaired for m in uow.masters.of_batch(document.batch_id) if m.id in own_masters)
        attachment = _e_invoice_of(pages, uow.masters.of_batch(document.batch_id))
        policy = policy_of(uow.policies.current(), shop.promise)
    said = (document.document_type, document.form) if document.type_confidence == 1.0 else None
    boundaries = (
        None
        if document.boundary_confidence is None
        else Boundaries(document.boundary_confidence, document.boundary_reason)
    )
    readings = [stored[page.id].content for page in pages]
    pictures = [shop.images.load(page.image or "") for page in pages]
    again: dict[str, PageReading] = {}
    if said:
        no_form = said[0] in (DocumentType.SUPPLIER_INVOICE, DocumentType.OTHER)
        hint = Hint(form=said[1], no_form=no_form)
        again = {
            page.id: shop.pool.run(read_again, picture, reading, hint)
            for page, picture, reading in zip(pages, pictures, readings, strict=True)
            if (reading.form is not None) == no_form or (said[1] and reading.form and reading.form.form != said[1])
        }
        readings = [again.get(page.id, reading) for page, reading in zip(pages, readings, strict=True)]
    found = understand(
        readings,
        range(1, len(pages) + 1),
        shop.definitions,
        today=shop.clock.now().date(),
        said=said,
        e_invoice=shop.images.load(attachment) if attachment else None,
        repaired=repaired,
        incomplete=incomplete,
        boundaries=boundaries,
        policy=policy,
        suppliers=shop.suppliers,
    )
    places = [(picture, reading.dpi) for picture, reading in zip(pictures, readings, strict=True)]
    snippets = {
        name: shop.images.save(content, suffix=".png")
        for name, content in shop.pool.run(cut_snippets, found.fields, places).items()
    }
    return lambda uow: _write_recognised(uow, document_id, pages, again, found, snippets, shop)


def _beside_unread(pages: Sequence[Page], of_batch: Sequence[Page]) -> bool:
    """A neighbouring page of the same master could not be read: it may belong to this document."""
    rejected = {(page.master_id, page.number) for page in of_batch if page.state is PageState.REJECTED}
    return any((page.master_id, page.number + step) in rejected for page in pages for step in (-1, 1))


def _e_invoice_of(pages: Sequence[Page], masters: Sequence[Master]) -> str | None:
    """Key of the e-invoice that came with the document: its master holds it and nothing else."""
    for master in masters:
        if master.attachment and master.pages == len(pages) and all(page.master_id == master.id for page in pages):
            return master.attachment
    return None


def _write_recognised(
    uow: UnitOfWork,
    document_id: str,
    pages: Sequence[Page],
    again: Mapping[str, PageReading],
    found: DocumentReading,
    snippets: Mapping[str, str],
    shop: Workshop,
) -> Sequence[Job]:
    now = shop.clock.now()
    document = uow.documents.get(document_id)
    if document.state is not DocumentState.SEPARATED:
        return ()
    for page_id, reading in again.items():
        uow.readings.add(StoredReading(page_id=page_id, content=reading, made_at=now, engines=shop.engines))
    sure = found.type_confidence >= SURE_OF_TYPE
    document.record_recognised(found, sure_of_type=sure)
    uow.fields.remove_of_document(document_id)
    definition = next((d for d in shop.definitions if d.id == found.form), None)
    fields = []
    for position, (name, value) in enumerate(found.fields.items()):
        meaning = field_definition(name, zones=definition.zones_named(name) if definition else ())
        field = Field(
            document_id=document_id,
            name=name,
            label=meaning.label_fr,
            value_type=meaning.value_type,
            critical=meaning.critical,
            position=position,
            machine=value,
            page_id=pages[value.page - 1].id if value.page and value.page <= len(pages) else None,
            snippet=snippets.get(name),
            drawn=speaks(value) and is_drawn(document_id, name, share=shop.promise.audit_share),
        )
        uow.fields.add(field)
        fields.append(field)
    accepted = sum(field.state.value == "accepted" for field in fields)
    uow.journal.append(
        "document_recognised",
        at=now,
        subject=f"document:{document_id}",
        batch_id=document.batch_id,
        document_id=document_id,
        document_type=found.document_type.value,
        form=found.form,
        confidence=round(found.type_confidence, 4),
        fields=len(fields),
        accepted=accepted,
    )
    if sure and accepted == len(fields):
        document.record_verified(fields, now=now)
        return plan_releases(uow, document, shop.exporters, now=now)
    return ()


def plan_releases(
    uow: UnitOfWork, document: Document, exporters: Exporters, *, now: datetime, wait: timedelta = timedelta(0)
) -> Sequence[Job]:
    """One release for each destination that takes this kind of document; planning twice is planning once.

    Args:
        wait: how long the document can still be taken back.
    """
    batch = uow.batches.get(document.batch_id)
    jobs: list[Job] = []
    for name in exporters.destinations_of(document):
        ended = sum(
            r.destination == name and r.state is ReleaseState.CONFIRMED for r in uow.releases.of_document(document.id)
        )
        key = release_key(document.id, name, ended)
        release = uow.releases.by_key(key)
        if release is None:
            release = Release(document_id=document.id, batch_id=batch.id, destination=name, key=key, planned_at=now)
            uow.releases.add(release)
        job = job_for(Step.RELEASE_DOCUMENT, release.id, batch, now=now, input_hash=now.isoformat())
        job.not_before = now + wait
        jobs.append(job)
    uow.journal.append(
        "document_verified",
        at=now,
        subject=f"document:{document.id}",
        batch_id=batch.id,
        document_id=document.id,
        straight_through=document.straight_through,
        releases=len(jobs),
    )
    return jobs


def release_document(release_id: str, shop: Workshop) -> Write:
    """Hand a document to one destination. The destination keeps the key, so handing over twice is one delivery."""
    with shop.uow() as uow:
        release = uow.releases.get(release_id)
        document = uow.documents.get(release.document_id)
        if release.state in (ReleaseState.CONFIRMED, ReleaseState.HELD) or document.state is not DocumentState.VERIFIED:
            return nothing_to_do
        release.record_sending()
        payload = released_document(uow, release.document_id, images=shop.images)
        uow.commit()
    exporter = shop.exporters.named(release.destination)
    try:
        receipt = exporter.deliver(release.key, exporter.render(payload))
    except (Misconfigured, UnusableImage) as error:
        reason = str(error)
        return lambda uow: _write_held(uow, release_id, reason, shop)

    def write(uow: UnitOfWork) -> Sequence[Job]:
        now = shop.clock.now()
        release = uow.releases.get(release_id)
        # two destinations may take the document at the same moment: one of them must see that it was the last
        batch = uow.batches.lock(release.batch_id)
        release.confirm(reference=receipt.reference, payload_sha256=receipt.sha256, now=now)
        uow.journal.append(
            "release_confirmed",
            at=now,
            subject=f"release:{release_id}",
            batch_id=release.batch_id,
            document_id=release.document_id,
            destination=release.destination,
            sha256=receipt.sha256,
        )
        document = uow.documents.get(release.document_id)
        every = uow.releases.of_document(document.id)
        if document.state is DocumentState.VERIFIED and all(r.state is ReleaseState.CONFIRMED for r in every):
            document.record_released()
            uow.journal.append(
                "document_released",
                at=now,
                subject=f"document:{document.id}",
                batch_id=document.batch_id,
                document_id=document.id,
            )
            close_batch(uow, batch, now)
        return ()

    return write


def _write_held(uow: UnitOfWork, release_id: str, reason: str, shop: Workshop) -> Sequence[Job]:
    release = uow.releases.get(release_id)
    release.hold(reason)
    uow.journal.append(
        "release_held",
        at=shop.clock.now(),
        subject=f"release:{release_id}",
        batch_id=release.batch_id,
        document_id=release.document_id,
        destination=release.destination,
    )
    return ()


def close_batch(uow: UnitOfWork, batch: Batch, now: datetime) -> None:
    """The batch is done when none of its documents is in work."""
    documents = uow.documents.of_batch(batch.id)
    if batch.state is BatchState.IN_WORK and not any(d.state in OPEN_DOCUMENT_STATES for d in documents):
        batch.record_done()
        uow.journal.append(
            "batch_done", at=now, subject=f"batch:{batch.id}", batch_id=batch.id, documents=len(documents)
        )


def close_batches(make_uow: Callable[[], UnitOfWork], clock: Clock) -> int:
    """Close the batches whose last open document a person rejected or the machine gave up; answers how many."""

    def ended(uow: UnitOfWork) -> list[Batch]:
        return [
            batch
            for batch in uow.batches.with_open_work()
            if batch.state is BatchState.IN_WORK
            and not any(d.state in OPEN_DOCUMENT_STATES for d in uow.documents.of_batch(batch.id))
        ]

    with make_uow().reading() as uow:
        if not ended(uow):
            return 0
    with make_uow() as uow:
        found = ended(uow)
        for batch in found:
            close_batch(uow, batch, clock.now())
        uow.commit()
    return len(found)


def quarantine(job: Job, uow: UnitOfWork, *, clock: Clock) -> Sequence[Job]:
    """The machine failed three times on a subject: it leaves the flow visibly, its neighbours go on."""
    now = clock.now()
    code = job.last_error.split(":", 1)[0] or "crashed"
    following: Sequence[Job] = ()
    match job.step:
        case Step.OPEN_MASTER:
            following = _write_refused(uow, job.subject_id, "crashed", REFUSALS["crashed"], clock)
        case Step.READ_PAGE:
            page = uow.pages.get(job.subject_id)
            if page.state is PageState.WAITING:
                page.reject(Route.KEYING, REFUSALS["crashed"])
            following = _after_pages(uow, uow.batches.get(page.batch_id), now)
        case Step.RECOGNISE_DOCUMENT:
            uow.documents.get(job.subject_id).quarantine(
                "La machine a échoué trois fois : un superviseur doit regarder."
            )
        case Step.RELEASE_DOCUMENT:
            release = uow.releases.get(job.subject_id)
            if release.state is not ReleaseState.CONFIRMED:
                release.hold("La remise a échoué trois fois : vérifiez la destination, puis relancez.")
        case Step.SEPARATE_BATCH:
            log.error("batch_not_separated", batch=job.batch_id)
    uow.journal.append(
        "job_quarantined", at=now, subject=f"job:{job.id}", batch_id=job.batch_id, step=job.step.value, error=code
    )
    return following


def handlers(shop: Workshop) -> Mapping[Step, Callable[[str], Write]]:
    """The stage of each step."""
    return {
        Step.OPEN_MASTER: lambda subject: open_master(subject, shop),
        Step.READ_PAGE: lambda subject: read_page(subject, shop),
        Step.SEPARATE_BATCH: lambda subject: separate_batch(subject, shop),
        Step.RECOGNISE_DOCUMENT: lambda subject: recognise_document(subject, shop),
        Step.RELEASE_DOCUMENT: lambda subject: release_document(subject, shop),
    }
