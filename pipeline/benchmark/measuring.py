"""Reading for a measurement, as a user does, with the memory it takes."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from capture.sandbox import Sandbox
from pipeline.engines import EngineSettings, templates
from pipeline.pool import ReadingPool
from pipeline.reading import as_json, read_sources


def read(paths: Sequence[Path]) -> tuple[list[dict[str, Any]], float, float]:
    """Readings as `depli read --json` gives them, seconds, and peak memory of all processes together in MB."""
    definitions = [template.definition for template in templates(())]
    pool = ReadingPool(EngineSettings(), processes=len(os.sched_getaffinity(0)))
    memory = _Memory()
    try:
        with memory:
            results = read_sources(
                paths, pool=pool, sandbox=Sandbox(), definitions=definitions, today=datetime.now(UTC).date()
            )
            started = time.monotonic()
            lines = [as_json(result) for result in results]
            return lines, time.monotonic() - started, memory.peak_mb
    finally:
        pool.close()


class _Memory:
    """Watches the resident memory of this process and all below it."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._done = threading.Event()

    def __enter__(self) -> _Memory:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            self.peak_mb = max(self.peak_mb, _family_mb(os.getpid()))


def _family_mb(root: int) -> float:
    children: dict[int, list[int]] = defaultdict(list)
    resident: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children[int(fields[1])].append(int(entry.name))
        resident[int(entry.name)] = int(fields[21]) * 4096 / 1e6
    total, waiting = 0.0, [root]
    while waiting:
        process = waiting.pop()
        total += resident.get(process, 0.0)
        waiting.extend(children[process])
    return total


def read_all(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Readings as `depli read --json` gives them."""
    return read(paths)[0]


def truth_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
