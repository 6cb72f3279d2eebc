"""Marks: is a box ticked, has someone signed. What the blank form prints there is known and taken out first."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.image import FloatArray, GrayImage

PX_PER_MM = 10.0
"""Resolution of the pictures looked at."""
NAME = "marks 1"
"""How readings made here are signed."""
_SPECK_MM2 = 0.12
"""Dirt smaller than that is no mark."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was seen in a place for a mark."""

    made: bool
    probability: float
    """Calibrated probability 0..1 that a mark was made."""
    ink_mm2: float
    flags: tuple[str, ...] = ()

    @property
    def confidence(self) -> float:
        """Probability that `made` is right."""
        return self.probability if self.made else 1.0 - self.probability


def tick(picture: GrayImage, blank: GrayImage, *, margin_mm: float) -> Mark:
    """Whether a checkbox is ticked: by a cross, a stroke, a dot or a fill, in the box or running out of it.

    Args:
        picture: the box with paper around it as it is on the page, shape (h, w) at `PX_PER_MM`, 0 is ink.
        blank: the same place of the blank form, same shape.
        margin_mm: paper on each side of the box.
    """
    depth = _depth(picture)
    box = _box_in(depth, blank, margin_mm)
    written = _without_streaks(_without_print(depth, blank, box), box)
    ink_level = max(55.0, 0.45 * float(np.percentile(_depth(blank), 99)))
    x0, y0, x1, y1 = box
    inset = round(0.32 * PX_PER_MM)
    inner = written[y0 + inset : y1 - inset, x0 + inset : x1 - inset]
    strokes = _strokes(inner, 0.3 * ink_level)
    inside = float(np.minimum(inner[strokes] / ink_level, 1.0).sum()) / PX_PER_MM**2
    reach = _strokes(written, 0.3 * ink_level)
    around = float(np.minimum(written[reach] / ink_level, 1.0).sum()) / PX_PER_MM**2
    extent = _extent_mm(strokes)
    # A mark is seen by its ink inside the box; ink that only passes by outside is somebody's writing.
    evidence = inside + 0.15 * min(max(around - inside, 0.0), inside * 3) + 0.12 * extent - 0.1
    probability = _logistic(6.0 * (math.log(max(evidence, 0.02)) - math.log(0.48)))
    side_mm2 = inner.size / PX_PER_MM**2
    flags = ("filled",) if inside > 0.6 * side_mm2 else ()
    return Mark(probability >= 0.5, probability, inside, flags)


def signature(picture: GrayImage, blank: GrayImage) -> Mark:
    """Whether something is signed in a box.

    Args:
        picture: the box as it is on the page with what is around it, shape (h, w) at `PX_PER_MM`. blank: the same
            place of the blank form, same shape.
    """
    depth = _depth(picture)
    box = (0, 0, depth.shape[1], depth.shape[0])
    written = _without_streaks(_without_print(depth, blank, box), box)
    mask = _strokes(written, 28.0)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    length = 0.0
    largest = 0.0
    for label in range(1, count):
        _, _, wide, tall, area = stats[label]
        diagonal = math.hypot(wide, tall) / PX_PER_MM
        if area / PX_PER_MM**2 >= 0.25 and diagonal >= 1.2:
            length += diagonal
            largest = max(largest, diagonal)
    ink = float(mask.sum()) / PX_PER_MM**2
    evidence = length + 1.5 * largest
    probability = _logistic(3.5 * (math.log(max(evidence, 0.2)) - math.log(9.0)))
    return Mark(probability >= 0.5, probability, ink)


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-12.0, min(12.0, value))))


def _depth(picture: GrayImage) -> FloatArray:
    """How much darker than paper each pixel is, gray levels; slow changes of light taken out."""
    small = cv2.resize(picture, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    bright = cv2.dilate(small, np.ones((15, 15), np.uint8))
    paper = cv2.resize(cv2.blur(bright, (9, 9)), (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)
    depth = paper.astype(np.float32) - picture.astype(np.float32)
    # The brightest is above the paper by its noise; the paper itself is what there is most of.
    return np.asarray(np.maximum(0, depth - float(np.median(depth))), np.float32)


def _box_in(depth: FloatArray, blank: GrayImage, margin_mm: float) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the box on the page: its printed frame is looked for near the expected place."""
    margin = round(margin_mm * PX_PER_MM)
    height, width = depth.shape
    frame = np.zeros(depth.shape, np.float32)
    cv2.rectangle(frame, (margin, margin), (width - margin - 1, height - margin - 1), 1.0, 3)
    slide = max(2, min(margin - 2, 9))
    pattern = frame[slide : height - slide, slide : width - slide]
    pattern = np.asarray(cv2.GaussianBlur(pattern, (0, 0), 1.0), np.float32)
    answer = np.asarray(cv2.matchTemplate(np.minimum(depth, 120.0), pattern, cv2.TM_CCOEFF_NORMED), np.float32)
    ys, xs = np.mgrid[-slide : slide + 1, -slide : slide + 1]
    # A tick over the frame blurs the peak: near the expected place is likelier.
    answer = answer - 0.0015 * (xs**2 + ys**2)
    _, best, _, (x, y) = cv2.minMaxLoc(answer)
    dx, dy = (x - slide, y - slide) if best > 0.25 else (0, 0)
    return margin + dx, margin + dy, width - margin + dx, height - margin + dy


def _without_print(depth: FloatArray, blank: GrayImage, box: tuple[int, int, int, int]) -> FloatArray:
    """The depth where the blank prints nothing; what it prints, and its rim, counts as paper."""
    printed = (_depth(blank) > 40).astype(np.uint8)
    reach = 7
    covered = cv2.dilate(printed, np.ones((reach, reach), np.uint8)).astype(bool)
    return np.where(covered, np.float32(0), depth)


def _without_streaks(depth: FloatArray, box: tuple[int, int, int, int]) -> FloatArray:
    """Without straight thin lines that run through the whole picture: folds, and dirt on the scanner's glass."""
    height, width = depth.shape
    across = cv2.blur(cv2.morphologyEx(depth, cv2.MORPH_OPEN, np.ones((max(5, height // 5), 1), np.uint8)), (3, 1))
    down = cv2.blur(cv2.morphologyEx(depth, cv2.MORPH_OPEN, np.ones((1, max(5, width // 5)), np.uint8)), (1, 3))
    kept = depth.copy()
    for column in np.flatnonzero((across > 8).mean(axis=0) > 0.72):
        kept[:, max(0, column - 2) : column + 3] = 0
    for row in np.flatnonzero((down > 8).mean(axis=1) > 0.72):
        kept[max(0, row - 2) : row + 3] = 0
    return kept


def _strokes(depth: FloatArray, level: float) -> NDArray[np.bool_]:
    """Pixels of strokes, specks left out."""
    smooth = cv2.GaussianBlur(depth, (0, 0), 0.8)
    mask = (smooth > level).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    keep = np.zeros(count, bool)
    keep[1:] = stats[1:, cv2.CC_STAT_AREA] >= _SPECK_MM2 * PX_PER_MM**2
    return np.asarray(keep[labels])


def _extent_mm(mask: NDArray[np.bool_]) -> float:
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return 0.0
    return math.hypot(float(np.ptp(rows)), float(np.ptp(columns))) / PX_PER_MM
