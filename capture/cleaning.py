"""From a scan to an upright, level page: arrays in, arrays out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.barcodes import few_letters, look_for_barcodes, may_hold_code
from capture.blanks import ink_of, inked, is_full_of_letters, marks_of, nothing_written
from capture.borders import WORK_DPI, find_paper
from capture.orientation import turned, upright_turn
from capture.patch_codes import find_patch
from models.geometry import MM_PER_INCH
from models.image import FloatArray, GrayImage, gray_counts, shrunk
from models.reading import Barcode, Quality, Separator

STRIPS, SAMPLED = 24, 0.2
"""Quality is measured on so many strips of the page, such a share of it in all."""
SPARSE = 0.06
"""A page with less ink than that may be a separator sheet whose barcode was scanned badly."""
SKEW_DPI = 75
"""Skew is measured at this resolution or up to the double."""
SKEW_LIMIT_DEG = 8.0
SKEW_STEPS, LEFT_STEPS = (0.5, 0.1, 0.02), (0.2, 0.05)
"""Degrees; what is left after levelling is only told, and need not be exact."""
MOST_POINTS = 15_000
"""Edges of ink that vote for the angle, either direction."""
MIN_TURN_DEG = 0.1
"""A page less skewed than that is not turned: turning blurs."""


@dataclass(frozen=True, slots=True, eq=False)
class CleanedPage:
    """A page ready to be read."""

    image: GrayImage
    """Upright and level, at the scan's resolution."""
    dpi: float
    rotated_deg: int
    """Clockwise turn applied: 0, 90, 180 or 270."""
    skew_deg: float
    """Turn applied to level the lines, anticlockwise positive."""
    blank: bool
    quality: Quality
    separator: Separator | None
    barcodes: tuple[Barcode, ...]


def clean(image: GrayImage, *, dpi: float) -> CleanedPage:
    """Make a page upright and level, and judge it.

    Args:
        image: shape (height, width), uint8, 0 ink; left unchanged.
        dpi: its resolution.
    """
    half, half_dpi = _halved(image, dpi)
    small = shrunk(half, WORK_DPI / half_dpi)
    paper = find_paper(image, dpi=dpi, small=small)
    page, corners = _cut(paper.image, paper.corners, margin=round(2 / MM_PER_INCH * dpi))
    if page is not image:
        half, _ = _halved(page, dpi)
        small = shrunk(half, WORK_DPI / half_dpi)
    patch = find_patch(half, dpi=half_dpi)
    if patch is not None:
        return CleanedPage(page, dpi, 0, 0.0, False, measure_quality(page, dpi=dpi), patch, ())
    ink = inked(small, dpi=WORK_DPI)
    marks = None if is_full_of_letters(ink) else marks_of(ink)
    if marks is not None and nothing_written(marks):
        return CleanedPage(page, dpi, 0, 0.0, True, measure_quality(page, dpi=dpi), None, ())
    skew = find_skew(half, dpi=half_dpi)
    level, corners = _levelled(page, skew, corners)
    level, _ = _cut(level, corners, margin=0)
    if level is not page:
        half, _ = _halved(level, dpi)
    turn, _ = upright_turn(level, half)
    upright = turned(level, turn)
    if turn:
        half, _ = _halved(upright, dpi)
    sparse = marks is not None and float(marks.mask.mean()) < SPARSE and few_letters(marks) and may_hold_code(small)
    barcodes, separates = look_for_barcodes(upright, half, dpi=dpi, sparse=sparse)
    separator = Separator.BARCODE if separates else None
    # a page that was not turned is as skewed as before
    left = skew if level is page else find_skew(half, dpi=half_dpi, limit_deg=1.0, steps=LEFT_STEPS)
    quality = measure_quality(upright, dpi=dpi, skew_left_deg=left)
    quality = replace(quality, bitonal=is_bitonal(image))
    return CleanedPage(upright, dpi, turn, skew, False, quality, separator, barcodes)


def _halved(page: GrayImage, dpi: float) -> tuple[GrayImage, float]:
    """The page at half its resolution, for what does not need more; at its own when that is low."""
    if dpi < 180:
        return page, dpi
    return shrunk(page[: page.shape[0] // 2 * 2, : page.shape[1] // 2 * 2], 0.5), dpi / 2


def _cut(page: GrayImage, corners: FloatArray | None, *, margin: int) -> tuple[GrayImage, FloatArray | None]:
    """The part of the page that small paper covers; places move by whole pixels, so millimetres stay right."""
    if corners is None:
        return page, None
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - margin, 0)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + margin
    return np.ascontiguousarray(page[top:bottom, left:right]), (corners - np.array([left, top])).astype(np.float32)


def _levelled(page: GrayImage, skew_deg: float, corners: FloatArray | None) -> tuple[GrayImage, FloatArray | None]:
    if abs(skew_deg) < MIN_TURN_DEG:
        return page, corners
    height, width = page.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), skew_deg, 1.0)
    level: GrayImage = cv2.warpAffine(
        page, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=255
    ).astype(np.uint8)
    return level, None if corners is None else (corners @ turn[:, :2].T + turn[:, 2]).astype(np.float32)


