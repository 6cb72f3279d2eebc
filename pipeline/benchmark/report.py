"""The report of `depli bench`: Markdown sections in order."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass(slots=True)
class Report:
    """Sections of the report, in order."""

    sections: list[tuple[str, list[str]]] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    """SVG figures by file name, for the folder `images` beside the report."""

    def section(self, title: str, lines: Sequence[str]) -> None:
        """Add one section, Markdown lines."""
        self.sections.append((title, list(lines)))

    def text(self) -> str:
        """The whole report."""
        head = [
            "# Benchmarks",
            "",
            f"Measured {datetime.now(UTC):%Y-%m-%d} on {_machine()}, {len(os.sched_getaffinity(0))} cores,",
            "portable runtime (ONNX Runtime, one thread a process). `depli bench` writes this page. The mailbag is",
            "synthetic (drawn forms and invoices, handwriting from real pen trajectories, simulated scanner);",
            "invoices and handwriting sets are other people's real material. No reader was trained on the mailbag;",
            "acceptance limits were fitted on it among other mail, so the",
            "accepted share and error below are those of the development set.",
        ]
        body = [line for title, lines in self.sections for line in ("", f"## {title}", "", *lines)]
        return "\n".join([*head, *body, ""])


def _machine() -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{model} (Linux {platform.release().split('-')[0]}, Python {platform.python_version()})"
