"""One job, whatever happens to it: done once, written by the newest attempt alone, given up visibly."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from models.batch import Batch, Master
from models.errors import Misconfigured, StaleVersion, Unavailable, UnusableImage
from models.jobs import LEASE, MAX_ATTEMPTS, Job, JobState, Step
from models.ports import UnitOfWork
from models.store import SqlUnitOfWork
from pipeline.jobs import Outcome, Write, describe, is_dead, pause_after, process_name, run_job
from pipeline.sweep import sweep

NOW = datetime(2025, 3, 4, 8, 30, tzinfo=UTC)


class HandClock:
    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment


class Silent:
    """A doorbell nobody hears."""

    def ring(self, jobs: Iterable[Job]) -> None: ...
    def queue_of(self, job: Job) -> str:
        return "bulk"

    def waiting(self, queue: str) -> int:
        return 0


def nothing(_: UnitOfWork) -> Iterable[Job]:
    return ()


class Shop:
    """A record with one batch, and a worker for it. The stage of the test opens a master: it may not do that twice."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock = HandClock()
        self.lot = Batch(shown_name="lot.pdf", source="cli", received_at=NOW)
        self.given_up: list[str] = []
        with self.uow() as uow:
            uow.batches.add(self.lot)
            uow.commit()

    def uow(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine)

    def add(self, count: int = 1) -> list[Job]:
        masters = [
            Master(batch_id=self.lot.id, shown_name="x", image="k", sha256="s", size_bytes=0, position=n)
            for n in range(count)
        ]
        jobs = [self.job(Step.OPEN_MASTER, master.id) for master in masters]
        with self.uow() as uow:
            for master, job in zip(masters, jobs, strict=True):
                uow.masters.add(master)
                uow.jobs.add(job)
            uow.commit()
        return jobs

    def job(self, step: Step, subject: str) -> Job:
        return Job(step=step, subject_id=subject, input_hash="", batch_id=self.lot.id, created_at=NOW, not_before=NOW)

    def open(self, master_id: str) -> Write:
        def write(uow: UnitOfWork) -> Iterable[Job]:
            uow.masters.get(master_id).size_bytes += 1
            uow.journal.append("master_opened", at=NOW, subject=f"master:{master_id}")
            return [self.job(Step.READ_PAGE, master_id)]

        return write

    def give_up(self, job: Job, uow: UnitOfWork) -> Iterable[Job]:
        self.given_up.append(job.subject_id)
        uow.journal.append("job_quarantined", at=NOW, subject=f"master:{job.subject_id}")
        return ()

    def run(self, job: Job, work: Callable[[str], Write] | None = None, **more: Any) -> Outcome:
        options = {"owner": "tests", "on_quarantine": self.give_up} | more
        handlers = {Step.OPEN_MASTER: work or self.open}
        return run_job(job.id, handlers=handlers, uow=self.uow, clock=self.clock, **options)

    def now_known(self, job: Job) -> Job:
        with self.uow() as uow:
            return uow.jobs.get(job.id)

    def opened(self, job: Job) -> int:
        """How often its results were written."""
        with self.uow() as uow:
            return uow.masters.get(job.subject_id).size_bytes

    def events(self) -> list[str]:
        with self.uow() as uow:
            return [entry.event for entry in uow.journal.entries()]

    def following(self) -> int:
        with self.uow() as uow:
            return uow.jobs.unfinished_of_batch(self.lot.id, Step.READ_PAGE)


@pytest.fixture
def shop(any_engine: Engine) -> Shop:
    return Shop(any_engine)


def test_results_next_jobs_and_the_end_are_written_together(shop: Shop) -> None:
    (job,) = shop.add()

    assert shop.run(job) is Outcome.DONE
    assert shop.now_known(job).state is JobState.DONE
    assert (shop.opened(job), shop.following(), shop.events()) == (1, 1, ["master_opened"])


def test_a_message_that_comes_again_changes_nothing(shop: Shop) -> None:
    (job,) = shop.add()

    assert [shop.run(job) for _ in range(3)] == [Outcome.DONE, Outcome.SKIPPED, Outcome.SKIPPED]
    assert (shop.opened(job), shop.following()) == (1, 1)


def test_shuffled_and_tripled_messages_on_several_workers_end_as_a_plain_run(shop: Shop) -> None:
    jobs = shop.add(12)
    messages = jobs * 3
    random.Random(7).shuffle(messages)

    with ThreadPoolExecutor(4) as workers:
        outcomes = list(workers.map(shop.run, messages))

    assert outcomes.count(Outcome.DONE) == 12
    assert [shop.opened(job) for job in jobs] == [1] * 12
    assert len(shop.events()) == 12
    assert shop.following() == 12


