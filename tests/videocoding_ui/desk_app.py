"""The application on a real record in a folder, as the composition root would build it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from fastapi import FastAPI

from models.batch import Batch, Document, Master
from models.definitions import FormDefinition
from models.errors import UnusableImage
from models.jobs import Job, Step
from models.ports import ImageStore, UnitOfWork
from models.promise import Thresholds
from models.releases import Release, ReleaseState, release_key
from models.store import MemoryImages, SqlUnitOfWork, open_record
from tests.videocoding_ui.seed import NOW, Seeded, forms, seed
from videocoding_ui import UiSettings, UploadedFile, create_app

LIMITS = Thresholds(limit=0.97, error=0.005, seen=1404, errors=1, bound=0.0034, coverage=0.9)
"""What comes with the product, to the screens of a test."""


@dataclass
class SteppedClock:
    """Moves one millisecond at each look, and further when told to: answers have an order."""

    moment: datetime = NOW

    def now(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class DeskApp:
    """The application and all that stands behind it."""

    app: FastAPI
    open_uow: object
    images: ImageStore
    clock: SteppedClock
    seeded: Seeded
    rung: list[Job] = field(default_factory=list)


def job(step: Step, subject: str, batch_id: str, now: datetime, input_hash: str) -> Job:
    """A due job."""
    return Job(step=step, subject_id=subject, input_hash=input_hash, batch_id=batch_id, created_at=now, not_before=now)


def make_desk(
    folder: Path,
    *,
    mandates: int = 1,
    others: bool = True,
    clock: SteppedClock | None = None,
    **settings: object,
) -> DeskApp:
    """A seeded record in SQLite and the application on it."""
    engine = open_record(f"sqlite:///{folder / 'record.sqlite3'}")
    images = MemoryImages()
    clock = clock or SteppedClock()
    rung: list[Job] = []

    def open_uow() -> SqlUnitOfWork:
        return SqlUnitOfWork(engine)

    def on_verified(uow: UnitOfWork, document: Document) -> Sequence[Job]:
        now = clock.now()
        key = release_key(document.id, "ged", 1)
        release = uow.releases.by_key(key)
        if release is None:
            release = Release(
                document_id=document.id, batch_id=document.batch_id, destination="ged", key=key, planned_at=now
            )
            uow.releases.add(release)
        made = job(Step.RELEASE_DOCUMENT, release.id, document.batch_id, now, key + str(document.version))
        return [made]

    def on_recognise(uow: UnitOfWork, document: Document) -> Sequence[Job]:
        made = job(Step.RECOGNISE_DOCUMENT, document.id, document.batch_id, clock.now(), document.document_type.value)
        return [made]

    def on_retry(uow: UnitOfWork, release: Release) -> Sequence[Job]:
        assert release.state is ReleaseState.PLANNED
        made = job(Step.RELEASE_DOCUMENT, release.id, release.batch_id, clock.now(), f"retry-{release.version}")
        return [made]

    def intake(files: Sequence[UploadedFile], *, shown_name: str, user_id: str) -> str:
        with open_uow() as uow:
            batch = Batch(shown_name=shown_name, source="upload", received_at=clock.now(), received_by=user_id)
            uow.batches.add(batch)
            for position, each in enumerate(files):
                content = each.stream.read()
                if not content:
                    raise UnusableImage("Le fichier est vide : renvoyez-le.", code="empty")
                key = images.save(content, suffix="bin")
                uow.masters.add(
                    Master(
                        batch_id=batch.id,
                        shown_name=each.shown_name,
                        image=key,
                        sha256="1" * 64,
                        size_bytes=len(content),
                        position=position,
                    )
                )
            uow.commit()
            return batch.id

    def ring(jobs: Iterable[Job]) -> None:
        rung.extend(jobs)

    definitions: dict[str, FormDefinition] = forms()
    seeded = seed(open_uow, images, mandates=mandates, others=others)
    app = create_app(
        uow=open_uow,
        images=images,
        clock=clock,
        intake=intake,
        ring=ring,
        settings=UiSettings(secret_key="a secret for tests only", **settings),  # type: ignore[arg-type]
        health=lambda: {"ok": True, "record": "sqlite", "sandbox": "forkserver"},
        on_verified=on_verified,
        on_recognise=on_recognise,
        on_retry=on_retry,
        forms=definitions,
        limits=lambda version: (version.thresholds if version is not None else None) or LIMITS,
    )
    return DeskApp(app, open_uow, images, clock, seeded, rung)
