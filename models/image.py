"""Array types of page images. Gray: 0 is ink, 255 is paper."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

GrayImage = NDArray[np.uint8]
"""Shape (height, width), uint8, 0 ink, 255 paper."""

ColorImage = NDArray[np.uint8]
"""Shape (height, width, 3), uint8, RGB."""

FloatArray = NDArray[np.float32]
"""Any shape, float32."""


def shrunk(image: GrayImage, scale: float) -> GrayImage:
    """A picture made smaller, each pixel the mean of what it covers; halved as far as that goes, which is ten times
    faster than the same in one step.

    Args:
        image: shape (height, width), uint8; left unchanged. scale: at most 1.0.
    Returns: shape (round(height * scale), round(width * scale)), never empty; `image` itself when that is its shape.
    """
    height, width = max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))
    while image.shape[0] >= 2 * height and image.shape[1] >= 2 * width:
        half = image.shape[1] // 2, image.shape[0] // 2
        even = image[: 2 * half[1], : 2 * half[0]]
        image = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), np.uint8)
    if image.shape == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def gray_counts(image: GrayImage) -> NDArray[np.float64]:
    """How many pixels have each gray level, shape (256,).

    Args:
        image: shape (height, width), uint8, not empty.
    """
    return cv2.calcHist([image], [0], None, [256], [0, 256]).ravel().astype(np.float64)


def percentile(image: GrayImage, percent: float) -> float:
    """The gray level below which so many percent of the pixels lie: as `numpy.percentile`, several times faster.

    Args:
        image: shape (height, width), uint8; 0.0 when it is empty.
    """
    return percentile_of(gray_counts(image), percent) if image.size else 0.0


def percentile_of(gray_counts: NDArray[np.float64], percent: float) -> float:
    """The same from how many pixels have each gray level; 0.0 when there are none."""
    counts = gray_counts.cumsum()
    if not counts[-1]:
        return 0.0
    place = (int(counts[-1]) - 1) * percent / 100
    low = int(place)
    below = int(counts.searchsorted(low + 1))
    if low + 1 <= counts[below] - 1 or low == place:
        return float(below)
    return below + (place - low) * (int(counts.searchsorted(low + 2)) - below)


def peaks_apart(strength: FloatArray, *, apart: tuple[int, int], floor: float, most: int) -> list[tuple[int, int]]:
    """The highest places of a picture, as (x, y), highest first, none within `apart` (x, y) of one before it.

    Args:
        strength: shape (height, width); changed. floor: lower places are none. most: of them at most.
    """
    wide, tall = apart
    highest = strength.max(axis=1)
    chosen: list[tuple[int, int]] = []
    while len(chosen) < most and highest.size:
        y = int(highest.argmax())
        x = int(strength[y].argmax())
        if strength[y, x] < floor:
            break
        chosen.append((x, y))
        top, left = max(0, y - tall), max(0, x - wide)
        strength[top : y + tall, left : x + wide] = 0
        highest[top : y + tall] = strength[top : y + tall].max(axis=1)
    return chosen


def components(mask: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int32], NDArray[np.float64]]:
    """Connected strokes of a mask, a pixel's eight neighbours touch it; the first is all that is no stroke.

    Args:
        mask: shape (height, width), uint8, 0 is none.
    Returns: labels, whole numbers of shape (height, width); of each label `cv2.CC_STAT_*`, shape (n, 5), and its
        centre, shape (n, 2).
    """
    # Labels of 16 bits take half the time; there are never more of them than pixels of strokes.
    kind = cv2.CV_16U if cv2.countNonZero(mask) < np.iinfo(np.uint16).max else cv2.CV_32S
    found = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=kind)
    return np.asarray(found[1]), np.asarray(found[2], np.int32), np.asarray(found[3], np.float64)