def test_the_attempt_is_counted_before_the_work(shop: Shop) -> None:
    (job,) = shop.add()
    seen: list[tuple[int, JobState]] = []

    def look(_: str) -> Write:
        known = shop.now_known(job)
        seen.append((known.attempt, known.state))
        return nothing

    shop.run(job, look)

    assert seen == [(1, JobState.RUNNING)]


def test_a_worker_that_lost_its_lease_writes_nothing(shop: Shop) -> None:
    (job,) = shop.add()

    def slow(master_id: str) -> Write:
        shop.clock.moment += LEASE + timedelta(seconds=1)
        with shop.uow() as uow:
            uow.jobs.expire_leases(now=shop.clock.now())
            uow.commit()
        assert shop.run(job, owner="fast") is Outcome.DONE
        return shop.open(master_id)

    assert shop.run(job, slow, owner="slow") is Outcome.LOST
    assert (shop.opened(job), shop.following(), shop.now_known(job).attempt) == (1, 1, 2)


def test_a_worker_that_lost_its_lease_and_fails_does_not_disturb_the_new_one(shop: Shop) -> None:
    (job,) = shop.add()

    def slow(_: str) -> Write:
        shop.clock.moment += LEASE + timedelta(seconds=1)
        with shop.uow() as uow:
            uow.jobs.expire_leases(now=shop.clock.now())
            uow.jobs.take(job.id, owner="new", now=shop.clock.now())
            uow.commit()
        raise ValueError("late")

    assert shop.run(job, slow) is Outcome.LOST
    known = shop.now_known(job)
    assert (known.state, known.lease_owner, known.last_error.startswith("worker_lost")) == (
        JobState.RUNNING,
        "new",
        True,
    )


def test_the_lease_is_renewed_while_the_work_goes_on(shop: Shop) -> None:
    (job,) = shop.add()
    renewed = threading.Event()

    def slow(_: str) -> Write:
        shop.clock.moment += timedelta(seconds=50)
        for _try in range(200):
            lease = shop.now_known(job).lease_until
            if lease == shop.clock.now() + LEASE:
                renewed.set()
                break
            time.sleep(0.02)
        return nothing

    assert shop.run(job, slow, renew_s=0.02) is Outcome.DONE
    assert renewed.is_set()
    assert not any(thread.name == f"lease-{job.id[:8]}" for thread in threading.enumerate())


def test_what_is_not_there_yet_is_waited_for_with_growing_pauses_and_without_end(shop: Shop) -> None:
    (job,) = shop.add()

    def unavailable(_: str) -> Write:
        raise Unavailable("The GED folder does not answer.")

    pauses = []
    for _ in range(12):
        assert shop.run(job, unavailable) is Outcome.PUT_BACK
        assert shop.run(job) is Outcome.SKIPPED
        known = shop.now_known(job)
        assert known.state is JobState.READY
        pauses.append((known.not_before - shop.clock.now()).total_seconds())
        shop.clock.moment = known.not_before

    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses[-1] == 600
    assert shop.now_known(job).last_error == "Unavailable: The GED folder does not answer."
    assert shop.run(job) is Outcome.DONE


@pytest.mark.parametrize(
    "error", [RuntimeError("FR7630006000011234567890189"), Misconfigured("set-up"), UnusableImage("x", code="crashed")]
)
def test_a_job_that_fails_three_times_is_given_up_and_says_why(shop: Shop, error: Exception) -> None:
    (job,) = shop.add()

    def fail(_: str) -> Write:
        raise error

    outcomes = []
    for _ in range(MAX_ATTEMPTS):
        outcomes.append(shop.run(job, fail))
        shop.clock.moment += timedelta(hours=1)

    assert outcomes == [Outcome.PUT_BACK, Outcome.PUT_BACK, Outcome.QUARANTINED]
    known = shop.now_known(job)
    assert known.state is JobState.QUARANTINED
    assert known.last_error.startswith(type(error).__name__)
    assert "FR76" not in known.last_error
    assert shop.given_up == [job.subject_id]
    assert shop.events() == ["job_quarantined"]


def test_an_error_while_writing_leaves_nothing_half_written(shop: Shop) -> None:
    (job,) = shop.add()

    def half(master_id: str) -> Write:
        def write(uow: UnitOfWork) -> Iterable[Job]:
            shop.open(master_id)(uow)
            raise KeyError(master_id)

        return write

    assert shop.run(job, half) is Outcome.PUT_BACK
    assert (shop.opened(job), shop.following(), shop.events()) == (0, 0, [])


