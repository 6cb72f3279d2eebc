"""From a scan to an upright, level page: arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.barcodes import find_barcodes, is_separator
from capture.orientation import turned, upright_turn
from capture.patch_codes import find_patch
from models.image import GrayImage
from models.reading import Barcode, Quality, Separator

WORK_DPI = 75
"""Resolution at which pages are judged."""
SKEW_LIMIT_DEG = 8.0
MIN_TURN_DEG = 0.05
"""A page less skewed than that is not turned: turning blurs."""
INK_DEPTH = 55
"""Gray levels below the paper from which a pixel is ink; print showing through from the other side is lighter."""


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
    page = without_border(image, dpi=dpi)
    if is_blank(page, dpi=dpi):
        return CleanedPage(page, dpi, 0, 0.0, True, measure_quality(page, dpi=dpi), None, ())
    patch = find_patch(page, dpi=dpi)
    if patch is not None:
        return CleanedPage(page, dpi, 0, 0.0, False, measure_quality(page, dpi=dpi), patch, ())
    skew = find_skew(page, dpi=dpi)
    level = _levelled(page, skew)
    turn, _ = upright_turn(level)
    upright = turned(level, turn)
    barcodes = find_barcodes(upright) or _on_sparse_pages(upright, dpi=dpi)
    separator = Separator.BARCODE if is_separator(upright, barcodes) else None
    quality = measure_quality(upright, dpi=dpi, skew_left_deg=find_skew(upright, dpi=dpi, limit_deg=1.0))
    return CleanedPage(upright, dpi, turn, skew, False, quality, separator, barcodes)


def _on_sparse_pages(page: GrayImage, *, dpi: float) -> tuple[Barcode, ...]:
    """A second, thorough look for barcodes where the page has little else: a separator sheet that was scanned badly."""
    return find_barcodes(page, thorough=True) if 0.002 < ink_share(page, dpi=dpi) < 0.06 else ()


def _levelled(page: GrayImage, skew_deg: float) -> GrayImage:
    if abs(skew_deg) < MIN_TURN_DEG:
        return page
    height, width = page.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), skew_deg, 1.0)
    level: GrayImage = cv2.warpAffine(
        page, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=255
    ).astype(np.uint8)
    return level


def _small(page: GrayImage, dpi: float, work_dpi: float = WORK_DPI) -> NDArray[np.uint8]:
    scale = work_dpi / dpi
    small: NDArray[np.uint8] = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return small


def without_border(page: GrayImage, *, dpi: float) -> GrayImage:
    """The page with the dark bed of the scanner around it made white; its size and places stay as they are.

    Only dark areas that touch the image's rim along a good part of a side and are as dark as the rim itself are bed.
    """
    small = _small(page, dpi)
    height, width = small.shape
    paper = float(np.percentile(small, 80))
    # printed edge to edge is rare and thin; a bed covers whole sides
    dark = (small < 0.6 * paper).astype(np.uint8)
    rim = [dark[0].mean(), dark[-1].mean(), dark[:, 0].mean(), dark[:, -1].mean()]
    if max(rim) < 0.25:
        return page
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        cv2.erode(dark, np.ones((2, 2), np.uint8)), connectivity=4
    )
    bed = np.zeros_like(dark)
    for label in range(1, count):
        x, y, wide, tall, _ = stats[label]
        on_rim = x <= 1 or y <= 1 or x + wide >= width - 1 or y + tall >= height - 1
        long_side = wide > 0.25 * width or tall > 0.25 * height
        part = labels[y : y + tall, x : x + wide] == label
        # a bed hugs the rim: seen from there it is thin, and it is not a band across the page
        if on_rim and long_side and _hugs_the_rim(part, (x, y), (height, width)):
            bed[y : y + tall, x : x + wide][part] = 1
    if not bed.any():
        return page
    grown = cv2.dilate(bed, np.ones((3, 3), np.uint8), iterations=2)
    mask = cv2.resize(grown, (page.shape[1], page.shape[0]), interpolation=cv2.INTER_NEAREST).astype(bool)
    cleared = page.copy()
    cleared[mask] = np.uint8(max(int(paper), 1))
    return cleared


def _hugs_the_rim(part: NDArray[np.bool_], origin: tuple[int, int], size: tuple[int, int]) -> bool:
    rows, columns = np.nonzero(part)
    y, x = rows + origin[1], columns + origin[0]
    height, width = size
    depth = np.minimum(np.minimum(y, height - 1 - y), np.minimum(x, width - 1 - x))
    return float(np.percentile(depth, 90)) < 0.12 * min(size)


def _ink(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels clearly darker than the paper around them, 0 or 1."""
    paper = cv2.medianBlur(cv2.resize(small, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), 21)
    ground = cv2.resize(paper, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_LINEAR)
    ink: NDArray[np.uint8] = (small.astype(np.int16) < ground.astype(np.int16) - INK_DEPTH).astype(np.uint8)
    return ink


def ink_share(page: GrayImage, *, dpi: float) -> float:
    """Share of the page that is ink, specks and rim left out."""
    return float(_marks(page, dpi).mean())


