"""Barcodes of a page, and sheets whose barcode says that a new document begins."""

from __future__ import annotations

import re
from collections.abc import Sequence

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from capture.blanks import PX_PER_MM, Pieces, inked, marks_of
from models.geometry import MM_PER_INCH, Box
from models.image import GrayImage, components, percentile
from models.reading import Barcode

SYMBOLOGIES = {"Code128": "code128", "Code39": "code39", "QRCode": "qr", "DataMatrix": "datamatrix"}
"""Names of the library, without spaces -> ours."""
SEPARATOR_TEXT = re.compile(
    r"^[^A-Z0-9]*(?:(?:DOC|PAGE|BATCH|LOT|DEPLI|PLI)?[^A-Z0-9]?(?:SEP|SEPAR[A-Z]*|BREAK|SPLIT)(?![A-Z])"
    r"|PATCH|NEW|NOUVEAU|NOUVELLE|INTERCAL|(?:BATCH|LOT|DOC|PLI)[^A-Z]*$)",
    re.IGNORECASE,
)
"""What the barcode of a separator sheet usually says: SEP, DOC-SEP-001, SEPARATEUR, PATCHT, BATCH-77, NEWDOC, ..."""
MOST_LINES = 3
"""Lines of print on a sheet that is known only by having nothing else: a title, a caption, the barcode in figures."""
FEW_LETTERS = 450
"""A page with more letters (or words, where they touch) is no separator sheet, whatever its barcode says."""
THOROUGH_DPI = 140.0
"""The codes of separator sheets are large: finer than that, a thorough look finds no more of them."""
MIN_LONG_MM = 190.0
"""Separator sheets are at least A5: a card is none."""
CODE_MM, CODE_INK = 12.0, 0.4
"""Somewhere in a code, a square of that size is inked to nearly a half; lines of print, combs and tables are less."""
MIN_BARCODE_MM = {"qr": 18.0, "datamatrix": 18.0}
MIN_LINE_BARCODE_MM = 45.0
"""Smaller codes are put on letters by franking and inserting machines."""

_BARS, _MATRICES = "Code128,Code39", "QRCode,DataMatrix"


def find_barcodes(page: GrayImage, half: GrayImage | None = None, *, thorough: bool = False) -> tuple[Barcode, ...]:
    """The barcodes of an upright page, boxes in its pixels.

    Args:
        half: the page at half its resolution or so: matrix codes, whose search takes fifteen times as long, are looked
            for on it when it is given. Their modules are twice as large as a bar is wide.
        thorough: also turned, inverted or badly printed ones; four times slower.
    """
    if thorough or half is None:
        return _decoded(page, thorough=thorough)
    return _decoded(page, _BARS) + _decoded(half, _MATRICES, scale=page.shape[0] / half.shape[0])


def _decoded(
    page: GrayImage, names: str = f"{_BARS},{_MATRICES}", *, thorough: bool = False, scale: float = 1.0
) -> tuple[Barcode, ...]:
    found = zxingcpp.read_barcodes(
        page,
        formats=zxingcpp.barcode_formats_from_str(names),
        try_rotate=thorough,
        try_downscale=thorough,
        try_invert=False,
    )
    barcodes = []
    for code in found:
        place = code.position
        corners = np.array(
            [(p.x, p.y) for p in (place.top_left, place.top_right, place.bottom_right, place.bottom_left)]
        )
        (left, top), (right, bottom) = corners.min(axis=0) * scale, corners.max(axis=0) * scale
        name = str(code.format).replace(" ", "")
        symbology = SYMBOLOGIES.get(name, name.lower())
        barcodes.append(
            Barcode(code.text, symbology, Box(float(left), float(top), float(right - left), float(bottom - top)))
        )
    return tuple(barcodes)


def look_for_barcodes(
    page: GrayImage, half: GrayImage, *, dpi: float, sparse: bool
) -> tuple[tuple[Barcode, ...], bool]:
    """The barcodes of an upright page, and whether they make it a separator sheet: see `is_separator`.

    Args:
        page: shape (height, width). half: the same, smaller or not, for matrix codes and what is beside the codes.
        dpi: of `page`. sparse: little is on the page, so a code that was scanned badly is worth a thorough look.
    """
    barcodes = find_barcodes(page, half)
    if not barcodes and sparse:
        fine_enough = half if dpi * half.shape[0] / page.shape[0] >= THOROUGH_DPI else page
        barcodes = _decoded(fine_enough, thorough=True, scale=page.shape[0] / fine_enough.shape[0])
    return barcodes, is_separator(barcodes, page, half, dpi=dpi)


