"""CPU seconds a page by stage, beside the pipeline one would build first, on the same pages."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.benchmark.measuring import read, truth_of
from pipeline.benchmark.report import Report
from pipeline.engines import EngineSettings, load_engines, one_thread


@dataclass(slots=True)
class _Stopwatch:
    """CPU seconds by stage, one process, one thread."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    pages: int = 0

    def time(self, stage: str, work: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """The answer of `work`; its CPU time is added to `stage`."""
        started = time.process_time()
        try:
            return work(*args, **more)
        finally:
            self.seconds[stage] += time.process_time() - started


def measure_speed(data: Path, report: Report) -> None:
    folder = data / "mailbag"
    truth = truth_of(folder / "truth.jsonl")
    one_thread()
    engines = load_engines(EngineSettings())
    rows = ["| pages | stage | CPU s a page |", "|---|---|---|"]
    ratio: list[str] = []
    for title, chosen in (
        ("forms", [t for t in truth if t["form"]][:24]),
        ("invoices", [t for t in truth if t["document_type"] == "supplier_invoice"][:16]),
    ):
        paths = [folder / t["file"] for t in chosen]
        watch = _stages(paths, engines)
        rows += [f"| {title} | {stage} | {seconds / watch.pages:.3f} |" for stage, seconds in watch.seconds.items()]
        ours = sum(watch.seconds.values()) / watch.pages
        naive = _first_pipeline(paths)
        _, seconds, peak = read(paths)
        told = ", ".join(f"{name} {cost:.2f} CPU s a page" for name, cost in naive.items())
        ratio.append(
            f"- {title}: {watch.pages / seconds:.2f} pages/s with all cores; {ours:.3f} CPU s a page here; "
            f"the first pipeline one would build: {told}; ratio of pages per CPU second "
            f"{sum(naive.values()) / ours:.1f}; peak memory {peak:.0f} MB"
        )
    report.section("Speed", [*ratio, "", *rows])


def _stages(paths: Sequence[Path], engines: Any) -> _Stopwatch:
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
        watch.time("understand", understand, readings, numbers, definitions, today=today)
    return watch


def _first_pipeline(paths: Sequence[Path]) -> dict[str, float]:
    """CPU seconds a page of pdf2image + pytesseract, and of OCRmyPDF where it is installed, on some of the pages."""
    import resource
    import shutil
    import subprocess

    import pytesseract
    from pdf2image import convert_from_path
    from PIL import Image

    chosen = [path for path in paths if path.suffix == ".pdf"][:6]

    def cpu() -> float:
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

    started, pages = cpu(), 0
    for path in chosen:
        pictures: list[Image.Image] = convert_from_path(str(path), dpi=300)
        for picture in pictures:
            pytesseract.image_to_data(picture, lang="fra")
            pages += 1
    costs = {"pdf2image + pytesseract": (cpu() - started) / max(1, pages)}
    program = shutil.which("ocrmypdf")
    if program:
        started = cpu()
        with tempfile.TemporaryDirectory() as out:
            for number, path in enumerate(chosen):
                command = [program, "--quiet", "--language", "fra", "--output-type", "pdf", "--force-ocr"]
                subprocess.run([*command, str(path), f"{out}/{number}.pdf"], check=False, capture_output=True)  # noqa: S603
        costs["OCRmyPDF"] = (cpu() - started) / max(1, pages)
    return costs
