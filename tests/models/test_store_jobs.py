"""The job table is the truth: one worker at a time, attempts counted, the newest attempt alone may write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from models.batch import Batch
from models.jobs import LEASE, MAX_ATTEMPTS, MAX_LOSSES, Job, JobState, Step
from models.ports import Jobs
from models.store import RecordClock, SqlUnitOfWork

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
LATER = NOW + LEASE + timedelta(seconds=1)


@pytest.fixture
def lot(any_engine: Engine) -> Batch:
    lot = Batch(shown_name="lot.pdf", source="cli", received_at=NOW)
    with SqlUnitOfWork(any_engine) as uow:
        uow.batches.add(lot)
        uow.commit()
    return lot


def job(lot: Batch, subject: str = "s", **more: object) -> Job:
    values = {"input_hash": "h", "created_at": NOW, "not_before": NOW} | more
    return Job(step=Step.READ_PAGE, subject_id=subject, batch_id=lot.id, **values)  # type: ignore[arg-type]


class Table:
    """Each call in a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> object:
        def call(*args: object, **more: object) -> object:
            with SqlUnitOfWork(self._engine) as uow:
                answer = getattr(uow.jobs, name)(*args, **more)
                uow.commit()
            return answer

        return call


@pytest.fixture
def jobs(any_engine: Engine) -> Jobs:
    return Table(any_engine)  # type: ignore[return-value]


def test_the_same_step_on_the_same_input_is_one_job(jobs: Jobs, lot: Batch) -> None:
    assert jobs.add(job(lot))
    assert not jobs.add(job(lot))
    assert jobs.add(job(lot, input_hash="other"))
    assert [found.input_hash for found in jobs.of_subject("s")].count("h") == 1


def test_a_taken_job_is_leased_and_its_attempt_counted(jobs: Jobs, lot: Batch) -> None:
    mine = job(lot)
    jobs.add(mine)

    taken = jobs.take(mine.id, owner="w1", now=NOW)

    assert taken is not None
    assert (taken.state, taken.attempt, taken.lease_owner, taken.lease_until) == (
        JobState.RUNNING,
        1,
        "w1",
        NOW + LEASE,
    )
    assert jobs.take(mine.id, owner="w2", now=NOW) is None
    assert jobs.take("unknown", owner="w2", now=NOW) is None


def test_a_job_is_not_taken_before_its_time(jobs: Jobs, lot: Batch) -> None:
    early = job(lot, not_before=LATER)
    jobs.add(early)

    assert jobs.take(early.id, owner="w", now=NOW) is None
    assert jobs.due(now=NOW, limit=9) == []
    assert jobs.next_due_at() == LATER
    assert jobs.take(early.id, owner="w", now=LATER) is not None


def test_of_many_workers_that_ask_at_once_one_gets_the_job(jobs: Jobs, lot: Batch) -> None:
    every = [job(lot, f"s{n}") for n in range(10)]
    for one in every:
        jobs.add(one)

    def take(turn: int) -> Job | None:
        return jobs.take(every[turn % 10].id, owner=f"w{turn}", now=NOW)

    with ThreadPoolExecutor(6) as threads:
        taken = [found for found in threads.map(take, range(40)) if found is not None]

    assert sorted(found.id for found in taken) == sorted(one.id for one in every)
    assert {found.attempt for found in taken} == {1}


def test_a_finished_job_is_never_taken_again(jobs: Jobs, lot: Batch) -> None:
    mine = job(lot)
    jobs.add(mine)
    jobs.take(mine.id, owner="w", now=NOW)

    assert jobs.finish(mine.id, attempt=1)
    assert not jobs.finish(mine.id, attempt=1)
    assert jobs.take(mine.id, owner="w", now=LATER) is None
    assert jobs.unfinished_of_batch(lot.id) == 0
    assert jobs.get(mine.id).state is JobState.DONE


def test_an_older_attempt_changes_nothing(jobs: Jobs, lot: Batch) -> None:
    mine = job(lot)
    jobs.add(mine)
    jobs.take(mine.id, owner="slow", now=NOW)
    jobs.expire_leases(now=LATER)
    jobs.take(mine.id, owner="fast", now=LATER)

    assert not jobs.renew(mine.id, attempt=1, now=LATER)
    assert not jobs.finish(mine.id, attempt=1)
    assert jobs.put_back(mine.id, attempt=1, not_before=LATER, error="late") is JobState.RUNNING
    assert jobs.get(mine.id).last_error != "late"
    assert jobs.finish(mine.id, attempt=2)