def few_letters(marks: Pieces) -> bool:
    """Whether a page may be a separator sheet by how few marks of the size of letters or words are on it."""
    wide, tall, area = marks.boxes[1:, 2], marks.boxes[1:, 3], marks.boxes[1:, 4]
    return int(((wide <= 60) & (tall <= 25) & (area >= 5)).sum()) <= FEW_LETTERS


def may_hold_code(small: GrayImage) -> bool:
    """Whether anything on a page is as dense as a code, however badly it was scanned.

    Args:
        small: shape (height, width), uint8, at 75 dpi.
    """
    side = round(CODE_MM * PX_PER_MM)
    paper, ink = percentile(small, 75), percentile(small, 0.3)
    return paper - float(cv2.blur(small, (side, side)).min()) > CODE_INK * (paper - ink)


def is_separator(barcodes: Sequence[Barcode], page: GrayImage, half: GrayImage, *, dpi: float) -> bool:
    """Whether a page is a barcode separator sheet: it says so, or is nothing but a large barcode and its title.

    A card or letter that carries a barcode has a form or text around it and is no separator.

    Args:
        barcodes: all of an upright page, boxes in its pixels.
        page: shape (height, width), uint8. half: the same, smaller or not, for what is beside the codes.
        dpi: of `page`.
    """
    if not barcodes or max(page.shape) < MIN_LONG_MM / MM_PER_INCH * dpi:
        return False
    largest = max(barcodes, key=lambda barcode: barcode.box.width)
    width_mm = max(largest.box.width, largest.box.height) / dpi * MM_PER_INCH
    large = width_mm >= MIN_BARCODE_MM.get(largest.symbology, MIN_LINE_BARCODE_MM)
    says_so = any(SEPARATOR_TEXT.match(barcode.text) for barcode in barcodes)
    # most codes are on letters and small: what is beside them need not be looked at
    if not says_so and not (large and len({barcode.text for barcode in barcodes}) == 1):
        return False
    marks = marks_of(inked(half, dpi=dpi * half.shape[0] / page.shape[0]))
    if says_so:
        return few_letters(marks)
    scale = marks.mask.shape[0] / page.shape[0]
    return _lines_beside(marks.mask, [barcode.box.scaled(scale) for barcode in barcodes]) <= MOST_LINES


def _lines_beside(marks: NDArray[np.uint8], boxes: Sequence[Box]) -> int:
    """Lines of print on a page, or pieces of lines far apart, the barcodes left out; boxes in pixels of `marks`."""
    left_over = marks.copy()
    for box in boxes:
        # a line code's place may be a single scan line: what is inked above and below it belongs to it
        area = _whole_code(marks, box)
        left, top = max(0, round(area.x)), max(0, round(area.y))
        left_over[top : round(area.bottom), left : round(area.right)] = 0
    joined = cv2.morphologyEx(left_over, cv2.MORPH_CLOSE, np.ones((1, 25), np.uint8))
    _, pieces, _ = components(joined)
    wide, tall = pieces[1:, 2], pieces[1:, 3]
    lines = (wide >= 14) & (tall >= 3)
    # a block that is taller than a title holds as many lines as fit; a frame or table counts as text
    return int(np.ceil(tall[lines] / 45).sum())


def _whole_code(marks: NDArray[np.uint8], box: Box) -> Box:
    """A code with its quiet zone, stretched up and down as far as its bars go."""
    left, right = max(0, round(box.x)), max(1, round(box.right))
    rows = marks[:, left:right].mean(axis=1) > 0.25
    top, bottom = round(box.center_y), round(box.center_y)
    while top > 0 and rows[top - 1]:
        top -= 1
    while bottom < len(rows) - 1 and rows[bottom + 1]:
        bottom += 1
    whole = Box.around([box, Box(box.x, top, box.width, bottom - top)])
    return whole.grown(4)