def _marks(page: GrayImage, dpi: float) -> NDArray[np.uint8]:
    """Ink at 75 dpi without specks, long straight scratches and folds, and the rim."""
    ink = _ink(_small(page, dpi))
    rim = round(5 / 25.4 * WORK_DPI)
    rim = min(rim, ink.shape[0] // 8, ink.shape[1] // 8)
    ink[:rim], ink[-rim:], ink[:, :rim], ink[:, -rim:] = 0, 0, 0, 0
    ink[_scratches(ink)] = 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    kept = np.zeros(count, np.uint8)
    kept[1:] = stats[1:, cv2.CC_STAT_AREA] >= 4
    marks: NDArray[np.uint8] = kept[labels]
    return marks


def _scratches(ink: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Folds, stripes and dirt lines: long and thin all over the page, perhaps broken into pieces."""
    height, width = ink.shape
    found = np.zeros(ink.shape, bool)
    for kernel in (np.ones((61, 1), np.uint8), np.ones((1, 61), np.uint8)):
        joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, kernel)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        for label in range(1, count):
            _, _, wide, tall, area = stats[label]
            upright = tall > 0.15 * height and wide < 0.06 * tall + 5
            lying = wide > 0.3 * width and tall < 0.06 * wide + 5
            if (upright and area < 5 * tall) or (lying and area < 4 * wide):
                found |= labels == label
    return found


def is_blank(page: GrayImage, *, dpi: float) -> bool:
    """Whether nothing is written on a side: print showing through, punch holes, specks, folds, stripes are nothing."""
    marks = _marks(page, dpi)
    count, _, stats, _ = cv2.connectedComponentsWithStats(marks, connectivity=8)
    # letters are at least 1.2 mm tall; a few of them are a page number or a stamp worth keeping
    letters = sum(
        1
        for label in range(1, count)
        if max(stats[label][2], stats[label][3]) >= 3
        and min(stats[label][2], stats[label][3]) >= 2
        and stats[label][4] >= 5
    )
    return letters < 4 or float(marks.mean()) < 0.00025


def find_skew(page: GrayImage, *, dpi: float, limit_deg: float = SKEW_LIMIT_DEG) -> float:
    """The turn that levels the lines of a page, degrees, anticlockwise negative as `cv2.getRotationMatrix2D` counts.

    Also right for a page that lies on its side. 0.0 when there is nothing to go by.
    Source: projection profile, W. Postl, ICPR 1986.
    """
    ink = _ink(_small(page, dpi, 100))
    rows, columns = np.nonzero(cv2.morphologyEx(ink, cv2.MORPH_GRADIENT, np.array([[1], [1]], np.uint8)))
    if len(rows) < 200:
        return 0.0
    if len(rows) > 40_000:
        chosen = np.random.default_rng(0).choice(len(rows), 40_000, replace=False)
        rows, columns = rows[chosen], columns[chosen]
    best_angle, best_score = 0.0, -1.0
    for y, x in ((rows, columns), (-columns, rows)):
        angle, score = _sharpest(y.astype(np.float32), x.astype(np.float32), limit_deg)
        if score > best_score * 1.05:
            best_angle, best_score = angle, score
    return 0.0 if abs(best_angle) > limit_deg - 0.11 else best_angle


def _sharpest(y: NDArray[np.float32], x: NDArray[np.float32], limit_deg: float) -> tuple[float, float]:
    """The angle whose profile across the lines is sharpest, and how sharp it is."""

    def score(angle_deg: float) -> float:
        offset = y - x * np.float32(np.tan(np.radians(angle_deg)))
        profile = np.bincount((offset - offset.min()).astype(np.int32)).astype(np.float64)
        return float(np.square(np.diff(profile)).sum())

    coarse = np.arange(-limit_deg, limit_deg + 0.01, 0.5 if limit_deg > 2 else 0.2)
    scores = [score(float(a)) for a in coarse]
    best = float(coarse[int(np.argmax(scores))])
    for step in (0.1, 0.02):
        around = np.arange(best - 5 * step, best + 5.1 * step, step)
        scores = [score(float(a)) for a in around]
        best = float(around[int(np.argmax(scores))])
    return best, max(scores) / len(y)


def measure_quality(page: GrayImage, *, dpi: float, skew_left_deg: float = 0.0) -> Quality:
    """How fit a page is to be read, and whether it should be scanned again, with the reason in French."""
    work = page if dpi <= 220 else cv2.resize(page, None, fx=200 / dpi, fy=200 / dpi, interpolation=cv2.INTER_AREA)
    step = max(1, work.shape[0] // 1200)
    sample = work[:: max(1, step // 2), :].astype(np.int16)
    paper = float(np.percentile(sample, 85))
    inked = sample[sample < paper - 40]
    ink = float(np.percentile(inked, 20)) if inked.size > 200 else paper
    contrast = max(0.0, min(1.0, (paper - ink) / 255))
    slope = np.abs(np.diff(sample, axis=1))
    steep = float(np.percentile(slope[slope > 20], 90)) if int((slope > 20).sum()) > 200 else 0.0
    sharpness = max(0.0, min(1.0, steep / max(60.0, paper - ink)))
    reasons = []
    if dpi < 140:
        reasons.append(f"résolution trop faible ({dpi:.0f} ppp)")
    if inked.size > 200 and contrast < 0.2:
        reasons.append("trop pâle")
    if inked.size > 200 and sharpness < 0.12:
        reasons.append("flou")
    if abs(skew_left_deg) > 0.8:
        reasons.append("de travers")
    return Quality(dpi, sharpness, contrast, skew_left_deg, bool(reasons), ", ".join(reasons))
