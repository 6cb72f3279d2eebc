"""Where the paper ends on a scan: the dark bed around it is made white, and a card on a large bed is found."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry import MM_PER_INCH
from models.image import FloatArray, GrayImage, shrunk

WORK_DPI = 75
DARK = 0.6
"""The bed is darker than this share of the paper's brightness."""
MOST_ISLANDS = 3
"""White letters on a dark banner are islands in it; a bed has a speck of dust at most."""
SMALL_PAPER = 0.8
"""Paper that covers less of the scan than that is cut out."""


@dataclass(frozen=True, slots=True, eq=False)
class Paper:
    """A scan without its bed."""

    image: GrayImage
    """As large as the scan; the bed has the brightness of the paper."""
    corners: FloatArray | None
    """Shape (4, 2), x and y in pixels: the paper, when it is much smaller than the scan."""


def find_paper(page: GrayImage, *, dpi: float) -> Paper:
    """Tell paper from scanner bed.

    Bed is dark, smooth, without letters in it, and reaches the rim of the picture; it is a margin along the rim, or
    what it leaves is a rectangle. Print that reaches the rim stays.

    Args:
        page: shape (height, width), uint8; left unchanged. dpi: its resolution.
    """
    scale = WORK_DPI / dpi
    small = shrunk(page, scale)
    middle, _ = cv2.threshold(small, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    paper = float(np.median(small[small >= middle]))
    dark = (small < DARK * paper).astype(np.uint8)
    rims = [dark[:2].mean(), dark[-2:].mean(), dark[:, :2].mean(), dark[:, -2:].mean()]
    if max(rims) < 0.2:
        return Paper(page, None)
    bed = _bed(dark, small)
    if not bed.any():
        return Paper(page, None)
    corners = _small_paper(bed)
    if corners is not None:
        outside = np.ones_like(bed)
        cv2.fillConvexPoly(outside, np.round(corners).astype(np.int32), 0)
        bed |= outside
    grown = cv2.dilate(bed, np.ones((3, 3), np.uint8), iterations=2)
    mask = cv2.resize(grown, (page.shape[1], page.shape[0]), interpolation=cv2.INTER_NEAREST)
    cleared = cv2.copyTo(np.full_like(page, max(1, round(paper))), mask, page.copy())
    return Paper(np.asarray(cleared, np.uint8), None if corners is None else (corners / scale).astype(np.float32))


def _bed(dark: NDArray[np.uint8], small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = dark.shape
    # letters that touch the bed hang on it by a thread
    core = cv2.erode(dark, np.ones((2, 2), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=4)
    bed = np.zeros_like(dark)
    for label in range(1, count):
        x, y, wide, tall, area = (int(n) for n in stats[label])
        on_rim = x <= 1 or y <= 1 or x + wide >= width - 1 or y + tall >= height - 1
        if not on_rim or (wide <= 0.2 * width and tall <= 0.2 * height) or area < 40:
            continue
        part = (labels[y : y + tall, x : x + wide] == label).astype(np.uint8)
        if _islands(part) > MOST_ISLANDS:
            continue
        values = small[y : y + tall, x : x + wide][cv2.erode(part, np.ones((3, 3), np.uint8)).astype(bool)]
        smooth = values.size == 0 or float(values.std()) < 18
        if smooth and (_hugs_the_rim(part, (x, y), (height, width)) or _leaves_a_rectangle(part, (x, y), dark.shape)):
            bed[y : y + tall, x : x + wide] |= part
    return bed


def _islands(part: NDArray[np.uint8]) -> int:
    """Bright spots of the size of a letter all around which the dark goes on."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(1 - part, connectivity=4)
    height, width = part.shape
    inside = (
        (stats[1:, 0] > 0)
        & (stats[1:, 1] > 0)
        & (stats[1:, 0] + stats[1:, 2] < width)
        & (stats[1:, 1] + stats[1:, 3] < height)
        & (stats[1:, 4] >= 6)
        & (stats[1:, 4] <= 1500)
    )
    return int(inside.sum()) if count > 1 else 0


def _hugs_the_rim(part: NDArray[np.uint8], origin: tuple[int, int], size: tuple[int, int]) -> bool:
    rows, columns = np.nonzero(part)
    y, x = rows + origin[1], columns + origin[0]
    height, width = size
    depth = np.minimum(np.minimum(y, height - 1 - y), np.minimum(x, width - 1 - x))
    return float(np.percentile(depth, 90)) < 0.12 * min(size)


def _leaves_a_rectangle(part: NDArray[np.uint8], origin: tuple[int, int], size: tuple[int, ...]) -> bool:
    """What the part leaves of the picture is one piece of paper, and a good part of the picture's rim is bed."""
    whole = np.zeros(size, np.uint8)
    whole[origin[1] : origin[1] + part.shape[0], origin[0] : origin[0] + part.shape[1]] = part
    return _small_paper(whole, largest=0.98) is not None


def _small_paper(bed: NDArray[np.uint8], *, largest: float = SMALL_PAPER) -> FloatArray | None:
    """Corners of the one upright or skewed rectangle that the bed leaves, when it is small beside the scan."""
    left = cv2.morphologyEx(1 - bed, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(left, connectivity=4)
    if count < 2:
        return None
    label = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    area = float(stats[label, cv2.CC_STAT_AREA])
    least = (40 / MM_PER_INCH * WORK_DPI) ** 2
    if not least < area < largest * bed.size:
        return None
    contours, _ = cv2.findContours((labels == label).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=cv2.contourArea)
    rectangle = cv2.minAreaRect(outline)
    filled = cv2.contourArea(outline) / max(1.0, rectangle[1][0] * rectangle[1][1])
    if filled < 0.92:
        return None
    return np.asarray(cv2.boxPoints(rectangle), np.float32)