def test_a_renewed_lease_does_not_run_out(jobs: Jobs, lot: Batch) -> None:
    mine = job(lot)
    jobs.add(mine)
    jobs.take(mine.id, owner="w", now=NOW)

    assert jobs.renew(mine.id, attempt=1, now=NOW + timedelta(seconds=30))
    assert jobs.expire_leases(now=LATER) == []
    assert [found.id for found in jobs.expire_leases(now=LATER + timedelta(seconds=30))] == [mine.id]


def test_a_job_that_fails_three_times_is_quarantined(jobs: Jobs, lot: Batch) -> None:
    mine = job(lot)
    jobs.add(mine)
    states = []
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert jobs.take(mine.id, owner="w", now=NOW) is not None
        states.append(jobs.put_back(mine.id, attempt=attempt, not_before=NOW, error=f"crashed: {attempt}"))

    assert states == [JobState.READY, JobState.READY, JobState.QUARANTINED]
    assert jobs.take(mine.id, owner="w", now=LATER) is None
    assert [found.last_error for found in jobs.quarantined(9)] == ["crashed: 3"]
    assert jobs.unfinished_of_batch(lot.id) == 0


def test_waiting_for_the_outside_never_ends_in_quarantine(jobs: Jobs, lot: Batch) -> None:
    mine = job(lot)
    jobs.add(mine)
    for attempt in range(1, 20):
        jobs.take(mine.id, owner="w", now=NOW)
        state = jobs.put_back(mine.id, attempt=attempt, not_before=NOW, error="Unavailable", counts=False)
        assert state is JobState.READY

    for attempt in range(20, 20 + MAX_ATTEMPTS):
        jobs.take(mine.id, owner="w", now=NOW)
        state = jobs.put_back(mine.id, attempt=attempt, not_before=NOW, error="crashed")
    assert state is JobState.QUARANTINED


def test_the_death_of_workers_does_not_use_up_the_three_attempts_but_has_its_own_bound(jobs: Jobs, lot: Batch) -> None:
    mine = job(lot)
    jobs.add(mine)
    for _ in range(MAX_LOSSES):
        assert jobs.get(mine.id).state is JobState.READY
        assert jobs.take(mine.id, owner="w", now=NOW) is not None
        (lost,) = jobs.expire_leases(now=LATER)

    assert lost.state is JobState.QUARANTINED


def test_the_jobs_of_a_worker_known_to_be_dead_come_back_at_once(jobs: Jobs, lot: Batch) -> None:
    mine, other = job(lot, "a"), job(lot, "b")
    for one, owner in ((mine, "dead"), (other, "alive")):
        jobs.add(one)
        jobs.take(one.id, owner=owner, now=NOW)

    back = jobs.expire_leases(now=NOW, dead_owners=["dead"])

    assert [(found.id, found.state) for found in back] == [(mine.id, JobState.READY)]
    assert [found.id for found in jobs.in_state(JobState.RUNNING)] == [other.id]


def test_a_supervisor_gives_a_quarantined_job_three_fresh_attempts(jobs: Jobs, lot: Batch) -> None:
    mine = job(lot)
    jobs.add(mine)
    assert not jobs.retry(mine.id, now=NOW)
    for attempt in range(1, 4):
        jobs.take(mine.id, owner="w", now=NOW)
        jobs.put_back(mine.id, attempt=attempt, not_before=NOW, error="crashed")

    assert jobs.retry(mine.id, now=NOW)
    states = []
    for attempt in range(4, 7):
        assert jobs.take(mine.id, owner="w", now=NOW) is not None
        states.append(jobs.put_back(mine.id, attempt=attempt, not_before=NOW, error="crashed"))
    assert states == [JobState.READY, JobState.READY, JobState.QUARANTINED]


def test_due_jobs_come_urgent_first_then_in_their_order(jobs: Jobs, lot: Batch) -> None:
    second = NOW + timedelta(seconds=1)
    for name, priority, at in (("bulk", 2, NOW), ("late", 1, second), ("usual", 1, NOW), ("urgent", 0, second)):
        jobs.add(job(lot, name, priority=priority, not_before=at))

    assert [found.subject_id for found in jobs.due(now=LATER, limit=9)] == ["urgent", "usual", "late", "bulk"]
    assert [found.subject_id for found in jobs.due(now=LATER, limit=1)] == ["urgent"]


def test_the_record_clock_runs_with_the_database(any_engine: Engine) -> None:
    clock = RecordClock(any_engine)
    first = clock.now()

    assert abs(first - datetime.now(UTC)) < timedelta(seconds=5)
    assert first <= clock.now()