@pytest.mark.parametrize("error", [StaleVersion("x"), Unavailable("x")])
def test_results_are_offered_again_when_somebody_else_was_faster(shop: Shop, error: Exception) -> None:
    (job,) = shop.add()
    tries: list[int] = []

    def contended(master_id: str) -> Write:
        def write(uow: UnitOfWork) -> Iterable[Job]:
            tries.append(1)
            following = shop.open(master_id)(uow)
            if len(tries) < 3:
                raise error
            return following

        return write

    assert shop.run(job, contended) is Outcome.DONE
    assert (len(tries), shop.opened(job), shop.events()) == (3, 1, ["master_opened"])
    assert shop.now_known(job).attempt == 1


def test_a_subject_that_cannot_be_moved_does_not_keep_its_job_running(shop: Shop) -> None:
    (job,) = shop.add()

    def fail(_: str) -> Write:
        raise ValueError

    def broken_hook(_job: Job, uow: UnitOfWork) -> Iterable[Job]:
        uow.journal.append("half", at=NOW, subject="x")
        raise ValueError

    for _ in range(MAX_ATTEMPTS):
        outcome = shop.run(job, fail, on_quarantine=broken_hook)
        shop.clock.moment += timedelta(hours=1)

    assert outcome is Outcome.QUARANTINED
    assert shop.now_known(job).state is JobState.QUARANTINED
    assert shop.events() == []


def test_a_step_this_worker_does_not_know_is_put_back(shop: Shop) -> None:
    with shop.uow() as uow:
        job = shop.job(Step.RELEASE_DOCUMENT, "r")
        uow.jobs.add(job)
        uow.commit()

    assert shop.run(job) is Outcome.PUT_BACK
    assert "same version" in shop.now_known(job).last_error


def test_the_description_of_an_error_never_quotes_what_a_library_choked_on() -> None:
    try:
        int("FR76 3000 6000")
    except ValueError as error:
        said = describe(error)

    assert said.startswith("ValueError: in pipeline/test_jobs.py, line ")
    assert "FR76" not in said
    assert describe(UnusableImage("Lot 2611-0042: renvoyez-le.", code="empty")) == (
        "UnusableImage: empty: Lot 2611-0042: renvoyez-le."
    )
    assert describe(RuntimeError("secret")) == "RuntimeError"


def test_pauses_double_up_to_ten_minutes() -> None:
    assert [pause_after(n).total_seconds() for n in (0, 1, 2, 3, 8, 10_000)] == [5, 5, 10, 20, 600, 600]


def test_a_process_is_dead_only_when_we_can_know() -> None:
    ours = process_name()
    child = subprocess.run(
        [sys.executable, "-c", "from pipeline.jobs import process_name; print(process_name())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()

    assert not is_dead(ours)
    assert is_dead(child)
    # the id is taken by another process now: the start tells them apart
    assert is_dead(ours.rpartition("/")[0] + "/1")
    assert not is_dead("elsewhere/x/pid:[1]/" + "/".join(child.split("/")[-2:]))
    assert not is_dead("w1")
    assert not is_dead("")


WORKER = """
import sys, time
from functools import partial
from models.jobs import Step
from models.store import RecordClock, SqlUnitOfWork, open_record
from pipeline.jobs import process_name, run_job

engine = open_record(sys.argv[1])
slow = float(sys.argv[3])

def work(master_id):
    print("working", flush=True)
    time.sleep(slow)
    def write(uow):
        uow.masters.get(master_id).size_bytes += 1
        if slow:
            print("writing", flush=True)
            time.sleep(slow)
        return ()
    return write

run_job(
    sys.argv[2], handlers={Step.OPEN_MASTER: work}, uow=lambda: SqlUnitOfWork(engine), clock=RecordClock(engine),
    owner=process_name(), on_quarantine=lambda job, uow: (),
)
"""


@pytest.mark.parametrize("moment", ["working", "writing"])
def test_a_killed_worker_leaves_nothing_half_done_and_the_next_one_does_the_job_once(
    any_engine: Engine, moment: str
) -> None:
    shop = Shop(any_engine)
    (job,) = shop.add()
    url = any_engine.url.render_as_string(hide_password=False)
    pause = "30" if moment == "working" else "0.6"
    worker = subprocess.Popen([sys.executable, "-c", WORKER, url, job.id, pause], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    with worker.stdout:
        assert any(line.strip() == moment for line in worker.stdout)
        os.kill(worker.pid, 9)
        worker.wait()
    shop.clock.moment = datetime.now(UTC)
    assert shop.now_known(job).state is JobState.RUNNING
    assert shop.opened(job) == 0

    swept = sweep(uow=shop.uow, doorbell=Silent(), clock=shop.clock, on_quarantine=shop.give_up)

    # its process is seen to be dead: nobody waits for the lease
    assert (swept.taken_back, swept.rung) == (1, 1)
    assert shop.run(job) is Outcome.DONE
    assert (shop.opened(job), shop.now_known(job).losses, shop.now_known(job).attempt) == (1, 1, 2)
