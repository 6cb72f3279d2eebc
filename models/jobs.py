"""Work to be done: the row is the truth, a queue message only a nudge."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from models.batch import new_id

LEASE = timedelta(seconds=60)
"""A worker that shows no sign of life for that long has lost its job."""
MAX_ATTEMPTS = 3
MAX_LOSSES = 50
"""Untrusted files and heavy work are in child processes, whose death is a failed attempt. That the worker itself dies
is seldom the fault of the job (a restart, a power cut), so it takes more of it to set a job aside."""


class Step(StrEnum):
    """What a job does, and to what its `subject_id` points."""

    OPEN_MASTER = "open_master"
    """master: look at it in the sandbox, make its pages."""
    READ_PAGE = "read_page"
    """page: raster, clean, read."""
    SEPARATE_BATCH = "separate_batch"
    """batch: pages -> documents."""
    RECOGNISE_DOCUMENT = "recognise_document"
    """document: pages -> fields, decide, cut snippets."""
    RELEASE_DOCUMENT = "release_document"
    """release: hand the document to one destination."""


class JobState(StrEnum):
    """Where a job is."""

    READY = "ready"
    """It waits for a worker (not before `not_before`)."""
    RUNNING = "running"
    """A worker has the lease."""
    DONE = "done"
    """Its result is in the record."""
    QUARANTINED = "quarantined"
    """It failed three times; a supervisor looks."""


@dataclass(kw_only=True)
class Job:
    """One step for one subject; unique by (step, subject, input hash)."""

    step: Step
    subject_id: str
    input_hash: str
    """What it works on: the same step on the same input is one job."""
    batch_id: str
    created_at: datetime
    not_before: datetime
    priority: int = 1
    id: str = field(default_factory=new_id)
    state: JobState = JobState.READY
    attempt: int = 0
    """Counted and committed before the work; also the fence: a result with an older number changes nothing."""
    waits: int = 0
    """Attempts that ended because something outside did not answer; they do not count towards the three."""
    losses: int = 0
    """Attempts that ended with the death of the worker; they do not count towards the three, but see `MAX_LOSSES`."""
    lease_owner: str | None = None
    lease_until: datetime | None = None
    last_error: str = ""
    """Code and a sentence; never a value read from paper."""
