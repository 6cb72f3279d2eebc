"""Invoices: other people's by language and layout, real till receipts, and drawn ones of layouts never seen."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz import fuzz

from capture.cleaning import clean
from capture.sandbox import Sandbox
from models.errors import UnusableImage
from models.image import GrayImage
from models.reading import PageReading
from pipeline.benchmark.report import Report
from pipeline.engines import Engines, EngineSettings, load_engines
from pipeline.processes import one_thread
from pipeline.reading import Read, as_json
from pipeline.recognition import as_reading, read_content, read_page, understand
from pipeline.scoring import Score, Tally, comparable

DRAWN = 60
"""Invoices drawn and scanned for the measurement."""
FRESH = 77_000_000
"""Seed of the first; training keeps away from it."""
ALIKE = 88
"""From that likeness in percent on, a shop's name counts as right: the truth of the receipts has typing errors."""
HEAD = ["| group / field | seen | exact | accepted | wrong | upper bound 95 % |", "|---|---|---|---|---|---|"]
_LEFT_OUT = ("seller_address", "buyer_vat_id", "vat_breakdown")
Answer = Mapping[str, Any]
"""A document as `depli read --json` gives it."""


@dataclass(slots=True)
class Found:
    """What was right, by group and field, and line items by group."""

    fields: dict[str, dict[str, Tally]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Tally)))
    lines: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    languages: dict[str, str] = field(default_factory=dict)

    def add(self, group: str, language: str, truth: Mapping[str, Any], answer: Answer, *, alike: bool = False) -> None:
        """Compare one document; a field that its truth does not name is not counted."""
        self.languages[group] = language
        for name, value in truth.items():
            if name in _LEFT_OUT:
                continue
            if name == "lines":
                whole = {"file": "", "document_type": "supplier_invoice", "fields": {"lines": value}}
                self.lines[group].add(whole, answer)
                continue
            ours = name.replace("_or_siren", "")
            got = (answer.get("fields") or {}).get(ours) or {}
            right = is_same(ours, value, got.get("value"), alike=alike)
            self.fields[group][ours].count(right=right, accepted=got.get("decision") == "accepted")

    def of_language(self, language: str) -> tuple[float, Tally, float]:
        """Mean over layout groups of the share of right fields, all fields as one, mean of the lines' F1."""
        groups = [group for group, spoken in self.languages.items() if spoken == language]
        together = [_together(self.fields[group].values()) for group in groups]
        f1 = [self.lines[group].lines_f1() for group in groups if group in self.lines]
        mean = float(np.mean([t.right / max(1, t.seen) for t in together]))
        return mean, _together(together), float(np.mean(f1)) if f1 else float("nan")

    def rows(self, groups: Sequence[str]) -> list[str]:
        """A row a field, then one for all, of several groups together."""
        names = sorted({name for group in groups for name in self.fields[group]})
        tallies = {n: _together(self.fields[g][n] for g in groups if n in self.fields[g]) for n in names}
        every = _together(tallies.values())
        return [f"| {name} | {tally.row()} |" for name, tally in {**tallies, "**all fields**": every}.items()]


def _together(tallies: Any) -> Tally:
    total = Tally()
    for tally in tallies:
        total.seen += tally.seen
        total.right += tally.right
        total.accepted += tally.accepted
        total.accepted_wrong += tally.accepted_wrong
    return total


def is_same(name: str, truth: Any, found: Any, *, alike: bool = False) -> bool:
    """Equal as fields are compared; a SIREN is answered by a SIRET of the company."""
    expected, got = comparable(name, truth), comparable(name, found)
    if name.endswith("siret") and expected and got and len(str(expected)) == 9:
        return str(got).startswith(str(expected))
    if alike and name.endswith("_name") and expected and got:
        return fuzz.ratio(str(expected).replace(" ", ""), str(got).replace(" ", "")) >= ALIKE
    return bool(expected == got)


