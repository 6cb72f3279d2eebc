"""How a page looks: ruled tables, boxes to fill, strokes of a pen, pictures; what its words alone do not say."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry import MM_PER_INCH
from models.image import GrayImage, shrunk
from models.reading import PageLook

_WORK_DPI = 100.0
_PX_PER_MM = _WORK_DPI / MM_PER_INCH
_LONGEST_PX = 1700
"""A page whose resolution is told wrongly is not looked at in more detail than this."""
_RULE_MM = 20.0
_UPRIGHT_MM = 10.0
"""Rules are longer than this: no letter is."""
_CELL_MM = (3.7, 9.0)
"""Height of the walls of boxes for one character."""
_WALL_MM = 5.0
"""Usual height of such a wall."""
_FEWEST_WALLS = 6
"""So many walls in one row are boxes; fewer may be letters."""
_PEN = 2.2
"""Joined strokes are taller than the usual letter by this factor, and hold little ink for their size."""
_PEN_FILL = 0.3
_DARK = 0.75
"""Share of the paper's brightness under which an area is printed all over."""
_PICTURE_MM = 8.0

Mask = NDArray[np.uint8]


def page_look(page: GrayImage, *, dpi: float) -> PageLook:
    """Measure how a page looks.

    Args:
        page: upright, shape (height, width), uint8, 0 ink and 255 paper; left unchanged.
        dpi: of the page.
    """
    work = shrunk(page, min(1.0, _WORK_DPI / dpi, _LONGEST_PX / max(page.shape)))
    height, width = work.shape
    ink = _ink_of(work)
    level = _opened(ink, round(_RULE_MM * _PX_PER_MM), 1)
    upright = _opened(ink, 1, round(_UPRIGHT_MM * _PX_PER_MM))
    strokes = cv2.bitwise_and(
        ink, cv2.bitwise_not(cv2.dilate(cv2.bitwise_or(level, upright), np.ones((3, 3), np.uint8)))
    )
    return PageLook(
        ink=float((ink > 0).mean()),
        rules=_upper_edges(level) / width,
        uprights=_upper_edges(np.ascontiguousarray(upright.T)) / height,
        cells=_cells(ink),
        pen=_pen(np.asarray(strokes, np.uint8)),
        picture=_picture(work),
    )


def _ink_of(work: GrayImage) -> Mask:
    """255 where there is ink: darker than what lies around it."""
    smooth = cv2.GaussianBlur(work, (0, 0), 0.6)
    return np.asarray(
        cv2.adaptiveThreshold(smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 25, 18), np.uint8
    )


def _opened(ink: Mask, width: int, height: int) -> Mask:
    """What is left of the ink in straight pieces at least so long."""
    return np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((height, width), np.uint8)), np.uint8)


def _upper_edges(rules: Mask) -> float:
    """Pixels of level rules with none above them: their lengths together, however thick they are."""
    return float(np.count_nonzero(rules[1:] > rules[:-1]))


def _cells(ink: Mask) -> float:
    """Walls of boxes for single characters: short uprights of one height, several in a row; about how many."""
    shortest, longest = (round(mm * _PX_PER_MM) for mm in _CELL_MM)
    walls = cv2.bitwise_and(_opened(ink, 1, shortest), cv2.bitwise_not(_opened(ink, 1, longest)))
    in_rows = np.count_nonzero(walls[:, 1:] > walls[:, :-1], axis=1)
    return float(in_rows[in_rows >= _FEWEST_WALLS].sum() / (_WALL_MM * _PX_PER_MM))


def _pen(strokes: Mask) -> float:
    """Share of the ink in joined strokes taller than print: handwriting, signatures, stamps' rims."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(strokes, connectivity=8)
    parts = stats[1:count]
    parts = parts[parts[:, cv2.CC_STAT_AREA] >= 6]
    if not len(parts):
        return 0.0
    high, wide, area = (parts[:, c] for c in (cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH, cv2.CC_STAT_AREA))
    usual = min(10.0, max(5.0, float(np.median(high))))
    joined = (high > _PEN * usual) & (wide > _PEN * usual) & (area < _PEN_FILL * high * wide)
    return float(area[joined].sum() / area.sum())


def _picture(work: GrayImage) -> float:
    """Share of the page that is printed all over: photographs, filled areas."""
    small = shrunk(work, 0.25)
    paper = float(np.percentile(small, 90))
    dark = np.asarray(small < _DARK * paper, np.uint8)
    side = max(2, round(_PICTURE_MM * _PX_PER_MM / 4))
    return float(cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((side, side), np.uint8)).mean())
