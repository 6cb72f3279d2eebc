"""Memory of `depli read` on one long stack: its peak, and whether it grows with the number of pages."""

from __future__ import annotations

import itertools
import multiprocessing
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pikepdf

from pipeline.benchmark.measuring import run_of, truth_of
from pipeline.benchmark.report import Report

PAGES = 500


def measure_memory(data: Path, report: Report) -> None:
    """Read a stack put together from the scans of the mailbag, again and again until it is long enough."""
    folder = data / "mailbag"
    scans = [folder / t["file"] for t in truth_of(folder / "truth.jsonl") if t["file"].endswith(".pdf")]
    with tempfile.TemporaryDirectory() as place:
        stack = Path(place) / "stack.pdf"
        write_stack(scans, stack, pages=PAGES)
        # In a process of its own: this one holds what earlier parts of the benchmark loaded.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
            run = alone.submit(run_of, [stack]).result()
    early, late = peak_between(run.samples, 100, 200), peak_between(run.samples, PAGES - 100, PAGES)
    report.section(
        f"Memory, one stack of {PAGES} pages",
        [
            f"- peak of all processes together {run.peak_mb:.0f} MB (shared memory counted once a process)",
            f"- pages 100 to 200: at most {early:.0f} MB; the last 100 pages: at most {late:.0f} MB "
            f"({late / max(1.0, early) - 1:+.0%})",
            f"- {len(run.lines)} documents, {run.cpu_s / PAGES:.3f} CPU s a page in all, start included",
        ],
    )


def write_stack(scans: Sequence[Path], stack: Path, *, pages: int) -> None:
    """One PDF with the pages of all scans in turn, from the first again until there are enough."""
    with pikepdf.Pdf.new() as whole:
        opened = [pikepdf.Pdf.open(scan) for scan in scans]
        for page in itertools.islice(itertools.cycle([page for pdf in opened for page in pdf.pages]), pages):
            whole.pages.append(page)
        whole.save(stack)


def peak_between(samples: Sequence[tuple[int, float]], first: int, last: int) -> float:
    """The most memory while so many pages were read, MB; 0.0 when nobody looked."""
    return max((resident for pages, resident in samples if first <= pages <= last), default=0.0)
