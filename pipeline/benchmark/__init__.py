"""`depli bench`: how well and how fast we read, measured on material with truth and written as a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from pipeline.benchmark.forms import measure_forms
from pipeline.benchmark.handwriting import measure_handwriting
from pipeline.benchmark.invoices import measure_invoices
from pipeline.benchmark.lines import measure_lines
from pipeline.benchmark.mailbag import measure_mailbag
from pipeline.benchmark.memory import measure_memory
from pipeline.benchmark.orand import measure_orand
from pipeline.benchmark.report import Report
from pipeline.benchmark.speed import measure_speed
from pipeline.benchmark.stacks import measure_stacks

PARTS: dict[str, Callable[[Path, Report], None]] = {
    "mailbag": measure_mailbag,
    "stacks": measure_stacks,
    "invoices": measure_invoices,
    "handwriting": measure_handwriting,
    "lines": measure_lines,
    "orand": measure_orand,
    "forms": measure_forms,
    "speed": measure_speed,
    "memory": measure_memory,
}
"""What `--only` may name; measured in this order."""
ON_REQUEST = frozenset({"orand"})
"""Measured only when named: it trains for hours."""


def run(data: Path, *, report: Path, only: tuple[str, ...], out: Console, err: Console) -> int:
    """Measure the parts asked for and write the report; 2 when the data is not there."""
    wanted = only or tuple(part for part in PARTS if part not in ON_REQUEST)
    unknown = [part for part in wanted if part not in PARTS]
    if unknown or not data.is_dir():
        fault = f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}" if unknown else f"{data} is not a folder"
        err.print(f"depli bench: {fault}.")
        return 2
    result = Report()
    for part, measure in PARTS.items():
        if part in wanted:
            out.print(f"bench: {part} ...")
            measure(data, result)
    for title, lines in result.sections:
        out.print(f"\n{title}\n" + "\n".join(lines), markup=False)
    if not only:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(result.text(), encoding="utf-8")
        for name, content in result.images.items():
            image = report.parent / "images" / name
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_text(content, encoding="utf-8")
        out.print(f"\n{report} written")
    return 0
