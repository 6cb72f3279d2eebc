"""Registration under strain: filled-in forms turned, scaled, cut, folded, faxed and photographed by simulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from classifiers.forms import match_form
from extraction.registration import projected, refine
from models.errors import Unreadable
from models.geometry import MM_PER_INCH
from models.templates import FormTemplate
from pipeline.benchmark.report import Report
from pipeline.engines import SHIPPED_FORMS
from pipeline.processes import one_thread
from pipeline.templates import TEMPLATE_DPI
from pipeline.training.mail.drawing import DRAWN_DPI
from pipeline.training.mail.forms import Blank, draw_form, load_blank
from pipeline.training.mail.hands import Hands
from pipeline.training.mail.ink import Page, gray
from pipeline.training.mail.random_forms import random_form
from pipeline.training.mail.scanner import Matrix, Scan, scan

_PAGES = 16
"""Pages under each strain."""
_RANDOM_FORMS = 4
_TODAY = date(2026, 11, 25)

Strain = Callable[[Page, np.random.Generator], Scan]


def _cut(page: Page, rng: np.random.Generator) -> Scan:
    """A quarter of the sheet missing at one of its sides."""
    whole = scan(page, rng, hard=0.3, rotated=0, photo=False)
    height, width = whole.image.shape[:2]
    top, left, bottom, right = [
        (height // 4, 0, height, width), (0, width // 4, height, width),
        (0, 0, height - height // 4, width), (0, 0, height, width - width // 4),
    ][rng.integers(4)]  # fmt: skip
    move = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
    to_scan = move @ np.array(whole.to_scan).reshape(3, 3)
    part = np.ascontiguousarray(whole.image[top:bottom, left:right])
    return replace(whole, image=part, to_scan=tuple(float(v) for v in to_scan.ravel()))


def _either(rng: np.random.Generator, size: float) -> float:
    return size if rng.random() < 0.5 else -size


STRAINS: dict[str, Strain] = {
    "office scanner": lambda page, rng: scan(page, rng, hard=0.0),
    "worn scanner": lambda page, rng: scan(page, rng, hard=0.5),
    "everything at once": lambda page, rng: scan(page, rng, hard=1.0),
    "turned 5 degrees": lambda page, rng: scan(page, rng, hard=0.3, skew_deg=_either(rng, 5.0)),
    "scaled 10 %": lambda page, rng: scan(page, rng, hard=0.3, scale=1 + _either(rng, 0.1)),
    "upside down or sideways": lambda page, rng: scan(page, rng, hard=0.3, rotated=int(rng.choice((90, 180, 270)))),
    "black and white, fax": lambda page, rng: scan(page, rng, hard=0.9, mode="bitonal"),
    "photographed": lambda page, rng: scan(page, rng, hard=0.6, mode="color", photo=True),
    "a quarter missing": _cut,
}


@dataclass(slots=True)
class _Seen:
    """What became of the pages under one strain."""

    pages: int = 0
    not_found: int = 0
    refused: int = 0
    wrong: int = 0
    errors_mm: list[float] = field(default_factory=list)
    """The largest displacement of a zone's corner on each page read."""
    claimed_mm: list[float] = field(default_factory=list)

    def row(self) -> str:
        errors, claimed = self.errors_mm or [0.0], self.claimed_mm or [0.0]
        return (
            f"{self.pages} | {len(self.errors_mm)} | {self.not_found} | {self.refused} | {self.wrong} | "
            f"{np.median(errors):.2f} | {max(errors):.2f} | {np.median(claimed):.2f} | {max(claimed):.2f}"
        )


def measure_forms(data: Path, report: Report) -> None:
    """Lay known forms over scans of which it is known where everything lies."""
    one_thread()
    hands = Hands(data / "handwriting", held_out=True)
    blanks = [load_blank(folder) for folder in sorted(SHIPPED_FORMS.iterdir()) if (folder / "fields.json").is_file()]
    blanks += [random_form(np.random.default_rng(seed), name=f"random-{seed}").blank() for seed in range(_RANDOM_FORMS)]
    templates = tuple(_template(blank) for blank in blanks)
    rows = [
        "| strain | pages | read | not found | refused | wrong | error, median mm | worst | claimed, median | worst |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for number, (name, strain) in enumerate(STRAINS.items()):
        seen = _Seen()
        for index in range(_PAGES):
            rng = np.random.default_rng([number, index])
            blank = blanks[index % len(blanks)]
            page = draw_form(rng, blank, hands, today=_TODAY, hard=0.5).pages[0]
            _lay(strain(page, rng), blank, templates, seen)
        rows.append(f"| {name} | {seen.row()} |")
    note = (
        f"Filled-in pages of the shipped forms and of {_RANDOM_FORMS} drawn by chance, hands held out, scanned by "
        "simulation. The error is the largest displacement of a corner of a zone; folds' own displacement (at most "
        "0.4 mm) counts as error."
    )
    report.section("Registration under strain (simulated)", [note, "", *rows])


def _template(blank: Blank) -> FormTemplate:
    scale = TEMPLATE_DPI / DRAWN_DPI
    pages = [cv2.resize(gray(page), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for page in blank.pages]
    definition = replace(blank.definition, blank_pages=len(pages))
    return FormTemplate(definition, tuple(np.asarray(page, np.uint8) for page in pages), TEMPLATE_DPI)


def _lay(scanned: Scan, blank: Blank, templates: tuple[FormTemplate, ...], seen: _Seen) -> None:
    seen.pages += 1
    image = gray(scanned.image)
    match = match_form(image, dpi=scanned.dpi, templates=templates)
    if match is None:
        seen.not_found += 1
        return
    if (match.form, match.form_page) != (blank.definition.id, 1):
        seen.wrong += 1
        return
    template = next(each for each in templates if each.id == match.form)
    try:
        match, placed = refine(image, template, match)
    except Unreadable:
        seen.refused += 1
        return
    areas = [zone.box for zone in blank.definition.zones_on(1)]
    corners = np.array([(x, y) for box in areas for x in (box.x, box.right) for y in (box.y, box.bottom)])
    drifts = np.array([placed.drift(box.center_x, box.center_y) for box in areas for _ in range(4)])
    believed = projected(corners + drifts, placed.matrix)
    true = _where(corners, np.array(scanned.to_scan).reshape(3, 3))
    height, width = image.shape
    shown = ((true > 0) & (true < (width, height))).all(axis=1)
    if shown.any():
        off = np.linalg.norm(believed - true, axis=1)[shown]
        seen.errors_mm.append(float(off.max()) * MM_PER_INCH / scanned.dpi)
        seen.claimed_mm.append(match.error_mm)


def _where(points_mm: Matrix, to_scan: Matrix) -> Matrix:
    """Millimetres on the blank in pixels of the scan, counted from their edges."""
    return projected(points_mm * DRAWN_DPI / MM_PER_INCH - 0.5, to_scan) + 0.5
