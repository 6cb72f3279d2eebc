"""Marks: is a box ticked, has someone signed. What the blank form prints there is known and taken out first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.image import FloatArray, GrayImage, components, percentile_of

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
    """Whether a checkbox is ticked: by a cross, a stroke, a dot or a fill in it, running out of it, or a ring around.

    What only passes by (a fold, a stamp's frame, the ring around the next box) is no mark; where something covers the
    box (a punch hole, a torn corner, a blot) nothing can be said.

    Args:
        picture: the box with paper around it as it is on the page, shape (h, w) at `PX_PER_MM`, 0 is ink.
        blank: the same place of the blank form, same shape.
        margin_mm: paper on each side of the box; a ring is seen from about 2.5 mm on.
    Returns: flags `filled`, `circled`, `crossed_by` (something passes through the box), `covered`.
    """
    depth, printed = _depth(picture), _depth(blank)
    box = _box_in(depth, margin_mm)
    ink_level = max(55.0, 0.45 * float(np.percentile(printed, 99)))
    covered = _print_and_rim(printed)
    level = 0.3 * ink_level
    written: FloatArray = np.where(covered, np.float32(0), depth)
    # most boxes are empty; taking folds out leaves less yet
    if written.max() > level:
        written = _without_folds(written, covered, box)
    if written.max() <= level:
        return Mark(False, _logistic(-12.0), 0.0)
    strokes = _Strokes.of(written, level, bridged=covered)
    foreign = strokes.passing(box)
    x0, y0, x1, y1 = box
    inset = round(0.32 * PX_PER_MM)
    within = np.zeros(depth.shape, bool)
    within[y0 + inset : y1 - inset, x0 + inset : x1 - inset] = True
    # Within the frame a stroke counts by itself, whatever it hangs together with outside.
    inside_mask = _Strokes.of(np.where(within & ~foreign, written, 0), level).mask
    inside = float(np.minimum(written[inside_mask] / ink_level, 1.0).sum()) / PX_PER_MM**2
    around = float(np.minimum(written[strokes.mask & ~foreign] / ink_level, 1.0).sum()) / PX_PER_MM**2
    extent = _extent_mm(inside_mask)
    # A mark is seen by its ink inside the box; ink that only passes by outside is somebody's writing.
    evidence = inside + 0.15 * min(max(around - inside, 0.0), inside * 3) + 0.12 * extent - 0.1
    probability = _logistic(6.0 * (math.log(max(evidence, 0.02)) - math.log(0.48)))
    flags = []
    if inside > 0.6 * ((y1 - y0) / PX_PER_MM - 0.64) * ((x1 - x0) / PX_PER_MM - 0.64):
        flags.append("filled")
    if probability < 0.5:
        ring = _logistic(22.0 * (strokes.ring(box, covered) - 0.68))
        if ring > 0.5:
            flags.append("circled")
        probability = max(probability, min(ring, 0.96))
    if (foreign & within).any():
        flags.append("crossed_by")
        probability = min(max(probability, 0.45), 0.75)
    if _covered(depth, printed, box):
        flags.append("covered")
        # Most boxes are not ticked, so neither is one that cannot be seen.
        probability = 0.3
    return Mark(probability >= 0.5, probability, inside, tuple(flags))


@dataclass(frozen=True, slots=True, eq=False)
class _Strokes:
    """The strokes in a picture, specks left out."""

    mask: NDArray[np.bool_]
    labels: NDArray[Any]
    stats: NDArray[np.int32]
    kept: NDArray[np.intp]
    """Labels of the strokes."""

    @staticmethod
    def of(depth: FloatArray, level: float, *, bridged: NDArray[np.bool_] | None = None) -> _Strokes:
        """Where the depth is over a level; strokes parted only by what is `bridged` hang together."""
        dark = (cv2.GaussianBlur(depth, (0, 0), 0.8) > level).astype(np.uint8)
        if bridged is not None:
            closed = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((_BRIDGE_PX, _BRIDGE_PX), np.uint8))
            dark |= closed & bridged.astype(np.uint8)
        labels, stats, _ = components(dark)
        keep = stats[:, cv2.CC_STAT_AREA] >= _SPECK_MM2 * PX_PER_MM**2
        keep[0] = False
        return _Strokes(np.take(keep, labels), labels, stats, np.flatnonzero(keep))

    def passing(self, box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
        """Pixels of strokes that come from outside the picture: those that leave it again, and the ends of others."""
        edge = np.concatenate((self.labels[0], self.labels[1:, -1], self.labels[-1, -2::-1], self.labels[-2:0:-1, 0]))
        x0, y0, x1, y1 = box
        foreign = np.zeros(self.mask.shape, bool)
        for label in self.kept:
            on_edge = edge == label
            if not on_edge.any():
                continue
            own = self.labels == label
            entries = int((on_edge & ~np.roll(on_edge, 1)).sum())
            if entries >= 2 or own[y0:y1, x0:x1].sum() < 0.3 * own.sum():
                foreign |= own
        return foreign

    def ring(self, box: tuple[int, int, int, int], covered: NDArray[np.bool_]) -> float:
        """Share of the directions from the box's middle in which one stroke lies around it, the best stroke's; 0..1.

        Directions in which print or the frame's corners would hide a ring do not count, at most half of all.
        """
        x0, y0, x1, y1 = box
        side, x, y = (x1 - x0 + y1 - y0) / 2, (x0 + x1) / 2, (y0 + y1) / 2
        away_y, away_x = np.indices(self.mask.shape, np.float32) - np.array([y, x], np.float32)[:, None, None]
        outside = (np.maximum(abs(away_x), abs(away_y)) > 0.5 * side + 7) & (np.hypot(away_x, away_y) < 1.6 * side)
        directions = np.floor((np.arctan2(away_y, away_x) / (2 * np.pi) + 0.5) * (_DIRECTIONS - 0.01)).astype(np.int64)
        near = outside & (np.hypot(away_x, away_y) < 1.2 * side)
        hidden = np.bincount(directions[near & covered], minlength=_DIRECTIONS) > 0
        steps = np.arange(_DIRECTIONS)
        hidden |= abs((steps + 0.5) % (_DIRECTIONS / 4) - _DIRECTIONS / 8) < 1
        best = 0.0
        # A ring that print crosses hangs together under it.
        grown = cv2.dilate(self.mask.astype(np.uint8), np.ones((_UNDER_PRINT_PX, _UNDER_PRINT_PX), np.uint8))
        labels, stats, _ = components((self.mask | ((grown > 0) & covered)).astype(np.uint8))
        for label in range(1, len(stats)):
            _, _, wide, tall, _ = stats[label]
            if max(wide, tall) < 0.8 * side:
                continue
            seen = np.bincount(directions[outside & self.mask & (labels == label)], minlength=_DIRECTIONS) > 0
            told = max(int((seen | ~hidden).sum()), _DIRECTIONS // 2)
            best = max(best, int(seen.sum()) / told)
        return best


_DIRECTIONS = 36
_UNDER_PRINT_PX = 13
"""Ends of strokes on both sides of a printed line, with its rim, meet when each grows by half of that."""
_BRIDGE_PX = 21
"""A printed line with its rim, over which a stroke goes on."""


def _covered(depth: FloatArray, printed: FloatArray, box: tuple[int, int, int, int]) -> bool:
    """Whether something broader than a pen lies over a part of the box and beyond: a hole, a torn corner, a blot."""
    broad = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BROAD_PX, _BROAD_PX))
    dark = ((depth > 45) & (cv2.dilate(printed, np.ones((5, 5), np.uint8)) < 40)).astype(np.uint8)
    # The frame's own lines part what covers the box: closed again they do not.
    closed = np.asarray(cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((13, 13), np.uint8)), np.uint8)
    if not _covers(closed, box):
        return False  # what is broad is less yet, and takes long to find
    opened = np.asarray(cv2.morphologyEx(np.pad(closed, _BROAD_PX, mode="edge"), cv2.MORPH_OPEN, broad), np.uint8)
    return _covers(opened[_BROAD_PX:-_BROAD_PX, _BROAD_PX:-_BROAD_PX], box)


def _covers(solid: NDArray[np.uint8], box: tuple[int, int, int, int]) -> bool:
    """Whether enough of something (1, else 0) is in the box and enough beside it."""
    x0, y0, x1, y1 = box
    over = np.count_nonzero(solid[y0:y1, x0:x1])
    outside = np.count_nonzero(solid) - np.count_nonzero(solid[y0 - 4 : y1 + 4, x0 - 4 : x1 + 4])
    return bool(over > 0.5 * PX_PER_MM**2 and outside > 1.5 * PX_PER_MM**2)


_BROAD_PX = 21
"""No pen draws 2 mm broad."""


def signature(picture: GrayImage, blank: GrayImage) -> Mark:
    """Whether something is signed in a box.

    Args:
        picture: the box as it is on the page with what is around it, shape (h, w) at `PX_PER_MM`. blank: the same
            place of the blank form, same shape.
    """
    depth = _depth(picture)
    covered = _print_and_rim(_depth(blank))
    written = _without_streaks(np.where(covered, np.float32(0), depth), covered)
    strokes = _Strokes.of(written, 28.0)
    length = 0.0
    largest = 0.0
    for _, _, wide, tall, area in strokes.stats[strokes.kept].tolist():
        diagonal = math.hypot(wide, tall) / PX_PER_MM
        if area / PX_PER_MM**2 >= 0.25 and diagonal >= 1.2:
            length += diagonal
            largest = max(largest, diagonal)
    ink = np.count_nonzero(strokes.mask) / PX_PER_MM**2
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
    depth = np.asarray(cv2.subtract(paper, picture, dtype=cv2.CV_16S), np.int16)
    # The brightest is above the paper by its noise; the paper itself is what there is most of.
    noise = percentile_of(np.bincount(depth.ravel() + 255).astype(np.float64), 50) - 255
    return np.asarray(np.maximum(0, depth - np.float32(noise)), np.float32)


def _box_in(depth: FloatArray, margin_mm: float) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the box on the page: its printed frame is looked for near the expected place."""
    margin = round(margin_mm * PX_PER_MM)
    height, width = depth.shape
    slide = max(2, min(margin - 2, 9))
    pattern, far = _expected_frame(height, width, margin, slide)
    answer = np.asarray(cv2.matchTemplate(np.minimum(depth, 120.0), pattern, cv2.TM_CCOEFF_NORMED), np.float32)
    _, best, _, (x, y) = cv2.minMaxLoc(answer - far)
    dx, dy = (x - slide, y - slide) if best > 0.25 else (0, 0)
    return margin + dx, margin + dy, width - margin + dx, height - margin + dy


@lru_cache(maxsize=64)
def _expected_frame(height: int, width: int, margin: int, slide: int) -> tuple[FloatArray, NDArray[np.float64]]:
    """A box's frame as it is printed, and what a place loses by its distance from the expected one."""
    frame = np.zeros((height, width), np.float32)
    cv2.rectangle(frame, (margin, margin), (width - margin - 1, height - margin - 1), 1.0, 3)
    pattern = cv2.GaussianBlur(frame[slide : height - slide, slide : width - slide], (0, 0), 1.0)
    ys, xs = np.mgrid[-slide : slide + 1, -slide : slide + 1]
    # A tick over the frame blurs the peak: near the expected place is likelier.
    return np.asarray(pattern, np.float32), 0.0015 * (xs**2 + ys**2)


def _print_and_rim(printed: FloatArray) -> NDArray[np.bool_]:
    return cv2.dilate((printed > 40).astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)


def _without_folds(depth: FloatArray, covered: NDArray[np.bool_], box: tuple[int, int, int, int]) -> FloatArray:
    """Without what runs straight through the picture beside the box on both of its sides: folds, dirt on the glass.

    Args:
        covered: where nothing can be seen for print.
    """
    x0, y0, x1, y1 = box
    level = _without_bands(depth, covered, max(8, x0 - 5), min(depth.shape[1] - 8, x1 + 6))
    turned = np.ascontiguousarray(level.T), np.ascontiguousarray(covered.T)
    upright = _without_bands(*turned, max(8, y0 - 5), min(depth.shape[0] - 8, y1 + 6))
    return np.ascontiguousarray(upright.T)


def _without_bands(depth: FloatArray, covered: NDArray[np.bool_], left: int, right: int) -> FloatArray:
    """Without the level bands that the columns before `left` and those from `right` on both show.

    A band may lie a little higher or lower on one side than on the other.
    """
    width = depth.shape[1]
    before = _steady(depth[:, :left], covered[:, :left])
    after = _steady(depth[:, right:], covered[:, right:])
    # Where print hides one side the other one tells alone.
    known = np.isfinite(before) & np.isfinite(after)
    drop, reach = 0, 9
    shared = [np.where(known, side, np.float32(0)) for side in (before, after)]
    if min(float(side.max(initial=0)) for side in shared) >= _BAND:
        padded = np.pad(shared[1], _BAND_TILT)
        drops = range(-_BAND_TILT, _BAND_TILT + 1)
        alike = [float(np.minimum(shared[0], padded[_BAND_TILT + d :][: len(before)]).sum()) for d in drops]
        drop, reach = drops[int(np.argmax(alike))], 5
    beside = np.pad(after, _BAND_TILT, constant_values=np.inf)[_BAND_TILT + drop :][: len(before)]
    band = np.minimum(before, beside)
    alone = ~(np.isfinite(before) & np.isfinite(beside))
    band[~np.isfinite(band) | (alone & (band > _FOLD_ALONE))] = 0
    if float(band.max()) < _BAND:
        return depth
    # A little broader than where both agree: a fold's soft rim.
    band = cv2.dilate(np.maximum(band, 0).reshape(-1, 1).astype(np.float32), np.ones((reach, 1), np.uint8))
    rows, columns = np.indices(depth.shape, np.float32)
    middles = left / 2, (right + width) / 2
    at = (rows - np.float32(drop) * (columns - middles[0]) / (middles[1] - middles[0])).astype(np.float32)
    run = cv2.remap(band, np.zeros_like(at), at, cv2.INTER_LINEAR)
    return np.asarray(np.maximum(0, depth - 1.25 * run), np.float32)


def _steady(strip: FloatArray, covered: NDArray[np.bool_]) -> FloatArray:
    """What is dark over most of the breadth of a strip, shape (rows,); infinite where print hides the strip."""
    # A line that is not quite level stays in its row when the rows beside are looked at too.
    thick = cv2.dilate(strip, np.ones((5, 1), np.uint8))
    ordered = np.sort(np.where(covered, np.float32(np.inf), thick), axis=1)
    seen = (~covered).sum(axis=1)
    found = ordered[np.arange(len(ordered)), (0.3 * seen).astype(np.int64)]
    return np.where(seen < 0.25 * strip.shape[1], np.float32(np.inf), found).astype(np.float32)


_BAND = 7.0
"""Gray levels from which a band is no noise."""
_FOLD_ALONE = 90.0
"""What is darker, and seen on one side only, may be a pen's stroke."""
_BAND_TILT = 7
"""Pixels that a fold may rise or fall between the two sides of a box."""


def _without_streaks(depth: FloatArray, covered: NDArray[np.bool_]) -> FloatArray:
    """Without straight lines that run through the whole picture: folds, and dirt on the glass, level or not quite.

    Args:
        covered: where nothing can be seen for print.
    """
    small = cv2.resize(depth, None, fx=_COARSE, fy=_COARSE, interpolation=cv2.INTER_AREA)
    hidden = cv2.resize(covered.astype(np.uint8), small.shape[::-1], interpolation=cv2.INTER_AREA) > 0
    seen = (small > _STREAK) & ~hidden
    across = cv2.dilate(seen.astype(np.uint8), np.ones((1, 3), np.uint8)) > 0
    down = cv2.dilate(seen.astype(np.uint8), np.ones((3, 1), np.uint8)) > 0
    streaks = _streaks(across, hidden) | _streaks(down.T, hidden.T).T
    if not streaks.any():
        return depth
    wide = cv2.resize(streaks.astype(np.uint8), depth.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.where(wide > 0, np.float32(0), depth)


def _streaks(seen: NDArray[np.bool_], hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where straight lines run from the top of a picture to its bottom, by every slope up to `_STEEPEST`."""
    height, width = seen.shape
    found = np.zeros_like(seen)
    rows = np.arange(height)[:, None]
    reach = math.ceil(_STEEPEST * height / 2)
    for lean in range(-reach, reach + 1):
        columns = np.arange(width) + np.rint(lean * (2 * rows / max(1, height - 1) - 1)).astype(np.int64)
        there = (columns >= 0) & (columns < width)
        at = rows, np.clip(columns, 0, width - 1)
        told = (there & ~hidden[at]).sum(axis=0)
        share = (there & seen[at]).sum(axis=0) / np.maximum(told, 1)
        line = (told > height / 2) & (share > _MOST_OF_A_STREAK)
        if line.any():
            line = cv2.dilate(line.astype(np.uint8).reshape(1, -1), np.ones((1, 5), np.uint8))[0] > 0
            line &= share > _RIM_OF_A_STREAK
            of_it = there & line
            found[np.broadcast_to(rows, columns.shape)[of_it], columns[of_it]] = True
    return found


_COARSE = 0.2
"""Scale at which streaks are looked for: half a millimetre a pixel."""
_STREAK = 8.0
"""Gray levels, mean of half a millimetre."""
_STEEPEST = 0.15
"""Millimetres aside a millimetre: a page that lay askew shows a streak of the glass as steep."""
_MOST_OF_A_STREAK, _RIM_OF_A_STREAK = 0.8, 0.5
"""Share of the rows in which a streak is dark, and its soft rim."""


def _extent_mm(mask: NDArray[np.bool_]) -> float:
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return 0.0
    return math.hypot(float(np.ptp(rows)), float(np.ptp(columns))) / PX_PER_MM
