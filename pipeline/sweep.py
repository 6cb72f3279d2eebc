"""The sweep: what makes a lost message, a dead worker or an emptied queue cost seconds and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from models.errors import Unavailable
from models.jobs import Job, JobState
from models.ports import Clock, Doorbell, UnitOfWork
from pipeline.jobs import OnQuarantine, describe, give_up, is_dead

log = structlog.get_logger()

KEPT_IN_QUEUE = 100
"""The sweep fills a queue up to that many messages. The table holds the rest: messages that came again and again for a
long backlog would drown the workers."""


class JobQueues(Doorbell, Protocol):
    """A doorbell that knows how many rings have not been heard yet."""

    def queue_of(self, job: Job) -> str:
        """Name of the queue a job goes through."""
        ...

    def waiting(self, queue: str) -> int:
        """Messages in that queue."""
        ...


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did."""

    taken_back: int = 0
    """Jobs of dead workers."""
    quarantined: int = 0
    """Of these, given up."""
    added: int = 0
    """Jobs that should have been there."""
    rung: int = 0
    """Due jobs that workers were told of."""


def sweep(
    *,
    uow: Callable[[], UnitOfWork],
    doorbell: JobQueues,
    clock: Clock,
    on_quarantine: OnQuarantine,
    missing: Callable[[UnitOfWork, datetime], Iterable[Job]] | None = None,
) -> Swept:
    """Take back the jobs of dead workers, add what is missing, ring for what is due. Several sweeps at once do no harm.

    Args:
        missing: jobs that no transaction could see were due, e.g. when two last pages ended at the same moment.
    Raises: Unavailable when the record does not answer.
    """
    taken_back = _take_back(uow, clock, on_quarantine)
    added = _add_missing(uow, clock, missing) if missing is not None else 0
    with uow().reading() as record:
        due = record.jobs.due(now=clock.now(), limit=4 * KEPT_IN_QUEUE)
    return Swept(
        taken_back=len(taken_back),
        quarantined=sum(job.state is JobState.QUARANTINED for job in taken_back),
        added=added,
        rung=_ring(due, doorbell),
    )


def _take_back(uow: Callable[[], UnitOfWork], clock: Clock, on_quarantine: OnQuarantine) -> list[Job]:
    with uow().reading() as record:
        now = clock.now()
        running = record.jobs.in_state(JobState.RUNNING)
    dead = {job.lease_owner for job in running if job.lease_owner is not None and is_dead(job.lease_owner)}
    if not dead and not any(job.lease_until is None or job.lease_until < now for job in running):
        return []
    try:
        with uow() as record:
            taken_back = list(record.jobs.expire_leases(now=now, dead_owners=dead))
            for job in _given_up(taken_back):
                give_up(job, record, on_quarantine=on_quarantine)
            record.commit()
    except Unavailable:
        raise
    except Exception as error:
        # one subject that cannot leave the flow must not hold up the jobs of the others
        log.error("on_quarantine_failed", error=describe(error))
        with uow() as record:
            taken_back = list(record.jobs.expire_leases(now=now, dead_owners=dead))
            record.commit()
        for job in _given_up(taken_back):
            _give_up_alone(job, uow, on_quarantine)
    for job in taken_back:
        log.warning("job_taken_back", job=job.id, step=job.step.value, losses=job.losses)
    return taken_back


def _given_up(jobs: Iterable[Job]) -> list[Job]:
    return [job for job in jobs if job.state is JobState.QUARANTINED]


def _give_up_alone(job: Job, uow: Callable[[], UnitOfWork], on_quarantine: OnQuarantine) -> None:
    try:
        with uow() as record:
            give_up(job, record, on_quarantine=on_quarantine)
            record.commit()
    except Unavailable:
        raise
    except Exception as error:
        log.error("on_quarantine_failed", job=job.id, error=describe(error))


def _add_missing(
    uow: Callable[[], UnitOfWork], clock: Clock, missing: Callable[[UnitOfWork, datetime], Iterable[Job]]
) -> int:
    # looked for without a lock first: nearly always there is nothing to write
    with uow().reading() as record:
        found = list(missing(record, clock.now()))
    if not found:
        return 0
    with uow() as record:
        added = sum(record.jobs.add(job) for job in missing(record, clock.now()))
        record.commit()
    return added


def _ring(due: Iterable[Job], doorbell: JobQueues) -> int:
    room: dict[str, int] = {}
    rung: list[Job] = []
    for job in due:
        queue = doorbell.queue_of(job)
        if queue not in room:
            room[queue] = KEPT_IN_QUEUE - doorbell.waiting(queue)
        if room[queue] > 0:
            room[queue] -= 1
            rung.append(job)
    if rung:
        doorbell.ring(rung)
    return len(rung)


class Sweeper:
    """Sweeps again and again in a thread of its own, first at once."""

    def __init__(self, once: Callable[[], object], *, every_s: float) -> None:
        self._once = once
        self._every_s = every_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """End after the sweep under way."""
        self._done.set()
        self._thread.join(timeout=timeout_s)

    def _run(self) -> None:
        while True:
            try:
                self._once()
            except Unavailable as error:
                log.warning("sweep_put_off", error=describe(error))
            except Exception as error:
                # the sweep is what repairs everything else: it never ends for a fault of its own
                log.error("sweep_failed", error=describe(error))
            if self._done.wait(self._every_s):
                return
