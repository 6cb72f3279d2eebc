"""Taking files in: stored untouched and fsynced first, then one transaction, then the doorbell."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import structlog

from models.batch import Batch, Master
from models.errors import REFUSALS, UnusableImage
from models.jobs import Step
from models.ports import Clock, ImageStore, UnitOfWork
from pipeline.stages import job_for

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Incoming:
    """One file that comes in."""

    shown_name: str
    stream: BinaryIO


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The batch that holds the files."""

    batch_id: str
    label: str
    repeated: bool
    """The same bytes came in before: nothing new was made, the older batch answers."""


class RecordIntake:
    """Makes a batch of files. When `take` answers, the bytes are on disk and the batch is in the record."""

    def __init__(
        self, *, uow: Callable[[], UnitOfWork], images: ImageStore, clock: Clock, max_bytes: int = 500 * 1024 * 1024
    ) -> None:
        self._uow, self._images, self._clock, self._max_bytes = uow, images, clock, max_bytes

    def take(self, files: Sequence[Incoming], *, shown_name: str, source: str, received_by: str = "") -> TakenIn:
        """Take files in as one batch.

        Raises: UnusableImage `empty` or `too_many_pages` (larger than allowed); Unavailable when nothing was stored.
        """
        stored = [self._store(file) for file in files]
        with self._uow() as uow:
            if len(stored) == 1:
                older = next(iter(uow.batches.holding(stored[0][1])), None)
                if older is not None:
                    uow.journal.append(
                        "batch_repeated",
                        at=self._clock.now(),
                        actor=received_by or "system",
                        subject=f"batch:{older.id}",
                        batch_id=older.id,
                        source=source,
                        sha256=stored[0][1],
                    )
                    uow.commit()
                    return TakenIn(older.id, older.label, repeated=True)
            batch = self._add(uow, files, stored, shown_name=shown_name, source=source, received_by=received_by)
            uow.commit()
        log.info("batch_received", batch=batch.id, label=batch.label, masters=len(stored), source=source)
        return TakenIn(batch.id, batch.label, repeated=False)

    def _store(self, file: Incoming) -> tuple[str, str, int]:
        content = file.stream.read(self._max_bytes + 1)
        if not content:
            raise UnusableImage(f"{file.shown_name}: {REFUSALS['empty']}", code="empty")
        if len(content) > self._max_bytes:
            raise UnusableImage(
                f"{file.shown_name}: plus de {self._max_bytes // 1_048_576} Mo. {REFUSALS['too_many_pages']}",
                code="too_many_pages",
            )
        return self._images.save(content, suffix=".bin"), hashlib.sha256(content).hexdigest(), len(content)

    def _add(
        self,
        uow: UnitOfWork,
        files: Sequence[Incoming],
        stored: Sequence[tuple[str, str, int]],
        *,
        shown_name: str,
        source: str,
        received_by: str,
    ) -> Batch:
        now = self._clock.now()
        batch = Batch(shown_name=shown_name, source=source, received_at=now, received_by=received_by)
        uow.batches.add(batch)
        for position, (file, (key, sha256, size)) in enumerate(zip(files, stored, strict=True)):
            master = Master(
                batch_id=batch.id,
                shown_name=file.shown_name,
                image=key,
                sha256=sha256,
                size_bytes=size,
                position=position,
            )
            uow.masters.add(master)
            uow.jobs.add(job_for(Step.OPEN_MASTER, master.id, batch, now=now))
            uow.journal.append(
                "master_received",
                at=now,
                actor=received_by or "system",
                subject=f"master:{master.id}",
                batch_id=batch.id,
                sha256=sha256,
                size_bytes=size,
                source=source,
            )
        return batch
