"""Which way up a page lies: a small network looks at the page, and a line recogniser settles what it is not sure of."""

from __future__ import annotations

from itertools import zip_longest

import cv2
import numpy as np
from numpy.typing import NDArray

from models.image import FloatArray, GrayImage, components, shrunk
from models.learned import registry

TURNS = (0, 90, 180, 270)

_SIDE = 224
_LINE_HEIGHT = 48
_MOST_LINES = 10
_SURE = 0.9
"""The network alone decides from this probability on, when the page lies as nearly all pages do."""

_BEYOND_DOUBT = 12.0
"""Log likelihood by which one turn must lead; more lines are not read then."""

_SURE_ALONE = 0.97
"""On a page without a readable line (blank back, photograph) the network must be this sure before it is turned."""


def upright_turn(image: GrayImage, half: GrayImage | None = None) -> tuple[int, float]:
    """The clockwise turn that makes a page upright.

    Args:
        image: shape (height, width), uint8, 0 ink, 255 paper; any resolution from 100 dpi, skewed a few degrees or not.
        half: the same at half the resolution or so, when that is at hand: enough to look at the page.
    Returns: 0, 90, 180 or 270 degrees, and the probability 0..1 that it is right. A page without text answers
        (0, at most 0.5): leave it as it lies.
    Raises: Misconfigured when weights are missing.
    """
    seen = _by_looking(image if half is None else half)
    best = int(seen.argmax())
    if best == 0 and seen[0] >= _SURE:
        return 0, float(seen[0])
    read = _by_reading(image)
    if read.min() == read.max() and seen[best] < _SURE_ALONE:
        return 0, float(min(seen[0], 0.5))
    both = seen * read
    both = both / both.sum()
    best = int(both.argmax())
    return TURNS[best], float(both[best])


def turned(image: GrayImage, turn_deg: int) -> GrayImage:
    """The image turned clockwise by 0, 90, 180 or 270 degrees."""
    if turn_deg not in _ROTATIONS:
        return np.ascontiguousarray(image)
    return np.asarray(cv2.rotate(image, _ROTATIONS[turn_deg]), np.uint8)


_ROTATIONS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def _by_looking(image: GrayImage) -> FloatArray:
    """Probability of each of `TURNS` from the look of the whole page, shape (4,)."""
    height, width = image.shape
    scale = 256 / min(height, width)
    small = shrunk(image, scale) if scale < 1 else cv2.resize(image, (round(width * scale), round(height * scale)))
    y, x = (small.shape[0] - _SIDE) // 2, (small.shape[1] - _SIDE) // 2
    values = small[y : y + _SIDE, x : x + _SIDE].astype(np.float32)[None, None] / 255 - np.float32(0.5)
    lies = registry.session("page-orientation").run(None, {"x": values})[0][0]
    # The network answers how far the page lies turned clockwise; the cure is the rest of the full turn.
    return np.asarray(lies[[0, 3, 2, 1]], np.float32)


def _by_reading(image: GrayImage) -> FloatArray:
    """Likelihood of each of `TURNS` from how well lines read that way, shape (4,), largest 1."""
    evidence = np.zeros(4)
    dark, scale = _dark_but_for_rules(image)
    lines = [_line_pictures(turned(image, turn), turned(dark, turn), scale) for turn in (0, 90)]
    for pair in zip_longest(*lines):
        for quarter, line in enumerate(pair):
            if line is not None:
                evidence[quarter] += _legibility(line)
                evidence[quarter + 2] += _legibility(np.ascontiguousarray(line[::-1, ::-1]))
        first, second = np.sort(evidence)[:-3:-1]
        if first - second > _BEYOND_DOUBT:
            break
    return np.asarray(np.exp(np.clip(evidence - evidence.max(), -_BEYOND_DOUBT, 0)), np.float32)


def _dark_but_for_rules(image: GrayImage) -> tuple[NDArray[np.uint8], float]:
    """What is darker than the paper around it, 0 or 1, ruled lines left out, smaller than the image by a scale."""
    scale = min(1.0, 1400 / max(image.shape))
    small = shrunk(image, scale)
    dark = cv2.adaptiveThreshold(small, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 18)
    across = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((1, 45), np.uint8))
    down = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((45, 1), np.uint8))
    rules = cv2.dilate(cv2.bitwise_or(across, down), np.ones((3, 3), np.uint8))
    # Saturating subtraction: what is on a rule becomes paper.
    return np.asarray(cv2.subtract(dark, rules), np.uint8), scale


def _line_pictures(image: GrayImage, dark: NDArray[np.uint8], scale: float) -> list[GrayImage]:
    """Up to ten pictures of what look like level lines of print, the longest first, each 48 pixels high.

    Args:
        dark: where the image is dark (`_dark_but_for_rules`), smaller than the image by `scale`.
    """
    joined = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((1, 15), np.uint8))
    _, stats, _ = components(joined)
    found: list[tuple[float, NDArray[np.int32]]] = []
    for x, y, width, height, area in stats[1:]:
        if 7 <= height <= 45 and width >= 4 * height and area >= 0.35 * width * height:
            found.append((float(min(width, 14 * height)), np.array([x, y, width, height])))
    found.sort(key=lambda item: -item[0])
    return [_cut(image, place / scale) for _, place in found[:_MOST_LINES]]


def _cut(image: GrayImage, place: NDArray[np.float64]) -> GrayImage:
    x, y, width, height = place
    width = min(width, 16 * height)
    margin = 0.15 * height
    top, left = max(0, round(y - margin)), max(0, round(x - margin))
    cut = image[top : round(y + height + margin), left : round(x + width + margin)]
    across = max(32, round(cut.shape[1] * _LINE_HEIGHT / cut.shape[0] / 16) * 16)
    return np.asarray(cv2.resize(cut, (across, _LINE_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _legibility(line: GrayImage) -> float:
    """How readable a line is: grows with the number of characters read surely, shrinks with those guessed."""
    values = line.astype(np.float32)[None, None] / 255 - np.float32(0.5)
    steps = registry.session("ppocr-tiny-rec").run(None, {"x": values})[0][0]
    classes = steps.argmax(axis=1)
    inked = classes > 0
    begins = inked & (np.concatenate(([0], classes[:-1])) != classes)
    if not begins.any():
        return 0.0
    sure = steps.max(axis=1)[begins]
    return float(np.clip(sure - 0.7, -0.4, 0.3).sum())
