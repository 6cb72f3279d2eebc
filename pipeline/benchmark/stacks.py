"""Stacks of documents: are their boundaries found?"""

from __future__ import annotations

from pathlib import Path

from pipeline.benchmark.measuring import read, truth_of
from pipeline.benchmark.report import Report


def measure_stacks(data: Path, report: Report) -> None:
    folder = data / "mailbag"
    rows = [
        "| stack | separators | sheets | documents | found | boundaries F1 | types right |",
        "|---|---|---|---|---|---|---|",
    ]
    for stack in truth_of(folder / "batches.jsonl"):
        lines, _, _ = read([folder / stack["file"]])
        expected = {tuple(d["pages"]): d for d in stack["documents"]}
        found = {tuple(line["pages"]): line for line in lines if "pages" in line}
        begins, got = {pages[0] for pages in expected}, {pages[0] for pages in found}
        f1 = 2 * len(begins & got) / max(1, len(begins) + len(got))
        types = sum(found[p]["document_type"] == d["document_type"] for p, d in expected.items() if p in found)
        rows.append(
            f"| {Path(stack['file']).name} | {stack['separator']} | {stack['sheets']} | {len(expected)} | "
            f"{len(found)}, {len(expected.keys() & found.keys())} exact | {f1:.3f} | {types} |"
        )
    report.section("Mailbag, stacks", rows)
