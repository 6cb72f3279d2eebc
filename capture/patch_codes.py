"""Patch codes: four bars across the sheet, two of them wide, that divide a stack."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

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
QUIET = 4.0
"""Clear space around the bars, in bars of medium thickness; a barcode's next bar is always nearer."""


def find_patch(page: GrayImage, *, dpi: float) -> Separator | None:
    """The patch code on a page, in either direction of travel.

    Args:
        page: shape (height, width), uint8, any turn by 90 degrees, skewed by a few degrees.
        dpi: its resolution.
    Source: Kodak patch code: bars 0.08 and 0.20 inch thick, 0.08 inch apart.
    """
    scale = WORK_DPI / dpi
    small = cv2.resize(
        page, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR if scale > 0.6 else cv2.INTER_AREA
    )
    dark = (small < (int(small.max()) + int(small.min())) // 2).astype(np.uint8)
    if not 0.01 < np.count_nonzero(dark) / dark.size < 0.6:
        return None
    for image in (dark, np.asarray(cv2.transpose(dark), np.uint8)):
        found = _along_columns(image)
        if found is not None:
            return found
    return None


def _along_columns(dark: NDArray[np.uint8]) -> Separator | None:
    step = max(1, round(SCAN_STEP_MM * WORK_DPI / 25.4))
    needed = round(MIN_LENGTH_MM / SCAN_STEP_MM)
    # most pages have nothing as long and thick as a bar, let alone four on a scan line
    long_and_thick = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((3, 30), np.uint8))
    lines = long_and_thick[:, step // 2 :: step]
    crossed = (np.diff(lines, axis=0, prepend=0, append=0) == 1).sum(axis=0)
    if (crossed >= len("NWNW")).sum() < needed:
        return None
    places = range(step // 2, dark.shape[1], step)
    seen = [_pattern(dark[:, x]) if bars >= len("NWNW") else None for x, bars in zip(places, crossed, strict=True)]
    slope = 0.12 * step  # bars may climb that much from one scan line to the next
    best, which = 0, ""
    run = alone = 0
    for before, now in itertools.pairwise([None, *seen]):
        if now is None:
            run = alone = 0
            continue
        follows = before is not None and before.bars == now.bars and abs(before.start - now.start) <= slope + 2
        run = run + 1 if follows else 1
        alone = (alone if follows else 0) + now.alone
        if run > best and alone > 0.5 * run:
            best, which = run, now.bars
    return PATTERNS.get(which) if best >= needed else None


@dataclass(frozen=True, slots=True)
class _Bars:
    """Four bars on one scan line."""

    bars: str
    start: float
    alone: bool
    """Nothing else is near: a letter may be on some scan lines, the other bars of a barcode are on all."""


def _pattern(line: NDArray[np.uint8]) -> _Bars | None:
    """The four bars on one scan line, those that stand alone first."""
    edges = np.flatnonzero(np.diff(line, prepend=0, append=0)).tolist()
    starts, ends = edges[::2], edges[1::2]
    crowded: _Bars | None = None
    for first in range(len(starts) - 3):
        bars = _four_bars(starts[first : first + 4], ends[first : first + 4])
        if bars is None:
            continue
        clear = QUIET * (ends[first + 3] - starts[first]) / len(bars) / 2
        alone = (first == 0 or starts[first] - ends[first - 1] >= clear) and (
            first + 4 == len(starts) or starts[first + 4] - ends[first + 3] >= clear
        )
        if alone:
            return _Bars(bars, float(starts[first]), True)
        crowded = crowded or _Bars(bars, float(starts[first]), False)
    return crowded


def _four_bars(starts: list[int], ends: list[int]) -> str | None:
    """The pattern of two narrow and two wide bars with narrow gaps; `None` when they are not that."""
    thick = [end - start for start, end in zip(starts, ends, strict=True)]
    order = sorted(thick)
    narrow, wide = (order[0] + order[1]) / 2, (order[2] + order[3]) / 2
    per_mm = WORK_DPI / 25.4
    if not NARROW_MM[0] * per_mm <= narrow <= NARROW_MM[1] * per_mm:
        return None
    if not WIDE_RATIO[0] <= wide / narrow <= WIDE_RATIO[1]:
        return None
    gaps = [after - before for before, after in zip(ends[:-1], starts[1:], strict=True)]
    if max(gaps) > 2.2 * narrow or min(gaps) < 0.4 * narrow:
        return None
    pattern = "".join("W" if bar > (narrow + wide) / 2 else "N" for bar in thick)
    return pattern if pattern.count("W") == 2 else None