def measure_invoices(data: Path, report: Report) -> None:
    """Real invoices from their paper alone and with the data they carry, receipts, and drawn invoices."""
    one_thread()
    engines = load_engines(EngineSettings())
    folder = data / "invoices"
    truths = [json.loads(p.read_text(encoding="utf-8")) for p in sorted((folder / "truth").glob("*.json"))]
    paper, mail, receipts = Found(), Found(), Found()
    kinds = Counter[str]()
    for truth in truths:
        readings, e_invoice = _pages(folder / "files" / Path(truth["file"]).name, engines)
        answer = _understood(readings, None)
        is_invoice = answer.get("document_type") == "supplier_invoice"
        if truth["doc_type"] not in ("invoice", "credit_note", "receipt"):
            kinds.update(seen=1, right=int(not is_invoice))
        elif truth["doc_type"] == "receipt":
            kinds.update(receipts=1, receipts_taken=int(is_invoice))
            receipts.add("receipts", "en", truth["fields"], _as_invoice(readings), alike=True)
        else:
            paper.add(truth["layout_group"], truth["language"], truth["fields"], answer)
            mail.add(truth["layout_group"], truth["language"], truth["fields"], _understood(readings, e_invoice))
    for title, found in (("from the page alone", paper), ("with the e-invoice that some PDFs carry", mail)):
        report.section(f"Invoices of other people, {title} (real, mostly born-digital)", _of_people(found))
    report.section(
        "Receipts (real scans), read as invoices",
        [
            f"- mail that is no invoice recognised as such: {kinds['right']} of {kinds['seen']}",
            f"- receipts taken for an invoice by the classifier: {kinds['receipts_taken']} of {kinds['receipts']}; the "
            "fields below are read from all of them",
            "",
            *HEAD,
            *receipts.rows(["receipts"]),
        ],
    )
    report.section("Invoices drawn in layouts never seen, scanned by simulation", _of_drawings(engines))


def _of_people(found: Found) -> list[str]:
    rows = ["| language | layouts | fields, mean over layouts | lines F1, mean over layouts |", "|---|---|---|---|"]
    for language in sorted(set(found.languages.values())):
        mean, _, f1 = found.of_language(language)
        count = sum(spoken == language for spoken in found.languages.values())
        rows.append(f"| {language} | {count} | {mean:.3f} | {f1:.3f} |")
    groups = sorted(found.languages, key=lambda g: (found.languages[g], g))
    by_layout = [f"| {found.languages[g]}, {g} | {_together(found.fields[g].values()).row()} |" for g in groups]
    french = [g for g in groups if found.languages[g] == "fr"]
    return [*rows, "", *HEAD, *by_layout, "", "French, by field:", "", *HEAD, *found.rows(french)]


def _of_drawings(engines: Engines) -> list[str]:
    found, cpu, pages = Found(), 0.0, 0
    for truth, scans in _drawn(DRAWN):
        readings = []
        for image, dpi in scans:
            cleaned = clean(image, dpi=dpi)
            readings.append(read_content(cleaned.image, as_reading(cleaned, repaired=False), engines))
        started = time.process_time()
        found.add("drawn", "fr", truth, _as_invoice(readings))
        cpu, pages = cpu + time.process_time() - started, pages + len(scans)
    f1 = found.lines["drawn"].lines_f1()
    note = f"- {DRAWN} invoices, {pages} pages; lines F1 {f1:.3f}; understanding {cpu / max(1, pages):.3f} CPU s a page"
    return [note, "", *HEAD, *found.rows(["drawn"])]


def _drawn(count: int) -> Iterator[tuple[dict[str, Any], list[tuple[GrayImage, float]]]]:
    """Truth of every field and the scanned pages of invoices nobody trained on."""
    import cv2

    from models.definitions import INVOICE_FIELDS
    from pipeline.training.mail.invoices import draw_invoice
    from pipeline.training.mail.scanner import scan

    for seed in range(FRESH, FRESH + count):
        rng = np.random.default_rng(seed)
        letter = draw_invoice(rng)
        scans = [scan(page, rng, hard=0.3, rotated=0) for page in letter.pages]
        images = [cv2.cvtColor(s.image, cv2.COLOR_BGR2GRAY) if s.image.ndim == 3 else s.image for s in scans]
        absent = {definition.name: None for definition in INVOICE_FIELDS}
        pages = [(np.asarray(i, np.uint8), float(s.dpi)) for i, s in zip(images, scans, strict=True)]
        yield {**absent, **letter.truth["fields"]}, pages


def _pages(path: Path, engines: Engines) -> tuple[list[PageReading], bytes | None]:
    """Readings of every page of a file, and the e-invoice it carries."""
    sandbox = Sandbox()
    info = sandbox.inspect(path)
    readings: list[PageReading] = []
    with tempfile.TemporaryDirectory() as folder:
        for raster in sandbox.raster(path, range(1, info.pages + 1), out=Path(folder)):
            if not isinstance(raster, UnusableImage):
                readings.append(read_page(raster, engines).reading)
    return readings, info.attachments[0].content if info.attachments else None


def _understood(readings: Sequence[PageReading], e_invoice: bytes | None) -> Answer:
    today = datetime.now(UTC).date()
    document = understand(readings, range(1, len(readings) + 1), (), today=today, e_invoice=e_invoice)
    return as_json(Read("", document))


def _as_invoice(readings: Sequence[PageReading]) -> Answer:
    """As if a person had said that it is an invoice."""
    from models.definitions import DocumentType

    said = (DocumentType.SUPPLIER_INVOICE, None)
    today = datetime.now(UTC).date()
    return as_json(Read("", understand(readings, range(1, len(readings) + 1), (), today=today, said=said)))
