"""Stacks of documents: are their boundaries found? Letters of other kinds: are they told from invoices?"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from classifiers.page_types import document_types
from models.definitions import DocumentType
from pipeline.benchmark.measuring import read, truth_of
from pipeline.benchmark.report import Report
from pipeline.training.classifier import calibration_error, samples
from pipeline.training.mail.mailbag import draw_mailbag

DRAWN_STACKS = 6
DRAWN_LETTERS = 500
FRESH_SEED = 90417
"""Nothing is fitted on letters of this seed."""


def measure_stacks(data: Path, report: Report) -> None:
    report.section("Mailbag, stacks", _table(data / "mailbag"))
    with tempfile.TemporaryDirectory(prefix="depli-bench-") as folder:
        drawn = Path(folder)
        for _ in draw_mailbag(data, drawn, seed=FRESH_SEED, count=0, stacks=DRAWN_STACKS):
            pass
        report.section("Simulated mail of a fresh seed, stacks", _table(drawn))
    report.section("Simulated letters of a fresh seed, types by their text", _types())


def _table(folder: Path) -> list[str]:
    rows = [
        "| stack | separators | sheets | documents | found | boundaries F1 | types right |",
        "|---|---|---|---|---|---|---|",
    ]
    for stack in truth_of(folder / "batches.jsonl"):
        lines, _, _ = read([folder / stack["file"]])
        expected = {tuple(d["pages"]): d for d in stack["documents"]}
        found = {tuple(line["pages"]): line for line in lines if "pages" in line}
        begins, got = {pages[0] for pages in expected}, {pages[0]: line for pages, line in found.items()}
        f1 = 2 * len(begins & got.keys()) / max(1, len(begins) + len(got))
        types = sum(
            got[pages[0]]["document_type"] == d["document_type"] for pages, d in expected.items() if pages[0] in got
        )
        rows.append(
            f"| {Path(stack['file']).name} | {stack['separator']} | {stack['sheets']} | {len(expected)} | "
            f"{len(found)}, {len(expected.keys() & found.keys())} exact | {f1:.3f} | {types} |"
        )
    return rows


def _types() -> list[str]:
    """Invoices and receipts against other letters, with the misreadings of a scan; which kinds are mistaken."""
    seen, confidence, right = Counter[str](), [], []
    wrong = Counter[str]()
    for letter in samples(FRESH_SEED, DRAWN_LETTERS, fonts=None):
        best = document_types(letter.pages)[0]
        hit = (best.document_type is DocumentType.SUPPLIER_INVOICE) == letter.invoice
        seen[letter.kind] += 1
        wrong[letter.kind] += not hit
        right.append(hit)
        confidence.append(best.confidence)
    error = calibration_error(np.array(confidence), np.array(right))
    mistaken = ", ".join(f"{kind} {count}/{seen[kind]}" for kind, count in wrong.most_common() if count) or "none"
    return [
        f"{sum(right)} of {len(right)} right ({sum(right) / max(1, len(right)):.4f}), ECE {error:.4f}.",
        f"Mistaken: {mistaken}.",
    ]
