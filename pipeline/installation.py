"""One installation, assembled from its settings: record, image store, queue, reading processes, screens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from fastapi import FastAPI
from sqlalchemy import Engine

from capture.sandbox import Sandbox
from extraction.invoices.suppliers import Suppliers
from models.batch import Document
from models.definitions import FormDefinition
from models.jobs import Job, Step
from models.ports import UnitOfWork
from models.releases import Release, ReleaseState
from models.store.clock import RecordClock
from models.store.engine import open_record
from models.store.images import FsspecImages
from models.store.unit_of_work import SqlUnitOfWork
from pipeline.engines import EngineSettings, templates
from pipeline.exporting import Exporters, exporters_of
from pipeline.intake import Incoming, RecordIntake
from pipeline.jobs import process_name, run_job
from pipeline.local_files import LocalFiles
from pipeline.pool import ReadingPool
from pipeline.promise import Promise, PromiseKeeper, policy_of
from pipeline.queue import Crew, JobQueue, start_embedded
from pipeline.settings import Settings
from pipeline.stages import (
    Workshop,
    batches_ready_to_separate,
    close_batches,
    handlers,
    job_for,
    plan_releases,
    quarantine,
)
from pipeline.sweep import sweep
from pipeline.wiring import engines_label, local_root, secret_key
from videocoding_ui.application import create_app
from videocoding_ui.desk import UploadedFile
from videocoding_ui.settings import UiSettings

log = structlog.get_logger()


class Installation:
    """All that `depli serve`, `worker`, `intake` and the demo share. Parts are made when first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.home.mkdir(parents=True, exist_ok=True)
        self.engine: Engine = open_record(settings.record_url)
        self.clock = RecordClock(self.engine)
        self.images = FsspecImages(settings.store_url)
        self.images.remove_half_written(older_than_s=3600)
        self.queue = JobQueue(settings.queue_url, namespace=settings.queue_namespace)
        self.intake = RecordIntake(
            uow=self.uow, images=self.images, clock=self.clock, max_bytes=settings.max_upload_mb * 1024 * 1024
        )
        self._shop: Workshop | None = None
        self._crew: Crew | None = None

    def uow(self) -> SqlUnitOfWork:
        """A unit of work that rings for the jobs it added once they are committed."""
        return SqlUnitOfWork(self.engine, doorbell=self.queue)

    @property
    def definitions(self) -> tuple[FormDefinition, ...]:
        """The known forms."""
        return tuple(template.definition for template in templates(self._template_folders))

    @property
    def _template_folders(self) -> tuple[Any, ...]:
        own = self.settings.home / "forms"
        return (*self.settings.template_folders, *((own,) if own.is_dir() else ()))

    @property
    def promise(self) -> Promise:
        """What the settings promise."""
        settings = self.settings
        return Promise(error=settings.residual_error, risk=settings.residual_risk, audit_share=settings.audit_share)

    def workshop(self) -> Workshop:
        """The stages' tools; starts the reading processes.

        Raises: Misconfigured when a weight file or a form is wrong.
        """
        if self._shop is None:
            settings = self.settings
            engine_settings = EngineSettings(
                template_folders=self._template_folders, line_reader_checkpoint=settings.line_reader_checkpoint
            )
            self._shop = Workshop(
                uow=self.uow,
                images=self.images,
                files=LocalFiles(
                    self.images, root=local_root(settings.store_url), cache=settings.home / "cache" / "masters"
                ),
                clock=self.clock,
                sandbox=Sandbox(max_pages=settings.max_pages),
                pool=ReadingPool(engine_settings, processes=settings.workers),
                definitions=self.definitions,
                exporters=self.exporters(),
                engines=engines_label(),
                promise=self.promise,
                suppliers=Suppliers.from_csv(settings.supplier_file) if settings.supplier_file else None,
            )
        return self._shop

    def exporters(self) -> Exporters:
        """The destinations in use."""
        return exporters_of(self.settings, now=self.clock.now, already_sent=self._already_sent)

    def _already_sent(self, supplier: str, number: str, year: int) -> bool:
        """Another document with this supplier, number and year was released to Chorus before."""
        with self.uow().reading() as uow:
            for release in uow.releases.latest(100_000):
                if release.destination != "chorus" or release.state is not ReleaseState.CONFIRMED:
                    continue
                values = {field.name: field.value for field in uow.fields.of_document(release.document_id)}
                issued = str(values.get("issue_date") or "")
                if (values.get("seller_siret"), values.get("invoice_number"), issued[:4]) == (
                    supplier,
                    number,
                    str(year),
                ):
                    return True
        return False

    def run(self) -> Callable[[str], object]:
        """Runs one job by its id."""
        shop = self.workshop()
        return partial(
            run_job,
            handlers=handlers(shop),
            uow=self.uow,
            clock=self.clock,
            owner=process_name(),
            on_quarantine=self._on_quarantine,
        )

    def sweep(self) -> Callable[[], object]:
        """One sweep; it also closes the batches that nobody else closes, and keeps the promise about errors."""
        keep_promise = PromiseKeeper(uow=self.uow, clock=self.clock, promise=self.promise)
        look = partial(
            sweep,
            uow=self.uow,
            doorbell=self.queue,
            clock=self.clock,
            on_quarantine=self._on_quarantine,
            missing=self._missing,
        )

        def sweep_and_close() -> object:
            swept = look()
            close_batches(self.uow, self.clock)
            keep_promise()
            return swept

        return sweep_and_close

    def _missing(self, uow: UnitOfWork, now: datetime) -> Iterable[Job]:
        return batches_ready_to_separate(uow, now)

    def _on_quarantine(self, job: Job, uow: UnitOfWork) -> Iterable[Job]:
        return quarantine(job, uow, clock=self.clock)

    def start_crew(self) -> Crew:
        """Worker threads and the sweep in this process."""
        if self._crew is None:
            self._crew = start_embedded(
                self.queue,
                run=self.run(),
                sweep=self.sweep(),
                threads=self.settings.workers + 1,
                sweep_s=self.settings.sweep_s,
            )
        return self._crew

    def stop(self) -> None:
        """End the threads and processes; what was under way is taken back later."""
        if self._crew is not None:
            self._crew.stop(timeout_s=10.0)
        if self._shop is not None:
            self._shop.pool.close()
        self.queue.close()
        self.engine.dispose()

    def on_verified(self, uow: UnitOfWork, document: Document) -> Sequence[Job]:
        """Releases of a document that a person verified; they leave after the time in which it can be taken back."""
        return plan_releases(
            uow, document, self.exporters(), now=self.clock.now(), wait=timedelta(seconds=self.settings.undo_s)
        )

    def on_recognise(self, uow: UnitOfWork, document: Document) -> Sequence[Job]:
        """Recognise a document again, with what a person said of it."""
        now = self.clock.now()
        batch = uow.batches.get(document.batch_id)
        job = job_for(Step.RECOGNISE_DOCUMENT, document.id, batch, now=now, input_hash=now.isoformat())
        job.priority = 0
        return (job,)

    def on_retry(self, uow: UnitOfWork, release: Release) -> Sequence[Job]:
        """Try a held release again."""
        now = self.clock.now()
        batch = uow.batches.get(release.batch_id)
        return (job_for(Step.RELEASE_DOCUMENT, release.id, batch, now=now, input_hash=now.isoformat()),)

    def app(self) -> FastAPI:
        """The screens."""
        settings = self.settings
        return create_app(
            uow=self.uow,
            images=self.images,
            clock=self.clock,
            intake=self._upload,
            ring=lambda jobs: None,  # the unit of work rang already
            settings=UiSettings(
                secret_key=settings.secret_key.get_secret_value() or secret_key(settings.home),
                session_hours=settings.session_hours,
                secure_cookies=settings.secure_cookies,
                max_upload_bytes=settings.max_upload_mb * 1024 * 1024,
                undo_s=self.settings.undo_s,
                residual_error=settings.residual_error,
                residual_risk=settings.residual_risk,
                audit_share=settings.audit_share,
            ),
            health=self.health,
            on_verified=self.on_verified,
            on_recognise=self.on_recognise,
            on_retry=self.on_retry,
            forms={definition.id: definition for definition in self.definitions},
            limits=lambda version: policy_of(version, self.promise).thresholds,
        )

    def _upload(self, files: Sequence[UploadedFile], *, shown_name: str, user_id: str) -> str:
        incoming = [Incoming(file.shown_name, file.stream) for file in files]
        return self.intake.take(incoming, shown_name=shown_name, source="upload", received_by=user_id).batch_id

    def health(self) -> Mapping[str, object]:
        """What runs and which protections are active; no secrets."""
        from capture.sandbox import protections

        with self.uow().reading() as uow:
            states = {state.value: count for state, count in uow.documents.count_by_state().items()}
        return {
            "ok": True,
            "record": self.engine.dialect.name,
            "queue": "embedded" if self.queue.embedded else self.settings.queue_url.partition("://")[0],
            "documents": states,
            "sandbox": protections(),
            "engines": engines_label(),
        }
