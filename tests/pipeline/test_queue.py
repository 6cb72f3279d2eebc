"""The queue is a doorbell only: whatever becomes of its messages, every job is done, and done once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from models.batch import Batch, Master
from models.errors import Misconfigured
from models.jobs import Job, JobState, Step
from models.ports import UnitOfWork
from models.store import RecordClock, SqlUnitOfWork
from pipeline.jobs import Write, process_name, run_job
from pipeline.queue import BULK, INTERACTIVE, QUEUES, RECYCLED, Crew, JobQueue, run_worker, start_embedded
from pipeline.sweep import sweep

REDIS_URL = os.environ.get("DEPLI_TEST_REDIS_URL", "redis://127.0.0.1:6379/13")
RABBITMQ_URL = os.environ.get("DEPLI_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
PAST = datetime(2025, 3, 4, 8, 30, tzinfo=UTC)


@contextmanager
def skipped_when_silent(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        pytest.skip(f"{what} does not answer: {type(error).__name__} {error}")


def queue_on(kind: str, name: str) -> JobQueue:
    if kind == "embedded":
        return JobQueue()
    if kind == "redis":
        redis = pytest.importorskip("redis")
        with skipped_when_silent("Redis"):
            redis.Redis.from_url(REDIS_URL, socket_connect_timeout=2).ping()
        return JobQueue(REDIS_URL, namespace=name)
    pika = pytest.importorskip("pika")
    with skipped_when_silent("RabbitMQ"):
        pika.BlockingConnection(pika.URLParameters(RABBITMQ_URL)).close()
    return JobQueue(RABBITMQ_URL, namespace=name)


def remove(queue: JobQueue, kind: str, name: str) -> None:
    broker = queue.broker
    if kind == "redis":
        for key in broker.client.scan_iter(f"{name}:*"):  # type: ignore[attr-defined]
            broker.client.delete(key)  # type: ignore[attr-defined]
    if kind == "rabbitmq":
        for short in QUEUES:
            for tail in ("", ".DQ", ".XQ"):
                broker.channel.queue_delete(f"{name}.{short}{tail}")  # type: ignore[attr-defined]
    queue.close()


SERVICES = [pytest.param(kind, marks=pytest.mark.services) for kind in ("redis", "rabbitmq")]


@pytest.fixture(params=["embedded", *SERVICES])
def queue(request: pytest.FixtureRequest) -> Iterator[JobQueue]:
    name = f"depli-test-{uuid.uuid4().hex[:10]}"
    queue = queue_on(request.param, name)
    yield queue
    remove(queue, request.param, name)


class Works:
    """A record with one batch, stages that count what they did, and a crew for them."""

    def __init__(self, engine: Engine, queue: JobQueue) -> None:
        self.engine, self.queue = engine, queue
        self.clock = RecordClock(engine)
        self.lot = Batch(shown_name="x", source="cli", received_at=PAST)
        self.pause_s = 0.0
        with self.uow() as uow:
            uow.batches.add(self.lot)
            uow.commit()

    def uow(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine, doorbell=self.queue)

    def quiet_uow(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine)

    def add(self, count: int, *, rung: bool = True, priority: int = 1) -> list[Job]:
        jobs = []
        with self.uow() if rung else self.quiet_uow() as uow:
            for position in range(count):
                master = Master(
                    batch_id=self.lot.id, shown_name="x", image="k", sha256="s", size_bytes=0, position=position
                )
                uow.masters.add(master)
                jobs.append(self.job(Step.OPEN_MASTER, master.id, priority))
                uow.jobs.add(jobs[-1])
            uow.commit()
        return jobs

    def job(self, step: Step, subject: str, priority: int = 1) -> Job:
        return Job(
            step=step,
            subject_id=subject,
            input_hash="",
            batch_id=self.lot.id,
            created_at=PAST,
            not_before=PAST,
            priority=priority,
        )

    def open(self, master_id: str) -> Write:
        time.sleep(self.pause_s)

        def write(uow: UnitOfWork) -> Iterable[Job]:
            uow.masters.get(master_id).size_bytes += 1
            return [self.job(Step.READ_PAGE, master_id)]

        return write

    def read(self, master_id: str) -> Write:
        def write(uow: UnitOfWork) -> Iterable[Job]:
            uow.masters.get(master_id).size_bytes += 10
            return ()

        return write

    def run(self, job_id: str) -> object:
        return run_job(
            job_id,
            handlers={Step.OPEN_MASTER: self.open, Step.READ_PAGE: self.read},
            uow=self.uow,
            clock=self.clock,
            owner=process_name(),
            on_quarantine=lambda _job, _uow: (),
        )

    def sweep(self) -> object:
        return sweep(uow=self.uow, doorbell=self.queue, clock=self.clock, on_quarantine=lambda _job, _uow: ())

    @contextmanager
    def crew(self, *, threads: int = 2, sweep_s: float | None = 0.2) -> Iterator[Crew]:
        once = None if sweep_s is None else self.sweep
        crew = start_embedded(self.queue, run=self.run, sweep=once, threads=threads, sweep_s=sweep_s or 5.0)
        try:
            yield crew
        finally:
            crew.stop(timeout_s=10)

    def unfinished(self) -> int:
        with self.quiet_uow().reading() as uow:
            return uow.jobs.unfinished_of_batch(self.lot.id)

    def all_done(self) -> bool:
        return self.unfinished() == 0

    def written(self) -> list[int]:
        with self.quiet_uow().reading() as uow:
            return [master.size_bytes for master in uow.masters.of_batch(self.lot.id)]


def came_true(condition: Callable[[], bool], *, within_s: float = 30.0) -> bool:
    give_up = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def works(engine: Engine, queue: JobQueue) -> Works:
    return Works(engine, queue)


def test_rung_jobs_and_those_that_follow_are_done_without_any_sweep(works: Works) -> None:
    with works.crew(sweep_s=None):
        works.add(5)
        assert came_true(works.all_done)

    assert works.written() == [11] * 5


def test_jobs_nobody_rang_for_are_found_by_the_sweep(works: Works) -> None:
    works.add(5, rung=False)

    with works.crew():
        assert came_true(works.all_done)
    assert works.written() == [11] * 5


def test_shuffled_and_tripled_messages_do_each_job_once(works: Works) -> None:
    jobs = works.add(8, rung=False) * 3
    random.Random(3).shuffle(jobs)
    works.queue.ring(jobs)

    with works.crew(sweep_s=None) as crew:
        assert came_true(lambda: works.all_done() and crew.jobs_done >= 32)
    assert works.written() == [11] * 8


def test_an_emptied_queue_loses_nothing(works: Works) -> None:
    works.pause_s = 0.02
    works.add(15)
    with works.crew():
        assert came_true(lambda: works.unfinished() < 28)
        works.queue.flush()
        assert came_true(works.all_done)

    assert works.written() == [11] * 15


@pytest.mark.services
def test_a_redis_that_forgets_everything_loses_nothing(engine: Engine) -> None:
    name = f"depli-test-{uuid.uuid4().hex[:10]}"
    queue = queue_on("redis", name)
    works = Works(engine, queue)
    works.pause_s = 0.02
    works.add(15)
    with works.crew():
        assert came_true(lambda: works.unfinished() < 28)
        # as FLUSHALL does: messages, acknowledgements, heartbeats; but not those of the tests beside us
        for key in queue.broker.client.scan_iter(f"{name}:*"):  # type: ignore[attr-defined]
            queue.broker.client.delete(key)  # type: ignore[attr-defined]
        assert came_true(works.all_done)
    remove(queue, "redis", name)

    assert works.written() == [11] * 15


@pytest.mark.services
def test_a_deleted_rabbitmq_queue_loses_nothing(engine: Engine) -> None:
    name = f"depli-test-{uuid.uuid4().hex[:10]}"
    queue = queue_on("rabbitmq", name)
    works = Works(engine, queue)
    works.add(10)
    queue.broker.channel.queue_delete(f"{name}.{BULK}")  # type: ignore[attr-defined]
    with works.crew():
        assert came_true(works.all_done)
    remove(queue, "rabbitmq", name)

    assert works.written() == [11] * 10


def test_a_foreign_or_forged_message_harms_nobody(works: Works) -> None:
    forged = ["", "../../etc/passwd", "no-such-job", "x" * 5000]
    for job_id in forged:
        works.queue._actors[BULK].send(job_id)
    works.queue._actors[BULK].send_with_options(args=(["not", "an", "id"],))

    with works.crew() as crew:
        works.add(2)
        assert came_true(lambda: works.all_done() and crew.jobs_done >= len(forged))
    assert works.written() == [11] * 2


def test_messages_carry_the_id_of_the_job_and_nothing_else(engine: Engine) -> None:
    queue = JobQueue()
    works = Works(engine, queue)
    (job,) = works.add(1)

    message = json.loads(queue.broker.queues[BULK].get())  # type: ignore[attr-defined]

    assert message["args"] == [job.id]
    assert message["kwargs"] == {}
    assert len(json.dumps(message)) < 1000


def test_what_somebody_waits_for_goes_before_the_rest(engine: Engine) -> None:
    queue = JobQueue()
    works = Works(engine, queue)
    order: list[str] = []
    bulk, urgent = works.add(6), works.add(1, priority=0)
    run = works.run

    def noted(job_id: str) -> object:
        order.append(job_id)
        time.sleep(0.02)
        return run(job_id)

    works.run = noted  # type: ignore[method-assign]
    with works.crew(threads=1):
        assert came_true(works.all_done)

    assert {queue.queue_of(job) for job in bulk} == {BULK}
    assert queue.queue_of(urgent[0]) == INTERACTIVE
    assert order.index(urgent[0].id) <= 2


def test_the_number_of_unheard_rings_is_known(works: Works) -> None:
    works.add(3)
    works.add(1, priority=0)

    assert came_true(lambda: (works.queue.waiting(BULK), works.queue.waiting(INTERACTIVE)) == (3, 1))


@pytest.mark.parametrize("url", ["redis://127.0.0.1:9/0", "amqp://guest:guest@127.0.0.1:9"])
def test_a_queue_that_does_not_answer_stops_nobody(engine: Engine, url: str) -> None:
    pytest.importorskip("redis" if url.startswith("redis") else "pika")
    queue = JobQueue(url)
    works = Works(engine, queue)

    (job,) = works.add(1)

    assert queue.waiting(BULK) == 0
    with works.quiet_uow() as uow:
        assert uow.jobs.get(job.id).state is JobState.READY


@pytest.mark.parametrize("url", ["kafka://x", "redis", "http://x"])
def test_other_queues_are_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        JobQueue(url)


def test_letters_of_another_version_are_not_kept(engine: Engine) -> None:
    queue = JobQueue()
    works = Works(engine, queue)
    message = queue._actors[BULK].message("x").copy(actor_name="of_another_version")
    queue.broker.enqueue(message)

    with works.crew(sweep_s=0.05):
        works.add(1)
        assert came_true(works.all_done)
        assert came_true(lambda: queue.broker.dead_letters == [])  # type: ignore[attr-defined]


def test_a_crew_that_stops_finishes_what_it_began_and_nothing_more(engine: Engine) -> None:
    works = Works(engine, JobQueue())
    works.pause_s = 0.3
    works.add(6)
    with works.crew(threads=2):
        assert came_true(lambda: works.unfinished() < 12 or bool(running(works)))
    left = works.unfinished()

    assert running(works) == []
    assert left > 0
    assert [written for written in works.written() if written not in (0, 1, 11)] == []


def running(works: Works) -> list[Job]:
    with works.quiet_uow().reading() as uow:
        return list(uow.jobs.in_state(JobState.RUNNING))


def test_a_worker_that_grew_old_asks_for_a_fresh_process(engine: Engine) -> None:
    works = Works(engine, JobQueue())
    works.add(3)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        code = run_worker(works.queue, run=works.run, sweep=works.sweep, sweep_s=0.1, max_jobs=4)
        too_big = run_worker(JobQueue(), run=works.run, sweep=None, max_rss_mb=1)
        alone = run_worker(JobQueue(), run=works.run, sweep=None, sign_of_life=lambda: False)
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])

    assert (code, too_big, alone) == (RECYCLED, RECYCLED, 0)


WORKER = """
import sys, time
from functools import partial
from models.jobs import Step
from models.store import RecordClock, SqlUnitOfWork, open_record
from pipeline.jobs import process_name, run_job
from pipeline.queue import JobQueue, run_worker
from pipeline.sweep import sweep

