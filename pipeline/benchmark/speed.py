"""CPU seconds a page by stage, beside other ways to read the same pages."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.reading import DocumentReading
from pipeline.benchmark.measuring import run_of, truth_of
from pipeline.benchmark.others import found_share, read_by_others
from pipeline.benchmark.report import Report
from pipeline.engines import Engines, EngineSettings, load_engines
from pipeline.processes import one_thread


@dataclass(slots=True)
class _Stopwatch:
    """CPU seconds by stage, one process, one thread."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    pages: int = 0
    documents: dict[Path, DocumentReading] = field(default_factory=dict)

    def time(self, stage: str, work: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """The answer of `work`; its CPU time is added to `stage`."""
        started = time.process_time()
        try:
            return work(*args, **more)
        finally:
            self.seconds[stage] += time.process_time() - started


PEERS_SEE = 6
"""Scans that the other ways read too: they are slow."""


def measure_speed(data: Path, report: Report) -> None:
    """CPU seconds a page, and what they make on two cores: the clock of a shared machine says nothing."""
    folder = data / "mailbag"
    truth = truth_of(folder / "truth.jsonl")
    one_thread()
    engines = load_engines(EngineSettings())
    rows = ["| pages | stage | CPU s a page |", "|---|---|---|"]
    told: list[str] = []
    beside = ["| pages | read by | CPU s a page | pages per CPU second, ours / theirs | true values found |"]
    beside.append("|---|---|---|---|---|")
    for title, chosen in (
        ("forms", [t for t in truth if t["form"]]),
        ("invoices", [t for t in truth if t["document_type"] == "supplier_invoice"]),
    ):
        paths = [folder / t["file"] for t in chosen]
        watch = _stages(paths[:24], engines)
        rows += [f"| {title} | {stage} | {seconds / watch.pages:.3f} |" for stage, seconds in watch.seconds.items()]
        run = run_of(paths)
        pages = sum(t["pages"] for t in chosen)
        told.append(
            f"- {title}: {sum(watch.seconds.values()) / watch.pages:.3f} CPU s a page of work; "
            f"{run.cpu_s / pages:.3f} with all processes and their start, over {pages} pages; that is "
            f"{2 * pages / run.cpu_s:.1f} pages/s on 2 cores (2 / CPU s); {pages / run.seconds:.1f} pages/s by the "
            f"clock of this machine; peak memory {run.peak_mb:.0f} MB"
        )
        scans = [t for t in chosen if t["file"].endswith(".pdf")][:PEERS_SEE]
        beside += _beside(title, {folder / t["file"]: t["fields"] for t in scans}, engines)
    note = "True values of four characters or more that stand in what was read, in a usual notation: a simple measure,"
    note += " the same for all. Ours is the value of the field; theirs may stand anywhere in the text."
    note += " pytesseract is also the OCR step of Open-Capture, which cannot be started here."
    report.section("Speed", [*told, "", *rows, "", note, "", *beside])


def _beside(title: str, truths: dict[Path, dict[str, Any]], engines: Engines) -> list[str]:
    """Rows of the comparison, all on the same pages: ours measured right before theirs, in this process."""
    watch = _stages(list(truths), engines)
    ours = sum(watch.seconds.values()) / watch.pages
    texts = {
        path: "\n".join(str(value.value) for value in document.fields.values())
        for path, document in watch.documents.items()
    }
    found, seen = found_share(truths, texts)
    rows = [f"| {title} | Depli | {ours:.3f} | 1.0 | {found} / {seen} |"]
    for other in read_by_others(list(truths)):
        if other.skipped:
            rows.append(f"| {title} | {other.name} | {other.skipped} | | |")
            continue
        theirs = other.cpu_s / max(1, other.pages)
        found, seen = found_share(truths, other.texts)
        rows.append(f"| {title} | {other.name} | {theirs:.3f} | {theirs / ours:.1f} | {found} / {seen} |")
    return rows


def _stages(paths: Sequence[Path], engines: Engines) -> _Stopwatch:
    """The stages one after the other in this process, as a reading process goes through them."""
    from capture import opening
    from capture.cleaning import clean
    from capture.sources import Limits
    from pipeline.recognition import as_reading, read_content, understand

    watch = _Stopwatch()
    definitions = [template.definition for template in engines.templates]
    for path in paths:
        with tempfile.TemporaryDirectory() as out:
            info = opening.inspect(path, Limits())
            numbers = range(1, info.pages + 1)
            rasters = watch.time("raster", opening.raster, path, numbers, Path(out), Limits())
            readings = []
            for raster in rasters:
                image = raster.load()
                cleaned = watch.time("clean", clean, image, dpi=raster.dpi)
                reading = as_reading(cleaned, repaired=False)
                if not cleaned.blank and cleaned.separator is None:
                    reading = watch.time("read", read_content, cleaned.image, reading, engines)
                readings.append(reading)
                watch.pages += 1
        today = datetime.now(UTC).date()
        watch.documents[path] = watch.time("understand", understand, readings, numbers, definitions, today=today)
    return watch
