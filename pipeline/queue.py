"""Dramatiq as a doorbell: messages carry the id of a job and nothing else; losing one costs the time to the next sweep.

In the process by default, over Redis or RabbitMQ by a URL. No retries, no time limits, no delays and no results of the
queue are used: the job table does all that, and dramatiq cannot stop code that runs in C anyway.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any

import dramatiq
import structlog
from dramatiq import Broker
from dramatiq.brokers.stub import StubBroker
from dramatiq.worker import Worker

from models.errors import Misconfigured
from models.jobs import Job
from pipeline.jobs import describe
from pipeline.sweep import Sweeper

log = structlog.get_logger()

INTERACTIVE = "interactive"
"""Somebody waits for it at a screen (priority 0)."""
BULK = "bulk"
"""All the rest."""
QUEUES = (INTERACTIVE, BULK)
HEARTBEAT_MS = 10_000
RunJob = Callable[[str], object]


class JobQueue:
    """`models.ports.Doorbell` over dramatiq, for those who ring and those who work.

    Args:
        url: `redis://...`, `rediss://...`, `amqp://...`, `amqps://...`; empty = queues in this process.
        namespace: keeps the queues of several installations on one server apart.
    Raises: Misconfigured for a URL we cannot use.
    """

    def __init__(self, url: str = "", *, namespace: str = "depli") -> None:
        self.embedded = not url
        self._broker = _broker(url, namespace)
        # Redis keeps names apart by itself
        self._prefix = f"{namespace}." if url.startswith("amqp") else ""
        self._run: RunJob | None = None
        self._actors = {
            name: dramatiq.actor(
                actor_name=f"run_job_{name}",
                queue_name=self._prefix + name,
                # among fetched messages the lower goes first
                priority=priority,
                broker=self._broker,
            )(self._work)
            for priority, name in enumerate(QUEUES)
        }

    @property
    def broker(self) -> Broker:
        return self._broker

    def queue_of(self, job: Job) -> str:
        """`interactive` for priority 0, else `bulk`."""
        return INTERACTIVE if job.priority <= 0 else BULK

    def ring(self, jobs: Iterable[Job]) -> None:
        """Tell workers that jobs wait. Never raises: an unheard ring is repeated by the sweep."""
        for job in jobs:
            try:
                self._actors[self.queue_of(job)].send(job.id)
            except Exception as error:  # of whatever library speaks to the queue
                log.warning("ring_lost", job=job.id, error=describe(error))
                return

    def waiting(self, queue: str) -> int:
        """Messages in a queue; 0 when it cannot be asked, so that the sweep rings rather once too often."""
        name = self._prefix + queue
        broker: Any = self._broker
        try:
            if self.embedded:
                return int(broker.queues[name].qsize())
            if hasattr(broker, "client"):
                return int(broker.client.llen(f"{broker.namespace}:{name}"))
            broker.declare_queue(name, ensure=True)
            return int(broker.get_queue_message_counts(name)[0])
        except Exception as error:
            log.warning("queue_not_asked", queue=queue, error=describe(error))
            if self._prefix:
                del broker.connection  # this thread's, to RabbitMQ: opened anew the next time
            return 0

    def work_with(self, run: RunJob) -> None:
        """From now on this process works: `run` is called with the id of each job that is rung."""
        self._run = run

    def _work(self, job_id: str) -> None:
        if self._run is None:
            raise RuntimeError("this process rings only")
        try:
            self._run(job_id)
        except Exception as error:
            # the message is done either way: the job is still in the table and will be rung again
            log.error("job_broke_off", job=job_id, error=describe(error))

    def forget_dead_letters(self) -> None:
        """Messages no actor took (another version's); in memory they would be kept for ever."""
        if isinstance(self._broker, StubBroker):
            for letters in self._broker.dead_letters_by_queue.values():
                letters.clear()

    def flush(self) -> None:
        """Throw every message away; the sweep rings again."""
        for name in QUEUES:
            self._broker.flush(self._prefix + name)

    def close(self) -> None:
        """Let go of connections."""
        self._broker.close()


def _broker(url: str, namespace: str) -> Broker:
    # no middleware: retries, time limits, dead letters and delays are the job table's
    if not url:
        return StubBroker(middleware=[])
    scheme = url.partition("://")[0]
    try:
        if scheme in ("redis", "rediss", "unix"):
            import redis
            from dramatiq.brokers.redis import RedisBroker

            client = redis.Redis.from_url(
                url, socket_connect_timeout=5, socket_timeout=30, socket_keepalive=True, health_check_interval=30
            )
            # defaults would bring back the messages of a dead worker after a quarter of an hour
            return RedisBroker(  # type: ignore[no-untyped-call]
                client=client,
                middleware=[],
                namespace=namespace,
                heartbeat_timeout=HEARTBEAT_MS,
                maintenance_chance=1_000_000,
            )
        if scheme in ("amqp", "amqps"):
            from dramatiq.brokers.rabbitmq import RabbitmqBroker

            return RabbitmqBroker(url=url, middleware=[], confirm_delivery=True)
    except ImportError as error:
        raise Misconfigured("Redis and RabbitMQ need the extra `services`: pip install 'depli[services]'.") from error
    except ValueError as error:
        raise Misconfigured(f"The queue URL cannot be used: {error}") from error
    raise Misconfigured(
        f"{scheme}:// is no queue: write redis://host:6379/0 or amqp://user@host:5672, or leave it empty."
    )


class Crew:
    """Worker threads of this process and the sweep beside them. One a process.

    Args:
        queue: where to listen; the same object rings in this process.
        run: does one job, `functools.partial(run_job, ...)`; waits for child processes, so threads are enough.
        sweep: one sweep, `functools.partial(sweep, ...)`; `None` when another process sweeps.
        threads: jobs at the same time.
    """

    def __init__(
        self,
        queue: JobQueue,
        *,
        run: RunJob,
        sweep: Callable[[], object] | None,
        threads: int,
        sweep_s: float = 5.0,
    ) -> None:
        self._queue = queue
        self._jobs_done = 0
        self._counting = threading.Lock()
        self._run = run
        queue.work_with(self._counted)
        self._worker = Worker(queue.broker, worker_threads=threads, worker_timeout=250)
        # one message a thread: what is fetched and waits cannot go to a worker that has nothing to do
        self._worker.queue_prefetch = threads
        self._sweeper = None if sweep is None else Sweeper(lambda: self._tidy(sweep), every_s=sweep_s)

    def _counted(self, job_id: str) -> None:
        try:
            self._run(job_id)
        finally:
            with self._counting:
                self._jobs_done += 1

    def _tidy(self, sweep: Callable[[], object]) -> None:
        self._queue.forget_dead_letters()
        sweep()

    @property
    def jobs_done(self) -> int:
        """Messages worked off so far, duplicates too."""
        return self._jobs_done

    def start(self) -> None:
        """Begin to work; answers at once."""
        self._worker.start()
        if self._sweeper is not None:
            self._sweeper.start()

    def stop(self, *, timeout_s: float = 30.0) -> None:
        """Take no new job, finish those under way for that long; a job cut off is taken back by the next sweep."""
        if self._sweeper is not None:
            self._sweeper.stop(timeout_s=min(5.0, timeout_s))
        self._worker.stop(timeout=int(timeout_s * 1000))


def start_embedded(
    queue: JobQueue, *, run: RunJob, sweep: Callable[[], object] | None, threads: int, sweep_s: float = 5.0
) -> Crew:
    """Work in threads of this process, for the set-up with one process; end with `stop()`."""
    crew = Crew(queue, run=run, sweep=sweep, threads=threads, sweep_s=sweep_s)
    crew.start()
    return crew


RECYCLED = 75
"""Exit code of a worker that asks for a fresh process in its place."""


def run_worker(
    queue: JobQueue,
    *,
    run: RunJob,
    sweep: Callable[[], object] | None,
    threads: int = 1,
    sweep_s: float = 5.0,
    max_jobs: int = 2000,
    max_rss_mb: int = 1500,
    drain_s: float = 60.0,
    sign_of_life: Callable[[], bool] | None = None,
) -> int:
    """Work until SIGTERM or SIGINT, or until this process has grown old; answers the exit code.

    Called in the main thread of a worker process. A second signal ends it at once.

    Args:
        max_jobs: after that many messages the process asks for a fresh one.
        max_rss_mb: so it does when its resident memory is larger, megabytes.
        drain_s: seconds to finish the jobs under way.
        sign_of_life: called each second; False = the supervisor is gone and the worker ends.
    Returns: 0 after a signal, `RECYCLED` when it grew old.
    """
    wanted = threading.Event()

    def end(signum: int, _frame: object) -> None:
        if wanted.is_set():
            os._exit(128 + signum)
        wanted.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    crew = start_embedded(queue, run=run, sweep=sweep, threads=threads, sweep_s=sweep_s)
    log.info("worker_started", threads=threads)
    code = 0
    while not wanted.wait(1.0):
        if sign_of_life is not None and not sign_of_life():
            log.warning("supervisor_gone")
            break
        if crew.jobs_done >= max_jobs or resident_mb() > max_rss_mb:
            code = RECYCLED
            break
    log.info("worker_drains", jobs=crew.jobs_done, recycled=code == RECYCLED)
    _alive_while(lambda: crew.stop(timeout_s=drain_s), sign_of_life)
    queue.close()
    return code


def _alive_while(work: Callable[[], None], sign_of_life: Callable[[], bool] | None) -> None:
    thread = threading.Thread(target=work, name="drain")
    thread.start()
    while thread.is_alive():
        if sign_of_life is not None:
            sign_of_life()
        thread.join(timeout=1.0)


def resident_mb() -> float:
    """Resident memory of this process, megabytes."""
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123 - read once a second
            return int(file.read().split()[1]) * resource.getpagesize() / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