engine = open_record(sys.argv[1])
queue = JobQueue(sys.argv[2], namespace=sys.argv[3])

def work(master_id):
    time.sleep(0.05)
    def write(uow):
        uow.masters.get(master_id).size_bytes += 11
        return ()
    return write

shared = dict(
    uow=lambda: SqlUnitOfWork(engine, doorbell=queue), clock=RecordClock(engine), on_quarantine=lambda job, uow: ()
)
run = partial(run_job, handlers={Step.OPEN_MASTER: work}, owner=process_name(), **shared)
once = partial(sweep, doorbell=queue, **shared)
print("ready", flush=True)
sys.exit(run_worker(queue, run=run, sweep=once, threads=2, sweep_s=0.3))
"""


@contextmanager
def worker(engine: Engine, kind: str, name: str) -> Iterator[subprocess.Popen[str]]:
    urls = {"embedded": "", "redis": REDIS_URL, "rabbitmq": RABBITMQ_URL}
    url = engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen([sys.executable, "-c", WORKER, url, urls[kind], name], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert any(line.strip() == "ready" for line in process.stdout)
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("kind", ["embedded", *SERVICES])
def test_killed_again_and_again_the_workers_still_do_every_job_once(engine: Engine, kind: str) -> None:
    name = f"depli-test-{uuid.uuid4().hex[:10]}"
    queue = queue_on(kind, name)
    works = Works(engine, queue)
    works.add(25)
    chance = random.Random(11)
    for _ in range(2):
        before = works.unfinished()
        with worker(engine, kind, name) as process:
            came_true(lambda before=before: works.unfinished() < before, within_s=20)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            process.wait()
    with worker(engine, kind, name) as process:
        assert came_true(works.all_done, within_s=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    remove(queue, kind, name)

    assert works.written() == [11] * 25
    with works.quiet_uow() as uow:
        assert uow.jobs.quarantined(5) == []


def test_the_lease_of_a_job_under_way_is_not_taken_by_the_sweep_beside_it(engine: Engine) -> None:
    works = Works(engine, JobQueue())
    works.pause_s = 0.3
    works.add(1)
    with works.crew(sweep_s=0.01):
        assert came_true(works.all_done)

    with works.quiet_uow() as uow:
        assert {job.losses for job in uow.jobs.in_state(JobState.DONE)} == {0}
