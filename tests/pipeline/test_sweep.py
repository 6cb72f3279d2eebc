"""The sweep makes good what was lost: leases of dead workers, messages, jobs nobody saw were due."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from models.batch import Batch, new_id
from models.errors import Unavailable
from models.jobs import LEASE, MAX_LOSSES, Job, JobState, Step
from models.ports import UnitOfWork
from models.store import SqlUnitOfWork
from pipeline.sweep import KEPT_IN_QUEUE, Sweeper, Swept, sweep

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


class HandClock:
    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment


class Bell:
    """Counts the rings; `heard` says how many workers have not answered yet."""

    def __init__(self) -> None:
        self.rung: list[Job] = []
        self.unheard = {"interactive": 0, "bulk": 0}

    def ring(self, jobs: Iterable[Job]) -> None:
        self.rung += jobs

    def queue_of(self, job: Job) -> str:
        return "interactive" if job.priority == 0 else "bulk"

    def waiting(self, queue: str) -> int:
        return self.unheard[queue]


class Post:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.clock, self.bell = engine, HandClock(), Bell()
        self.given_up: list[str] = []
        self.lot = Batch(shown_name="x", source="cli", received_at=NOW)
        with self.uow() as uow:
            uow.batches.add(self.lot)
            uow.commit()

    def uow(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine)

    def job(self, subject: str = "", **more: int) -> Job:
        return Job(
            step=Step.READ_PAGE,
            subject_id=subject or new_id(),
            input_hash="",
            batch_id=self.lot.id,
            created_at=NOW,
            not_before=NOW,
            **more,
        )

    def add(self, count: int, **more: int) -> list[Job]:
        jobs = [self.job(**more) for _ in range(count)]
        with self.uow() as uow:
            for job in jobs:
                uow.jobs.add(job)
            uow.commit()
        return jobs

    def give_up(self, job: Job, uow: UnitOfWork) -> Iterable[Job]:
        self.given_up.append(job.id)
        uow.journal.append("job_quarantined", at=NOW, subject=f"job:{job.id}")
        return ()

    def sweep(self, **more: object) -> Swept:
        options = {"on_quarantine": self.give_up} | more
        return sweep(uow=self.uow, doorbell=self.bell, clock=self.clock, **options)  # type: ignore[arg-type]


@pytest.fixture
def post(any_engine: Engine) -> Post:
    return Post(any_engine)


def test_a_quiet_record_gives_the_sweep_nothing_to_do(post: Post) -> None:
    assert post.sweep() == Swept()


def test_every_due_job_is_rung_again_as_long_as_it_waits(post: Post) -> None:
    jobs = post.add(3)

    assert post.sweep().rung == post.sweep().rung == 3
    assert {job.id for job in post.bell.rung} == {job.id for job in jobs}


def test_jobs_that_run_or_are_not_due_are_not_rung(post: Post) -> None:
    running, early = post.add(2)
    with post.uow() as uow:
        uow.jobs.take(running.id, owner="w", now=NOW)
        uow.jobs.take(early.id, owner="w", now=NOW)
        uow.jobs.put_back(early.id, attempt=1, not_before=NOW + timedelta(seconds=5), error="x")
        uow.commit()

    assert post.sweep().rung == 0
    post.clock.moment += timedelta(seconds=5)
    assert post.sweep().rung == 1
    assert [job.id for job in post.bell.rung] == [early.id]


def test_a_long_backlog_does_not_flood_a_queue_that_is_full(post: Post) -> None:
    post.add(KEPT_IN_QUEUE + 50)
    (urgent,) = post.add(1, priority=0)

    assert post.sweep().rung == KEPT_IN_QUEUE + 1
    post.bell.rung.clear()
    post.bell.unheard["bulk"] = KEPT_IN_QUEUE - 2
    assert post.sweep().rung == 3
    assert post.bell.rung[0].id == urgent.id
    post.bell.unheard["bulk"] = 10_000
    assert post.sweep().rung == 1


def test_the_jobs_of_a_silent_worker_come_back_when_the_lease_ran_out(post: Post) -> None:
    (job,) = post.add(1)
    with post.uow() as uow:
        uow.jobs.take(job.id, owner="elsewhere", now=NOW)
        uow.commit()

    assert post.sweep().taken_back == 0
    post.clock.moment += LEASE + timedelta(seconds=1)
    assert post.sweep() == Swept(taken_back=1, rung=1)
    assert post.sweep() == Swept(rung=1)


def lose_until_the_last(post: Post, job: Job) -> None:
    for loss in range(MAX_LOSSES):
        with post.uow() as uow:
            assert uow.jobs.take(job.id, owner="elsewhere", now=post.clock.now()) is not None
            uow.commit()
        post.clock.moment += LEASE + timedelta(seconds=1)
        if loss < MAX_LOSSES - 1:
            post.sweep()


def test_a_job_no_worker_survives_is_given_up(post: Post) -> None:
    (job,) = post.add(1)
    lose_until_the_last(post, job)

    assert post.sweep() == Swept(taken_back=1, quarantined=1)
    assert post.given_up == [job.id]
    with post.uow() as uow:
        assert [entry.event for entry in uow.journal.entries()] == ["job_quarantined"]


def test_a_subject_that_cannot_be_moved_does_not_hold_up_the_others(post: Post) -> None:
    fatal, other = post.add(2)
    lose_until_the_last(post, fatal)
    with post.uow() as uow:
        uow.jobs.take(other.id, owner="elsewhere", now=NOW)
        uow.commit()

    def broken(_job: Job, _uow: UnitOfWork) -> Iterable[Job]:
        raise ValueError

    assert post.sweep(on_quarantine=broken) == Swept(taken_back=2, quarantined=1, rung=1)
    with post.uow() as uow:
        assert [job.id for job in uow.jobs.in_state(JobState.QUARANTINED)] == [fatal.id]


def test_jobs_that_no_transaction_saw_are_added_once(post: Post) -> None:
    def missing(_uow: UnitOfWork, _now: datetime) -> Iterable[Job]:
        return [post.job("batch")]

    assert post.sweep(missing=missing) == Swept(added=1, rung=1)
    assert post.sweep(missing=missing) == Swept(added=0, rung=1)


def test_several_sweeps_at_once_take_each_job_back_once(post: Post) -> None:
    jobs = post.add(20)
    with post.uow() as uow:
        for job in jobs:
            uow.jobs.take(job.id, owner="elsewhere", now=NOW)
        uow.commit()
    post.clock.moment += LEASE + timedelta(seconds=1)

    with ThreadPoolExecutor(4) as threads:
        swept = list(threads.map(lambda _: post.sweep(), range(4)))

    assert sum(one.taken_back for one in swept) == 20
    with post.uow() as uow:
        assert {uow.jobs.get(job.id).losses for job in jobs} == {1}


@pytest.mark.parametrize("error", [Unavailable("x"), ValueError("x")])
def test_the_sweeper_goes_on_after_a_fault(error: Exception) -> None:
    calls: list[int] = []
    enough = threading.Event()

    def once() -> None:
        calls.append(1)
        if len(calls) == 3:
            enough.set()
        raise error

    sweeper = Sweeper(once, every_s=0.001)
    sweeper.start()
    assert enough.wait(5)
    sweeper.stop()
    assert not any(thread.name == "sweep" for thread in threading.enumerate())


def test_the_sweeper_sweeps_at_once_and_not_only_after_its_first_pause() -> None:
    swept = threading.Event()
    sweeper = Sweeper(swept.set, every_s=3600)
    sweeper.start()
    assert swept.wait(5)
    sweeper.stop()
