"""The reading processes: one a core, models loaded once, a crash or hang of one costs only the page it was at."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from models.errors import UnusableImage
from pipeline.engines import EngineSettings, load_for_process

Result = TypeVar("Result")

PAGE_LIMIT_S = 120.0
"""A page that takes longer is given up: the process that reads it is killed."""


class ReadingPool:
    """Runs page-level functions in child processes. Functions and arguments are picklable; a function asks
    `pipeline.engines.engines()` for the readers of its own process."""

    def __init__(self, engine_settings: EngineSettings, *, processes: int, page_limit_s: float = PAGE_LIMIT_S) -> None:
        self._page_limit_s = page_limit_s
        self._processes = processes
        self._pool = ProcessPool(
            max_workers=processes,
            max_tasks=2000,
            initializer=load_for_process,
            initargs=(engine_settings,),
            context=multiprocessing.get_context("forkserver"),
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
        future: Future[Result] = self._pool.schedule(function, args=args, timeout=self._page_limit_s)
        return future

    @staticmethod
    def _outcome(future: Future[Result]) -> Result:
        try:
            return future.result()
        except (FutureTimeout, CancelledError) as error:
            raise UnusableImage("The page took too long to read. Scan it again, or key it.", code="timeout") from error
        except ProcessExpired as error:
            raise UnusableImage(
                f"The reading process died on this page (exit {error.exitcode}). Scan it again, or key it.",
                code="crashed",
            ) from error

    def close(self) -> None:
        """Stop the processes at once; what they were at is read again later."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join(timeout=10)
