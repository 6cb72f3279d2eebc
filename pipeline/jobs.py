"""Running one job: take it, work outside the transaction, write results, next jobs and the end of the job in one go.

The row is the truth. Whoever holds the newest attempt writes; a worker that lost its lease writes nothing, however late
it comes back. A message that comes twice finds nothing to take.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from models.errors import CaptureError, Misconfigured, Route, StaleVersion, Unavailable
from models.jobs import Job, JobState, Step
from models.ports import Clock, UnitOfWork

log = structlog.get_logger()

Write = Callable[[UnitOfWork], Iterable[Job]]
"""Writes a stage's results in the job's own transaction and answers the jobs that follow. May be called again in a new
transaction when somebody else was faster, so it reads what it changes from the unit of work it is given."""
Handler = Callable[[str], Write]
"""Does the work on one subject, outside any transaction."""
OnQuarantine = Callable[[Job, UnitOfWork], Iterable[Job]]
"""Moves the subject of a job that is given up to its end state, and journals it; answers the jobs that follow."""

RENEW_S = 10.0
WRITE_TRIES = 6
"""How often results are offered to the record before the attempt ends."""
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 600.0


class Outcome(StrEnum):
    """How it went."""

    SKIPPED = "skipped"
    """Nothing to take: done, not due, or somebody else has it."""
    DONE = "done"
    """The results are in the record."""
    LOST = "lost"
    """Somebody else has it by now; nothing was written."""
    PUT_BACK = "put_back"
    """It failed and will be tried again."""
    QUARANTINED = "quarantined"
    """It failed for good; a supervisor looks."""


def run_job(
    job_id: str,
    *,
    handlers: Mapping[Step, Handler],
    uow: Callable[[], UnitOfWork],
    clock: Clock,
    owner: str,
    on_quarantine: OnQuarantine,
    renew_s: float = RENEW_S,
) -> Outcome:
    """Run one job to its end; nothing that goes wrong with the paper rises from here.

    Args:
        job_id: a job of the record; an unknown or finished one is skipped.
        handlers: the work of each step.
        uow: makes a unit of work; called from several threads.
        owner: this process, from `process_name()`.
        renew_s: seconds between two signs of life.
    Raises: Unavailable when the record does not answer; the job stays as it is and the sweep brings it again.
    """
    with uow() as record:
        job = record.jobs.take(job_id, owner=owner, now=clock.now())
        record.commit()
    if job is None:
        return Outcome.SKIPPED
    with structlog.contextvars.bound_contextvars(job=job.id, step=job.step.value, batch=job.batch_id):
        try:
            with _lease_kept(job, uow=uow, clock=clock, every_s=renew_s):
                if job.step not in handlers:
                    raise Misconfigured(f"This worker cannot do {job.step}: install the same version everywhere.")
                written = _write(job, handlers[job.step](job.subject_id), uow=uow)
        except Exception as error:
            return _put_back(job, error, uow=uow, clock=clock, on_quarantine=on_quarantine)
        if not written:
            log.warning("job_lost", attempt=job.attempt)
            return Outcome.LOST
        log.debug("job_done", attempt=job.attempt)
        return Outcome.DONE


def _write(job: Job, write: Write, *, uow: Callable[[], UnitOfWork]) -> bool:
    """Results, next jobs and the end of the job in one transaction; False when the lease was lost."""
    for attempt in range(1, WRITE_TRIES + 1):
        try:
            with uow() as record:
                # first of all: it is the fence, and the results may ask what of the batch is still unfinished
                if not record.jobs.finish(job.id, attempt=job.attempt):
                    return False
                for following in write(record):
                    record.jobs.add(following)
                record.commit()
            return True
        except (StaleVersion, Unavailable) as error:
            if attempt == WRITE_TRIES:
                raise
            log.info("write_repeated", error=type(error).__name__)
            time.sleep(0.05 * 2**attempt)
    return False


def _put_back(
    job: Job, error: Exception, *, uow: Callable[[], UnitOfWork], clock: Clock, on_quarantine: OnQuarantine
) -> Outcome:
    said = describe(error)
    counts = not (isinstance(error, CaptureError) and error.route is Route.RETRY)
    failures = job.attempt - job.waits - job.losses if counts else job.waits + 1
    not_before = clock.now() + pause_after(failures)
    log.warning("job_failed", attempt=job.attempt, error=said, counts=counts)
    for hook in (on_quarantine, _no_hook):
        try:
            with uow() as record:
                state = record.jobs.put_back(
                    job.id, attempt=job.attempt, not_before=not_before, error=said, counts=counts
                )
                now_known = record.jobs.get(job.id)
                if state is JobState.QUARANTINED and now_known.attempt == job.attempt:
                    give_up(now_known, record, on_quarantine=hook)
                record.commit()
        except Unavailable:
            # the lease runs out and the sweep takes the job back
            log.warning("put_back_failed")
            return Outcome.PUT_BACK
        except Exception as second:
            if hook is _no_hook:
                raise
            log.error("on_quarantine_failed", error=describe(second))
            continue
        if now_known.attempt != job.attempt or state in (JobState.RUNNING, JobState.DONE):
            return Outcome.LOST
        return Outcome.QUARANTINED if state is JobState.QUARANTINED else Outcome.PUT_BACK
    return Outcome.PUT_BACK


def _no_hook(_job: Job, _uow: UnitOfWork) -> Iterable[Job]:
    return ()


def give_up(job: Job, uow: UnitOfWork, *, on_quarantine: OnQuarantine) -> None:
    """Let the subject of a quarantined job leave the flow, in the transaction that quarantined the job."""
    log.error("job_quarantined", job=job.id, step=job.step.value, error=job.last_error)
    for following in on_quarantine(job, uow):
        uow.jobs.add(following)


def pause_after(failures: int) -> timedelta:
    """How long a job rests after that many failures in a row: 5 s, 10 s, 20 s ... 10 minutes."""
    return timedelta(seconds=min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(max(failures - 1, 0), 10)))


def describe(error: BaseException) -> str:
    """Class, code and a sentence for the record and the log; never a value read from paper.

    Our own errors are written for people. Those of libraries may quote what they choked on, so of these only the class
    and the place are kept.
    """
    name = type(error).__name__
    if isinstance(error, CaptureError):
        code = getattr(error, "code", None)
        return f"{name}: {code}: {error}" if code else f"{name}: {error}"
    if isinstance(error, StaleVersion):
        return f"{name}: somebody else changed the row first"
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return name
    last = frames[-1]
    return f"{name}: in {'/'.join(Path(last.filename).parts[-2:])}, line {last.lineno}, {last.name}"


@contextmanager
def _lease_kept(job: Job, *, uow: Callable[[], UnitOfWork], clock: Clock, every_s: float) -> Iterator[None]:
    """Give a sign of life each `every_s` seconds while the work goes on."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(every_s):
            try:
                with uow() as record:
                    kept = record.jobs.renew(job.id, attempt=job.attempt, now=clock.now())
                    record.commit()
            except Unavailable:
                continue
            except Exception as error:
                log.error("renewal_failed", job=job.id, error=describe(error))
                continue
            if not kept:
                return

    thread = threading.Thread(target=renew, name=f"lease-{job.id[:8]}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=1.0)


def process_name() -> str:
    """Name of this process among all that ever worked on the record: host, process space, id, start."""
    return f"{_neighbourhood()}/{os.getpid()}/{_started(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether a process named by `process_name()` ran beside us and is gone; False for processes we cannot see."""
    neighbourhood, _, rest = owner.rpartition("/")[0].rpartition("/")
    started = owner.rpartition("/")[2]
    if neighbourhood != _neighbourhood() or not rest.isdigit() or not started.isdigit():
        return False
    return _started(int(rest)) != int(started)


def _neighbourhood() -> str:
    """Processes that see each other's ids: the same host, since the same boot, in the same container."""
    try:
        space = Path("/proc/self/ns/pid").readlink()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{socket.gethostname()}/?"
    return f"{socket.gethostname()}/{boot[:8]}/{space}"


def _started(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 when there is no such process (or it is a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in ("Z", "X") else int(fields[19])
