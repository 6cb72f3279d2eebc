"""Stacks of documents: are their boundaries found? Letters of other kinds: are they told from invoices?"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from capture.boundaries import shipped_weights
from capture.separation import separate
from classifiers.page_types import document_types
from models.definitions import DocumentType
from models.reading import SURE_OF_BOUNDARY
from pipeline.benchmark.measuring import read, truth_of
from pipeline.benchmark.report import Report
from pipeline.training.classifier import samples
from pipeline.training.logistic import calibration_error, probabilities
from pipeline.training.mail.mailbag import draw_mailbag
from pipeline.training.separation import FORM_PAGES, ReadStack, drawn_stacks, features

DRAWN_STACKS = 6
DRAWN_LETTERS = 500
READ_STACKS = 60
FRESH_SEED = 90417
"""Nothing is fitted on letters of this seed."""


def measure_stacks(data: Path, report: Report) -> None:
    report.section("Mailbag, stacks", _table(data / "mailbag"))
    with tempfile.TemporaryDirectory(prefix="depli-bench-") as folder:
        drawn = Path(folder)
        for _ in draw_mailbag(data, drawn, seed=FRESH_SEED, count=0, stacks=DRAWN_STACKS):
            pass
        report.section("Simulated mail of a fresh seed, stacks", _table(drawn))
    report.section("Simulated letters of a fresh seed, types", _types())
    report.section(
        "Simulated stacks of a fresh seed, boundaries as read",
        boundaries_of(drawn_stacks(FRESH_SEED, READ_STACKS, fonts=None)),
    )


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


def boundaries_of(stacks: Iterable[ReadStack]) -> list[str]:
    """How many boundaries of drawn stacks are found, how well their confidence holds, and what passes without a person.

    The stacks are not scanned and read: their pages carry the drawn words with misread characters; half of them lost
    numbers, titles or senders.
    """
    seen = list(stacks)
    x, truth, _ = features(iter(seen))
    probability = probabilities(x, np.array(shipped_weights()))
    sure = np.maximum(probability, 1 - probability) >= SURE_OF_BOUNDARY
    wrong = (probability > 0.5) != truth
    rows = [
        f"{len(truth)} places between pages, {wrong.sum()} decided wrongly, "
        f"ECE {calibration_error(probability, truth):.4f}; "
        f"at {SURE_OF_BOUNDARY:.2f}: {sure.mean():.4f} pass, {(sure & wrong).sum()} of them wrong.",
        "",
        "| separators | stacks | boundaries | F1 | documents sure of their boundaries | of these wrong |",
        "|---|---|---|---|---|---|",
    ]
    for sheets in (True, False):
        counts = Counter[str]()
        for stack in seen:
            if stack.sheets is sheets:
                counts += _count(stack)
        f1 = 2 * counts["right"] / max(1, counts["expected"] + counts["found"])
        rows.append(
            f"| {'patch' if sheets else 'none'} | {counts['stacks']} | {counts['expected']} | {f1:.4f} | "
            f"{counts['sure'] / max(1, counts['found']):.3f} | {counts['sure and wrong']} of {counts['sure']} |"
        )
    return rows


def _count(stack: ReadStack) -> Counter[str]:
    documents = separate(stack.readings, form_pages=FORM_PAGES).documents
    expected, found = set(stack.begins), [document.pages[0] for document in documents]
    end = len(stack.readings) + 1
    counts = Counter(stacks=1, expected=len(expected), found=len(found), right=len(expected & set(found)))
    for document, following in zip(documents, [*found[1:], end], strict=True):
        begins_within = expected & set(range(document.pages[0] + 1, following))
        whole = document.pages[0] in expected and following in expected | {end} and not begins_within
        if document.boundaries.confidence >= SURE_OF_BOUNDARY:
            counts["sure"] += 1
            counts["sure and wrong"] += not whole
    return counts


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
