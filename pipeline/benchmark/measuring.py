"""Reading for a measurement, as a user does, with the memory it takes."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from capture.sandbox import Sandbox
from pipeline.engines import EngineSettings, templates
from pipeline.pool import ReadingPool
from pipeline.reading import as_json, read_sources


@dataclass(frozen=True, slots=True)
class Run:
    """One run of `depli read` on all cores, all its processes together."""

    lines: list[dict[str, Any]]
    """As `depli read --json` gives them."""
    seconds: float
    """By the clock, start of the reading processes included."""
    cpu_s: float
    """User and system time, from start to end."""
    samples: list[tuple[int, float]]
    """(pages read, resident memory in MB) twice a second; memory that processes share counts for each."""

    @property
    def peak_mb(self) -> float:
        return max((resident for _, resident in self.samples), default=0.0)


def run_of(paths: Sequence[Path]) -> Run:
    """Read as a user does, and watch what it takes."""
    definitions = [template.definition for template in templates(())]
    started = time.monotonic()
    with Watch() as watch:
        pool = ReadingPool(EngineSettings(), processes=len(os.sched_getaffinity(0)))
        try:
            results = read_sources(
                paths,
                pool=pool,
                sandbox=Sandbox(),
                definitions=definitions,
                today=datetime.now(UTC).date(),
                on_page=watch.page_read,
            )
            lines = [as_json(result) for result in results]
            seconds = time.monotonic() - started
            watch.look()
        finally:
            pool.close()
    return Run(lines, seconds, watch.cpu_s, watch.samples)


def read(paths: Sequence[Path]) -> tuple[list[dict[str, Any]], float, float]:
    """Readings as `depli read --json` gives them, seconds, and peak memory of all processes together in MB."""
    run = run_of(paths)
    return run.lines, run.seconds, run.peak_mb


@dataclass(slots=True)
class WatchedProcess:
    """What one process has used so far."""

    parent: int
    own_s: float
    """CPU time of its own."""
    reaped_s: float
    """CPU time of the children it has buried, and theirs."""
    resident_mb: float


class Watch:
    """Looks at this process and all below it."""

    def __init__(self, *, seconds: float | None = 0.5) -> None:
        """
        Args:
            seconds: between two looks; `None` = only when `look` is called.
        """
        self._seconds = seconds
        self.samples: list[tuple[int, float]] = []
        self._pages = 0
        self._known: dict[int, WatchedProcess] = {}
        self._alive: dict[int, WatchedProcess] = {}
        self._first_s: dict[int, float] = {}
        self._done = threading.Event()
        self._looking = threading.Lock()

    def __enter__(self) -> Watch:
        self._first_s = {pid: p.own_s + p.reaped_s for pid, p in _family(os.getpid()).items()}
        if self._seconds is not None:
            threading.Thread(target=self._watch, args=(self._seconds,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def page_read(self) -> None:
        self._pages += 1

    def look(self) -> None:
        with self._looking:
            family = _family(os.getpid())
            self._alive = family
            self._known.update(family)
            self.samples.append((self._pages, sum(process.resident_mb for process in family.values())))

    @property
    def cpu_s(self) -> float:
        """Of all processes from the start to the last look: each one's own, and that of children nobody saw alive."""
        seen = defaultdict[int, float](float)
        for process in self._known.values():
            seen[process.parent] += process.own_s
        alive = self._alive.values()
        buried = {pid: seen[pid] - sum(p.own_s for p in alive if p.parent == pid) for pid in self._known}
        total = sum(p.own_s + max(0.0, p.reaped_s - buried[pid]) for pid, p in self._known.items())
        return total - sum(self._first_s.values())

    def _watch(self, seconds: float) -> None:
        while not self._done.wait(seconds):
            self.look()


def _family(root: int) -> dict[int, WatchedProcess]:
    """`root` and its descendants that are alive."""
    ticks, page_mb = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE") / 1e6
    children: dict[int, list[int]] = defaultdict(list)
    everyone: dict[int, WatchedProcess] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        user, system, reaped_user, reaped_system = (int(ticked) / ticks for ticked in fields[11:15])
        everyone[int(entry.name)] = WatchedProcess(
            int(fields[1]), user + system, reaped_user + reaped_system, int(fields[21]) * page_mb
        )
        children[int(fields[1])].append(int(entry.name))
    family: dict[int, WatchedProcess] = {}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        if pid in everyone:
            family[pid] = everyone[pid]
        waiting.extend(children[pid])
    return family


def read_all(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Readings as `depli read --json` gives them."""
    return read(paths)[0]


def truth_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
