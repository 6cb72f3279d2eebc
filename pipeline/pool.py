"""The reading processes: one a core, models loaded once, a crash or hang of one costs only the page it was at."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, wait
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from models.errors import Unavailable, UnusableImage
from pipeline.engines import EngineSettings, load_for_process
from pipeline.jobs import is_dead, process_name
from pipeline.processes import reading_context

Result = TypeVar("Result")

PAGE_LIMIT_S = 120.0
"""A page that takes longer is given up: the process that reads it is killed."""


def start_process(owner: str, engine_settings: EngineSettings) -> None:
    """Initialise a reading process that ends when its owner ends, however that ends.

    Args:
        owner: `pipeline.jobs.process_name()` of the process that holds the pool.
    """
    threading.Thread(target=_end_with, args=(owner,), name="owner", daemon=True).start()
    load_for_process(engine_settings)


def _end_with(owner: str) -> None:
    # the parent is the fork server, and the readers themselves keep that alive: the owner must be watched
    try:
        handle = os.pidfd_open(int(owner.split("/")[-2]))
        if not is_dead(owner):
            select.select([handle], [], [])
    except ProcessLookupError:
        pass
    except (AttributeError, OSError):
        while not is_dead(owner):
            time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGKILL)


class ReadingPool:
    """Runs page-level functions in child processes. Functions and arguments are picklable; a function asks
    `pipeline.engines.engines()` for the readers of its own process."""

    def __init__(self, engine_settings: EngineSettings, *, processes: int, page_limit_s: float = PAGE_LIMIT_S) -> None:
        self._engine_settings = engine_settings
        self._page_limit_s = page_limit_s
        self._processes = processes
        self._closed = False
        self._changing = threading.Lock()
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=self._processes,
            max_tasks=2000,
            initializer=start_process,
            initargs=(process_name(), self._engine_settings),
            context=reading_context(),
        )

    def run(self, function: Callable[..., Result], *args: Any) -> Result:
        """One call, waited for.

        Raises: UnusableImage `timeout` or `crashed` when the process was killed or died; what the function raises.
        """
        return self._outcome(self._schedule(function, args))

    def map_ordered(
        self, function: Callable[..., Result], calls: Iterable[tuple[Any, ...]]
    ) -> Iterator[Result | UnusableImage]:
        """The outcomes in the order of `calls`; only a few calls a process are under way, so memory stays flat.

        A call whose first argument is already an `UnusableImage` is its own outcome.
        """
        waiting = iter(calls)
        pending: list[Future[Result] | UnusableImage] = []

        def take() -> bool:
            args = next(waiting, None)
            if args is not None:
                pending.append(args[0] if isinstance(args[0], UnusableImage) else self._schedule(function, args))
            return args is not None

        while len(pending) < self._processes * 3 and take():
            pass
        while pending:
            first = pending.pop(0)
            take()
            if isinstance(first, UnusableImage):
                yield first
                continue
            try:
                yield self._outcome(first)
            except UnusableImage as error:
                yield error

    def _schedule(self, function: Callable[..., Result], args: tuple[Any, ...]) -> Future[Result]:
        with self._changing:
            try:
                future: Future[Result] = self._pool.schedule(function, args=args, timeout=self._page_limit_s)
            except RuntimeError as error:
                if not self._closed:
                    # a pool that broke stays broken: the next call has a fresh one
                    self._stop()
                    self._pool = self._new_pool()
                raise Unavailable("The reading processes do not run: see their own lines in the log.") from error
        return future

    def _outcome(self, future: Future[Result]) -> Result:
        try:
            while not future.done() and not self._closed:
                wait((future,), timeout=1.0)
            if not future.done():
                # a stopped pool leaves its futures as they are
                raise CancelledError
            return future.result()
        except (CancelledError, BrokenProcessPool) as error:
            raise Unavailable("The reading processes ended: the page is read again later.") from error
        except FutureTimeout as error:
            raise UnusableImage("The page took too long to read. Scan it again, or key it.", code="timeout") from error
        except UnusableImage:
            raise
        except ProcessExpired as error:
            if self._closed:
                raise Unavailable("The reading processes were stopped: the page is read again later.") from error
            raise UnusableImage(
                f"The reading process died on this page (exit {error.exitcode}). Scan it again, or key it.",
                code="crashed",
            ) from error

    def close(self) -> None:
        """Stop the processes at once; what they were at is read again later."""
        self._closed = True
        with self._changing:
            self._stop()

    def _stop(self) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join(timeout=10)
