"""Whether anything is written on a side: dirt, folds, punch holes and print showing through are nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry import MM_PER_INCH
from models.image import GrayImage, components, shrunk

WORK_DPI = 75
INK_DEPTH = 55
"""Gray levels below the paper from which a pixel is ink; print showing through from the other side is lighter."""
RIM_MM = 5.0
PX_PER_MM = WORK_DPI / MM_PER_INCH
MANY_LETTERS = 60
SURELY_WRITTEN = 500
"""More marks of the size of letters than that are not all dirt."""
MOST_FOLDS = 8
LETTER_MM = 10.0
"""A straight stroke shorter than that may be an l or a 1."""
WORD_LETTERS = 4
WORD_MM = 28.0
"""So many letters within such a distance are a word."""


def ink_of(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels clearly darker than the paper around them, 0 or 1; the picture at 75 to 100 dpi."""
    paper = cv2.medianBlur(cv2.resize(small, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), 21)
    ground = cv2.resize(paper, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_LINEAR)
    # inside a photograph or a stamp the paper around is dark too: the page's own paper counts at least half
    floor = int(np.median(paper)) - 40
    limit = np.maximum(ground, np.uint8(max(INK_DEPTH, floor))) - np.uint8(INK_DEPTH)
    ink: NDArray[np.uint8] = (small < limit).view(np.uint8)
    return ink


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """What is on a side, in pieces that hang together; at 75 dpi."""

    mask: NDArray[np.uint8]
    """0 or 1."""
    labels: NDArray[Any]
    """Of each pixel, the number of its piece in `boxes`."""
    boxes: NDArray[np.int32]
    """Left, top, width, height and area of each piece; the first is the paper."""

    @staticmethod
    def of(mask: NDArray[np.uint8]) -> Pieces:
        labels, boxes, _ = components(mask)
        return Pieces(mask, labels, boxes)


def inked(page: GrayImage, *, dpi: float) -> Pieces:
    """The ink of a page, dirt and all, without the rim.

    Args:
        page: shape (height, width), uint8. dpi: its resolution.
    """
    ink = ink_of(shrunk(page, WORK_DPI / dpi))
    rim = min(round(RIM_MM * PX_PER_MM), ink.shape[0] // 8, ink.shape[1] // 8)
    ink[:rim], ink[-rim:], ink[:, :rim], ink[:, -rim:] = 0, 0, 0, 0
    return Pieces.of(ink)


def marks_of(ink: Pieces) -> Pieces:
    """Ink without specks, and without scratches and folds across the page."""
    scratches = _scratches(ink.mask)
    if scratches:
        left = ink.mask.copy()
        for scratch in scratches:
            left[scratch] = 0
        ink = Pieces.of(left)
    kept = ink.boxes[:, cv2.CC_STAT_AREA] >= 4
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0).astype(ink.labels.dtype)
    labels = np.take(numbers, ink.labels)
    paper = ink.boxes[:1]
    return Pieces((labels > 0).view(np.uint8), labels, np.concatenate((paper, ink.boxes[kept])))


def is_full_of_letters(ink: Pieces) -> bool:
    """Whether so much is on a side (`inked`) that it is neither blank nor a separator sheet, whatever of it is dirt: a
    quick look that spares most pages the careful one (`marks_of`).
    """
    return int(_letters_of(ink.boxes).sum()) > SURELY_WRITTEN


def is_blank(page: GrayImage, *, dpi: float) -> bool:
    """Whether nothing is written on a side.

    A word, a signature, a stamp or a picture is something; a page number alone, print showing through, punch holes,
    staples, specks, folds and stripes are nothing.

    Args:
        page: shape (height, width), uint8. dpi: its resolution.
    """
    return nothing_written(marks_of(inked(page, dpi=dpi)))


def nothing_written(side: Pieces) -> bool:
    """The same from the marks on a side (`marks_of`)."""
    if _letters_of(side.boxes).sum() > 3 * MANY_LETTERS or _compact(side.boxes).sum() > MANY_LETTERS:
        return False
    marks = _without_lines(side.mask)
    labels, stats, centres = components(marks)
    letters = _letters_of(stats)
    if int(letters.sum()) > MANY_LETTERS:
        return False
    shapes = [label for label in np.flatnonzero(letters).tolist() if not _is_hole(stats[label], marks.shape)]
    written = [label for label in shapes if not _is_straight(labels, stats[label], label)]
    # so many straight pieces are bars or rules, not folds
    if len(shapes) - len(written) > MOST_FOLDS or any(_is_drawn(stats[label], marks.shape) for label in written):
        return False
    places = centres[written]
    apart = np.linalg.norm(places[:, None] - places[None, :], axis=2)
    together = (apart < WORD_MM * PX_PER_MM).sum(axis=1)
    return int(together.max(initial=0)) < WORD_LETTERS and len(written) < 3 * WORD_LETTERS


def _letters_of(stats: NDArray[Any]) -> NDArray[np.bool_]:
    """Which marks are large enough to be a letter; the first is the paper."""
    letters: NDArray[np.bool_] = (
        (stats[:, 2:4].max(axis=1) >= 3) & (stats[:, 2:4].min(axis=1) >= 2) & (stats[:, 4] >= 5)
    )
    letters[0] = False
    return letters


