"""Patch codes: four bars across the sheet, two of them wide, that divide a stack."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from models.image import GrayImage
from models.reading import Separator

WORK_DPI = 100
PATTERNS = {
    "NWNW": Separator.PATCH_T,
    "WNWN": Separator.PATCH_2,
    "WWNN": Separator.PATCH_3,
    "NNWW": Separator.PATCH_3,
}
"""Narrow and wide bars from the leading edge. Upside down, T reads as 2 and 3 as 4: all begin a document."""
MIN_LENGTH_MM = 25.0
SCAN_STEP_MM = 2.0
NARROW_MM = (1.0, 5.0)
WIDE_RATIO = (1.6, 3.6)


def find_patch(page: GrayImage, *, dpi: float) -> Separator | None:
    """The patch code on a page, in either direction of travel.

    Args:
        page: shape (height, width), uint8, any turn by 90 degrees, skewed by a few degrees.
        dpi: its resolution.
    Source: Kodak patch code: bars 0.08 and 0.20 inch thick, 0.08 inch apart.
    """
    scale = WORK_DPI / dpi
    small = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    dark = (small < (int(small.max()) + int(small.min())) // 2).astype(np.uint8)
    if not 0.01 < dark.mean() < 0.6:
        return None
    for image in (dark, np.ascontiguousarray(dark.T)):
        found = _along_columns(image)
        if found is not None:
            return found
    return None


def _along_columns(dark: NDArray[np.uint8]) -> Separator | None:
    step = max(1, round(SCAN_STEP_MM * WORK_DPI / 25.4))
    needed = round(MIN_LENGTH_MM / SCAN_STEP_MM)
    seen: list[tuple[str, float] | None] = [_pattern(dark[:, x]) for x in range(step // 2, dark.shape[1], step)]
    slope = 0.12 * step  # bars may climb that much from one scan line to the next
    best = 0
    which = ""
    run = 0
    for before, now in itertools.pairwise([None, *seen]):
        follows = (
            before is not None and now is not None and before[0] == now[0] and abs(before[1] - now[1]) <= slope + 2
        )
        run = (run + 1 if follows else 1) if now is not None else 0
        if now is not None and run > best:
            best, which = run, now[0]
    return PATTERNS.get(which) if best >= needed else None


def _pattern(line: NDArray[np.uint8]) -> tuple[str, float] | None:
    """Four bars on one scan line: their pattern and where they begin."""
    edges = np.flatnonzero(np.diff(line, prepend=0, append=0))
    starts, ends = edges[::2], edges[1::2]
    thick = ends - starts
    per_mm = WORK_DPI / 25.4
    for first in range(len(starts) - 3):
        bars = thick[first : first + 4].astype(float)
        gaps = (starts[first + 1 : first + 4] - ends[first : first + 3]).astype(float)
        narrow, wide = np.sort(bars)[:2].mean(), np.sort(bars)[2:].mean()
        if not NARROW_MM[0] * per_mm <= narrow <= NARROW_MM[1] * per_mm:
            continue
        if not WIDE_RATIO[0] <= wide / narrow <= WIDE_RATIO[1]:
            continue
        if gaps.max() > 2.2 * narrow or gaps.min() < 0.4 * narrow:
            continue
        clear = 2.5 * narrow  # the bars of a barcode go on, those of a patch code stand alone
        if first > 0 and starts[first] - ends[first - 1] < clear:
            continue
        if first + 4 < len(starts) and starts[first + 4] - ends[first + 3] < clear:
            continue
        middle = (narrow + wide) / 2
        pattern = "".join("W" if bar > middle else "N" for bar in bars)
        if pattern.count("W") == 2:
            return pattern, float(starts[first])
    return None
