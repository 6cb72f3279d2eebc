"""Barcodes of a page, and sheets whose barcode says that a new document begins."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import zxingcpp

from models.geometry import Box
from models.image import GrayImage
from models.reading import Barcode

SYMBOLOGIES = {"Code128": "code128", "Code39": "code39", "QRCode": "qr", "DataMatrix": "datamatrix"}
"""Names of the library, without spaces -> ours."""
SEPARATOR_TEXT = re.compile(r"^(?:SEP|SEPARAT|PATCH|DEPLI-SEP|BATCHSEP|NEWDOC|NOUVEAU)", re.IGNORECASE)
MAX_OTHER_INK = 0.012
"""Share of the page that may be ink beside the barcode on a separator sheet (its title)."""
MIN_WIDTH = 0.18
"""Least width of a separator's barcode, share of the page."""

_NAMES = ",".join(SYMBOLOGIES)


def find_barcodes(page: GrayImage, *, thorough: bool = False) -> tuple[Barcode, ...]:
    """The barcodes of an upright page, boxes in its pixels.

    Args:
        thorough: also turned, inverted or badly printed ones; four times slower.
    """
    found = zxingcpp.read_barcodes(
        page,
        formats=zxingcpp.barcode_formats_from_str(_NAMES),
        try_rotate=thorough,
        try_downscale=thorough,
        try_invert=False,
    )
    barcodes = []
    for code in found:
        corners = np.array(
            [
                (point.x, point.y)
                for point in (
                    code.position.top_left,
                    code.position.top_right,
                    code.position.bottom_right,
                    code.position.bottom_left,
                )
            ]
        )
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        name = str(code.format).replace(" ", "")
        symbology = SYMBOLOGIES.get(name, name.lower())
        barcodes.append(
            Barcode(code.text, symbology, Box(float(left), float(top), float(right - left), float(bottom - top)))
        )
    return tuple(barcodes)


def is_separator(page: GrayImage, barcodes: Sequence[Barcode]) -> bool:
    """Whether a page is a barcode separator sheet: it says so, or is nothing but a large barcode and its title.

    A card or letter that carries a barcode has a form or text around it and is no separator.
    """
    if not barcodes:
        return False
    height, width = page.shape
    largest = max(barcodes, key=lambda barcode: barcode.box.area)
    other = _ink_beside(page, largest.box)
    if any(SEPARATOR_TEXT.match(barcode.text) for barcode in barcodes):
        return other < 3 * MAX_OTHER_INK
    big_enough = largest.box.width > MIN_WIDTH * width
    return len(barcodes) == 1 and big_enough and height > 0.9 * width and other < MAX_OTHER_INK


def _ink_beside(page: GrayImage, box: Box) -> float:
    """Share of the page that is ink, the barcode, its quiet zone and the page's rim left out."""
    step = max(1, min(page.shape) // 800)
    small = page[::step, ::step]
    dark = small < int(np.median(small)) - 70
    rim_y, rim_x = round(0.04 * dark.shape[0]), round(0.04 * dark.shape[1])
    beside = dark.copy()
    beside[:rim_y], beside[-rim_y:], beside[:, :rim_x], beside[:, -rim_x:] = False, False, False, False
    area = box.grown(0.35 * max(box.height, 0.1 * box.width)).scaled(1 / step)
    top, left = max(0, round(area.y)), max(0, round(area.x))
    # a line code's position may be one scan line: clear its whole height
    tall = max(area.height, 0.35 * area.width)
    top = max(0, round(area.center_y - tall))
    beside[top : round(area.center_y + tall), left : round(area.right)] = False
    return float(beside.mean())
