"""Where the paper ends on a scan: the dark bed around it is made white, and a card on a large bed is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry import MM_PER_INCH
from models.image import FloatArray, GrayImage, gray_counts, percentile_of, shrunk

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


def find_paper(page: GrayImage, *, dpi: float, small: GrayImage | None = None) -> Paper:
    """Tell paper from scanner bed.

    Bed is dark, smooth, without letters in it, and reaches the rim of the picture; it is a margin along the rim, or
    what it leaves is a rectangle. Print that reaches the rim stays.

    Args:
        page: shape (height, width), uint8; left unchanged. dpi: its resolution.
        small: the page at `WORK_DPI`, when that is at hand.
    """
    scale = WORK_DPI / dpi
    if small is None:
        small = shrunk(page, scale)
    middle, _ = cv2.threshold(small, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    bright = gray_counts(small)
    bright[: int(middle)] = 0
    paper = percentile_of(bright, 50)
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
    labels, areas = _areas(core)
    bed = np.zeros_like(dark)
    rim = np.concatenate((labels[:2].ravel(), labels[-2:].ravel(), labels[:, :2].ravel(), labels[:, -2:].ravel()))
    for label in np.unique(rim).tolist():
        if label == 0 or areas[label] < 40:
            continue
        everywhere = (labels == label).view(np.uint8)
        x, y, wide, tall = cv2.boundingRect(everywhere)
        if wide <= 0.2 * width and tall <= 0.2 * height:
            continue
        part = everywhere[y : y + tall, x : x + wide]
        _, spread = cv2.meanStdDev(small[y : y + tall, x : x + wide], mask=cv2.erode(part, np.ones((3, 3), np.uint8)))
        if float(spread[0, 0]) >= 18 or _islands(part) > MOST_ISLANDS:
            continue
        if _hugs_the_rim(part, (x, y), (height, width)) or _leaves_a_rectangle(part, (x, y), dark.shape):
            bed[y : y + tall, x : x + wide] |= part
    return bed


def _areas(mask: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The label of each pixel, and the area of each piece; the first is what is outside of all.

    `cv2.connectedComponentsWithStats` takes the double of the time.
    """
    count, labels = cv2.connectedComponents(mask, connectivity=4)
    return np.asarray(labels, np.int32), np.bincount(labels.ravel(), minlength=count).astype(np.int64)


def _islands(part: NDArray[np.uint8]) -> int:
    """Bright spots of the size of a letter all around which the dark goes on."""
    labels, areas = _areas(1 - part)
    islands = (areas >= 6) & (areas <= 1500)
    islands[0] = False
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        islands[side] = False
    return int(islands.sum())


def _hugs_the_rim(part: NDArray[np.uint8], origin: tuple[int, int], size: tuple[int, int]) -> bool:
    """No more than a tenth of the part is far from the rim of the picture."""
    far = int(np.ceil(0.12 * min(size)))
    left, top = max(0, far - origin[0]), max(0, far - origin[1])
    right, bottom = max(0, size[1] - far - origin[0]), max(0, size[0] - far - origin[1])
    return bool(np.count_nonzero(part[top:bottom, left:right]) < 0.1 * np.count_nonzero(part))


def _leaves_a_rectangle(part: NDArray[np.uint8], origin: tuple[int, int], size: tuple[int, ...]) -> bool:
    """What the part leaves of the picture is one piece of paper, and a good part of the picture's rim is bed."""
    whole = np.zeros(size, np.uint8)
    whole[origin[1] : origin[1] + part.shape[0], origin[0] : origin[0] + part.shape[1]] = part
    return _small_paper(whole, largest=0.98) is not None


def _small_paper(bed: NDArray[np.uint8], *, largest: float = SMALL_PAPER) -> FloatArray | None:
    """Corners of the one upright or skewed rectangle that the bed leaves, when it is small beside the scan."""
    left = cv2.morphologyEx(1 - bed, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    labels, areas = _areas(left)
    if len(areas) < 2:
        return None
    label = 1 + int(np.argmax(areas[1:]))
    least = (40 / MM_PER_INCH * WORK_DPI) ** 2
    if not least < areas[label] < largest * bed.size:
        return None
    contours, _ = cv2.findContours((labels == label).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=cv2.contourArea)
    rectangle = cv2.minAreaRect(outline)
    filled = cv2.contourArea(outline) / max(1.0, rectangle[1][0] * rectangle[1][1])
    if filled < 0.92:
        return None
    return np.asarray(cv2.boxPoints(rectangle), np.float32)
