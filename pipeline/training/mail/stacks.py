"""Stacks as a scanner feeds them: letters behind one another, separator sheets or none, blank backs."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import img2pdf
import numpy as np
import zxingcpp
from PIL import Image

from capture.separator_sheets import NARROW, PATCH_BARS, WIDE, separator_sheets
from pipeline.training.mail.drawing import POINTS_PER_MM, Drawn, Paper, pictures
from pipeline.training.mail.ink import Page, gray
from pipeline.training.mail.scanner import Scan, scan

Draw = Callable[[np.random.Generator], Drawn]
"""Draws a letter of some kind."""
SEPARATORS = ("patch", "barcode", "none")


@dataclass(slots=True)
class Stack:
    """A scanned stack."""

    scans: list[Scan]
    truth: dict[str, Any]
    """As a line of batches.jsonl, without `file`."""


def draw_stack(
    rng: np.random.Generator, letters: Sequence[Draw], *, separator: str, duplex: bool, hard: float
) -> Stack:
    """Letters scanned in one go: one resolution, one mode, every sheet at its own slant.

    Args:
        letters: what to draw, in the order of the stack. separator: one of `SEPARATORS`.
        duplex: every sheet has a back; those of one-sided letters are blank.
    """
    sheet = _separator_sheet(rng, separator) if separator != "none" else None
    sheet_has_back = duplex and rng.random() < 0.5
    pages: list[Page] = []
    documents: list[dict[str, Any]] = []
    for number, draw in enumerate(letters):
        if sheet is not None and (number or rng.random() < 0.4):
            pages += [sheet, _back(rng, sheet)] if sheet_has_back else [sheet]
        drawn = draw(rng)
        both_sides = duplex and len(drawn.pages) > 1 and rng.random() < 0.4
        own: list[int] = []
        for page in drawn.pages:
            pages.append(page)
            own.append(len(pages))
            if duplex and not both_sides:
                pages.append(_back(rng, page))
        if both_sides and len(drawn.pages) % 2:
            pages.append(_back(rng, drawn.pages[-1]))
        documents.append({**drawn.truth, "pages": own})
    mode = str(rng.choice(["gray", "gray", "color", "bitonal"]))
    dpi = int(rng.choice([200, 200, 300]))
    scans = [scan(page, rng, hard=hard, mode=mode, dpi=dpi, rotated=0) for page in pages]
    truth = {"separator": separator, "duplex": duplex, "sheets": len(pages), "documents": documents}
    return Stack(scans, truth)


def _back(rng: np.random.Generator, front: Page) -> Page:
    """An empty back through which the front shows a little."""
    through = float(rng.choice([0.0, 0.0, 0.02, 0.05]))
    mirrored = cv2.GaussianBlur(gray(front)[:, ::-1], (0, 0), 3)
    return np.asarray(255 - through * (255 - mirrored.astype(np.float32)), np.uint8)


def _separator_sheet(rng: np.random.Generator, separator: str) -> Page:
    """Our own sheets, and sheets as other makers print them."""
    if rng.random() < 0.4:
        kind = str(rng.choice(list(PATCH_BARS)) if separator == "patch" else rng.choice(["code128", "qr"]))
        return pictures(separator_sheets(kind, 1), colour=False)[0]
    paper = Paper()
    if separator == "patch":
        for top in (rng.uniform(8, 40), rng.uniform(200, 250)) if rng.random() < 0.5 else (rng.uniform(8, 60),):
            y = float(top)
            for bar in PATCH_BARS["patch-t"]:
                thick = (WIDE if bar == "W" else NARROW) / POINTS_PER_MM
                paper.box(15, y, 180, thick, fill=(0, 0, 0), stroke=None)
                y += thick + NARROW / POINTS_PER_MM
    else:
        text = str(rng.choice(["SEPARATEUR", "DOCSEP", "PATCHT", "*SEP*", f"SEP{rng.integers(1000, 9999)}"]))
        barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128)
        picture = np.asarray(barcode.to_image(scale=6))
        paper.picture(float(rng.uniform(30, 80)), float(rng.uniform(30, 150)), picture, width_mm=90)
    words = ["", "SÉPARATEUR", "Feuille de séparation - à réutiliser", "NOUVEAU DOCUMENT", "Intercalaire"]
    paper.text(105, 180, str(rng.choice(words)), font="Helvetica-Bold", size_pt=20, align="center")
    return pictures(paper.finish(), colour=False)[0]


def save(scans: Sequence[Scan], path: Path, *, rng: np.random.Generator) -> None:
    """Write pages to one file: PDF, TIFF or, a single page, JPEG; `path`'s suffix says which."""
    encoded = [_encoded(one, quality=int(rng.integers(45, 88))) for one in scans]
    if path.suffix == ".jpg":
        path.write_bytes(encoded[0])
    elif path.suffix == ".pdf":
        sizes = [(one.image.shape[1] / one.dpi, one.image.shape[0] / one.dpi) for one in scans]
        pages = [
            img2pdf.convert(data, layout_fun=img2pdf.get_layout_fun((width * 72, height * 72)))
            for data, (width, height) in zip(encoded, sizes, strict=True)
        ]
        path.write_bytes(pages[0] if len(pages) == 1 else _joined(pages))
    else:
        images = [_as_picture(one) for one in scans]
        compression = "group4" if scans[0].mode == "bitonal" else "jpeg"
        dpi = (scans[0].dpi, scans[0].dpi)
        images[0].save(path, save_all=True, append_images=images[1:], compression=compression, dpi=dpi)


def _encoded(one: Scan, *, quality: int) -> bytes:
    buffer = io.BytesIO()
    if one.mode == "bitonal":
        _as_picture(one).save(buffer, "PNG", dpi=(one.dpi, one.dpi))
    else:
        _as_picture(one).save(buffer, "JPEG", quality=quality, dpi=(one.dpi, one.dpi))
    return buffer.getvalue()


def _as_picture(one: Scan) -> Image.Image:
    if one.mode == "bitonal":
        return Image.fromarray(gray(one.image)).convert("1", dither=Image.Dither.NONE)
    return Image.fromarray(one.image if one.image.ndim == 2 else one.image[:, :, ::-1].copy())


def _joined(pdfs: Sequence[bytes]) -> bytes:
    import pikepdf

    whole = pikepdf.new()
    for data in pdfs:
        with pikepdf.open(io.BytesIO(data)) as part:
            whole.pages.extend(part.pages)
    buffer = io.BytesIO()
    whole.save(buffer)
    return buffer.getvalue()