def find_skew(
    page: GrayImage, *, dpi: float, limit_deg: float = SKEW_LIMIT_DEG, steps: Sequence[float] = SKEW_STEPS
) -> float:
    """The turn that levels the lines of a page, degrees, anticlockwise negative as `cv2.getRotationMatrix2D` counts.

    Also right for a page that lies on its side. 0.0 when there is nothing to go by.

    Args:
        page: shape (height, width), uint8. dpi: its resolution. limit_deg: the largest turn tried, either way.
        steps: between the angles tried, degrees: first all up to the limit, then those around the best.
    Source: projection profile, W. Postl, ICPR 1986.
    """
    # halving alone costs next to nothing
    ink = ink_of(shrunk(page, 0.5 ** max(0, int(np.log2(dpi / SKEW_DPI)))))
    # ruled lines and lines of print are level at one angle, whichever way the page lies: both directions vote
    points = [_edges(ink), _edges(np.asarray(cv2.rotate(ink, cv2.ROTATE_90_COUNTERCLOCKWISE), np.uint8))]
    if sum(len(y) for y, _ in points) < 400:
        return 0.0

    def best_of(tried: NDArray[np.float64], most_points: int) -> float:
        return float(
            max(tried, key=lambda angle: sum(_sharpness(y[:most_points], x[:most_points], angle) for y, x in points))
        )

    best = best_of(np.arange(-limit_deg, limit_deg + 0.01, steps[0]), MOST_POINTS // 3)
    for finer in steps[1:]:
        best = best_of(np.arange(best - 5 * finer, best + 5.1 * finer, finer), MOST_POINTS)
    return 0.0 if abs(best) > limit_deg - 0.11 else best


def _edges(ink: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows and columns of the upper and lower edges of ink, at most `MOST_POINTS` of them, in random order."""
    places = np.flatnonzero(ink[1:] != ink[:-1])
    random = np.random.default_rng(0)
    several = len(places) > MOST_POINTS
    chosen = random.integers(0, len(places), MOST_POINTS) if several else random.permutation(len(places))
    rows, columns = np.divmod(places[chosen], ink.shape[1])
    return rows.astype(np.float32), columns.astype(np.float32)


def _sharpness(y: NDArray[np.float32], x: NDArray[np.float32], angle_deg: float) -> float:
    """How sharp the profile of points is across lines of an angle."""
    if not len(y):
        return 0.0
    offset = y - x * np.float32(math.tan(math.radians(angle_deg)))
    profile = np.bincount((offset - offset.min()).astype(np.int32)).astype(np.float64)
    steps = profile[1:] - profile[:-1]
    return float(steps @ steps)


def measure_quality(page: GrayImage, *, dpi: float, skew_left_deg: float = 0.0) -> Quality:
    """How fit a page is to be read, and whether it should be scanned again, with the reason in French."""
    every = max(1, page.shape[0] // STRIPS)
    rows = max(1, round(every * SAMPLED))
    strips = [page[top : top + rows] for top in range(every // 4, page.shape[0] - rows + 1, every)]
    sample = np.concatenate(strips)
    if dpi > 220:
        sample = cv2.resize(sample, None, fx=200 / dpi, fy=200 / dpi, interpolation=cv2.INTER_AREA).astype(np.uint8)
    grays = gray_counts(sample)
    paper = _percentile(grays, 85)
    inked = grays[: max(0, int(paper) - 40)]
    ink = _percentile(inked, 20) if inked.sum() > 200 else paper
    contrast = max(0.0, min(1.0, (paper - ink) / 255))
    slopes = gray_counts(np.asarray(cv2.absdiff(sample[:, 1:], sample[:, :-1]), np.uint8))
    slopes[:21] = 0
    steep = _percentile(slopes, 90) if slopes.sum() > 200 else 0.0
    sharpness = max(0.0, min(1.0, steep / max(60.0, paper - ink)))
    reasons = []
    if dpi < 140:
        reasons.append(f"résolution trop faible ({dpi:.0f} ppp)")
    if inked.sum() > 200 and contrast < 0.2:
        reasons.append("trop pâle")
    if inked.sum() > 200 and sharpness < 0.12:
        reasons.append("flou")
    if abs(skew_left_deg) > 0.8:
        reasons.append("de travers")
    return Quality(dpi, sharpness, contrast, skew_left_deg, bool(reasons), ", ".join(reasons))


def is_bitonal(scan: GrayImage) -> bool:
    """Whether a page was scanned in black and white; asked before it is levelled, which makes grays."""
    sample = scan[:: max(1, scan.shape[0] // 200)]
    return bool(((sample > 15) & (sample < 240)).mean() < 0.012)


def _percentile(histogram: NDArray[np.float64], percent: float) -> float:
    """The gray level below which so many percent of the counted pixels lie."""
    return float(np.searchsorted(np.cumsum(histogram), histogram.sum() * percent / 100))