def _compact(boxes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which marks are as broad and full as a letter and no piece of a thin line, whatever way the line runs."""
    wide, tall, area = boxes[:, 2], boxes[:, 3], boxes[:, 4]
    short, long = np.minimum(wide, tall), np.maximum(wide, tall)
    compact: NDArray[np.bool_] = (short >= 3) & (long <= 3 * short) & (area > 0.35 * wide * tall)
    compact[0] = False
    return compact


def _without_lines(marks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The marks without long thin straight lines in any direction, which may cross: folds and stripes."""
    least = max(40, min(marks.shape) // 5)
    lines = cv2.HoughLinesP(marks, 1, np.pi / 360, threshold=least // 2, minLineLength=least, maxLineGap=15)
    cleared = marks.copy()
    for x1, y1, x2, y2 in [] if lines is None else lines.reshape(-1, 4)[:200].tolist():
        along = np.linspace(0, 1, max(abs(x2 - x1), abs(y2 - y1)) + 1)
        x, y = x1 + along * (x2 - x1), y1 + along * (y2 - y1)
        length = float(np.hypot(x2 - x1, y2 - y1))
        across = np.array([(y1 - y2), (x2 - x1)]) / length

        inked = _inked(marks, x + _OFFSETS * across[0], y + _OFFSETS * across[1])
        covered, beside = float(inked[:3].max()), float(inked[3:].max())
        # a row of print has gaps between its letters, and is inked beside its middle too
        if covered > 0.75 and beside < 0.25 * covered:
            cv2.line(cleared, (x1, y1), (x2, y2), 0, 5)
    return cleared


_OFFSETS = np.array([-1, 0, 1, -4, -3, 3, 4], np.float64)[:, None]
"""Pixels across a line: on it, then beside it."""


def _inked(marks: NDArray[np.uint8], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of points that are on ink, of each row of points."""
    columns = np.clip(np.round(x).astype(int), 0, marks.shape[1] - 1)
    rows = np.clip(np.round(y).astype(int), 0, marks.shape[0] - 1)
    return np.asarray(marks[rows, columns].mean(axis=1), np.float64)


def _is_hole(stat: NDArray[np.int32], size: tuple[int, ...]) -> bool:
    """A punch hole: round, 4 to 9 mm, within 25 mm of a side."""
    x, y, wide, tall, area = (float(n) for n in stat)
    round_enough = 0.7 < wide / tall < 1.45 and area > 0.55 * wide * tall
    edge = min(x, y, size[1] - x - wide, size[0] - y - tall)
    return 4 * PX_PER_MM < max(wide, tall) < 9 * PX_PER_MM and round_enough and edge < 22 * PX_PER_MM


def _is_straight(labels: NDArray[Any], stat: NDArray[np.int32], label: int) -> bool:
    """A piece of a fold, scratch, hair or ruled line: much longer than thick, in any direction."""
    x, y, wide, tall, _ = (int(n) for n in stat)
    if max(wide, tall) < LETTER_MM * PX_PER_MM:
        return False
    rows, columns = np.nonzero(labels[y : y + tall, x : x + wide] == label)
    spread = np.linalg.eigvalsh(np.cov(np.stack([rows, columns])))
    thick, long = np.sqrt(12 * np.maximum(spread, 0.05))
    return bool(long > 8 * thick or (thick < 1.0 * PX_PER_MM and long > 5 * thick))


def _is_drawn(stat: NDArray[np.int32], size: tuple[int, ...]) -> bool:
    """A signature, stamp, barcode or picture; not a dog's ear or a staple in a corner, nor the rest of a border."""
    x, y, wide, tall, area = (float(n) for n in stat)
    corner = min(x + wide / 2, size[1] - x - wide / 2) < 25 * PX_PER_MM and (
        min(y + tall / 2, size[0] - y - tall / 2) < 25 * PX_PER_MM
    )
    rim = RIM_MM * PX_PER_MM + 2
    on_rim = x <= rim or y <= rim or x + wide >= size[1] - rim or y + tall >= size[0] - rim
    solid = area > 0.45 * wide * tall
    large = max(wide, tall) >= 8 * PX_PER_MM and min(wide, tall) >= 3 * PX_PER_MM
    return large and not corner and not (on_rim and solid)


def _scratches(ink: NDArray[np.uint8]) -> list[NDArray[np.bool_]]:
    """Masks of folds, stripes and dirt lines: long and thin all over the page, perhaps broken into pieces."""
    height, width = ink.shape
    found = []
    for kernel in (np.ones((61, 1), np.uint8), np.ones((1, 61), np.uint8)):
        joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, kernel)
        labels, stats, _ = components(joined)
        wide, tall, area = stats[:, 2], stats[:, 3], stats[:, 4]
        upright = (tall > 0.15 * height) & (wide < 0.06 * tall + 5) & (area < 5 * tall)
        lying = (wide > 0.3 * width) & (tall < 0.06 * wide + 5) & (area < 4 * wide)
        scratch = upright | lying
        scratch[0] = False
        if scratch.any():
            found.append(scratch[labels])
    return found
