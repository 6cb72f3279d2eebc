"""New strings of digits out of labelled ones: digits cut out of some, written onto the paper of others.

The paper keeps what was printed and written on it beside the digits: ruled lines, separators, closing dashes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.image import FloatArray, GrayImage
from pipeline.training.running_hand import WrittenLine

_NEIGHBOURHOOD = 31
"""Pixels; the paper's shade is the median over so much of it, which is wider than any stroke."""
_FAINT = 0.35
"""Ink is what is darker than paper by this share of the darkest strokes."""
_REPLACED = 0.6
"""Share of digits that another takes the place of."""


@dataclass(frozen=True, slots=True, eq=False)
class Digit:
    """One digit cut out."""

    ink: FloatArray
    """Shape (height, width), share of the light that the pen takes away."""
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A string taken apart."""

    paper: GrayImage
    digits: tuple[Digit, ...]
    boxes: tuple[tuple[int, int, int, int], ...]
    """Of each digit: x, y, width, height, pixels."""
    dark: float
    """Share of the light that its pen takes away."""


class Recombined:
    """Writes strings that nobody wrote, in the hands and on the paper of those who wrote others."""

    def __init__(self, lines: Sequence[WrittenLine]) -> None:
        """Args:
        lines: digits only; `writer` holds the boxes of the digits as JSON, [[x, y, width, height], ...].
        """
        self._sheets = [taken_apart(line) for line in lines]
        self._by_label = places_by_label(self._sheets)
        self._labels = sorted(self._by_label)

    def draw(self, rng: np.random.Generator) -> tuple[GrayImage, str]:
        """A string and what it says; the picture is as large as the one whose paper it is on."""
        sheet = self._sheets[rng.integers(len(self._sheets))]
        light = np.ones(sheet.paper.shape, np.float32)
        text = ""
        for own, box in zip(sheet.digits, sheet.boxes, strict=True):
            digit, dark = own, sheet.dark
            if rng.random() < _REPLACED:
                of_label = self._by_label[self._labels[rng.integers(len(self._labels))]]
                number, place = of_label[rng.integers(len(of_label))]
                digit, dark = self._sheets[number].digits[place], self._sheets[number].dark
            strength = sheet.dark / dark if digit is not own else 1.0
            _write(light, np.minimum(digit.ink * np.float32(strength), 0.95), box, rng, exact=digit is own)
            text += digit.label
        return np.asarray(sheet.paper * light, np.uint8), text


def places_by_label(sheets: Sequence[Sheet]) -> dict[str, list[tuple[int, int]]]:
    """Of each digit where it stands: (number of the sheet, place on it)."""
    places: dict[str, list[tuple[int, int]]] = {}
    for number, sheet in enumerate(sheets):
        for place, digit in enumerate(sheet.digits):
            places.setdefault(digit.label, []).append((number, place))
    return places


def taken_apart(line: WrittenLine) -> Sheet:
    """The paper of a string and the ink of its digits, each without the strokes of its neighbours."""
    boxes = tuple((int(x), int(y), int(w), int(h)) for x, y, w, h in json.loads(line.writer))
    shade = cv2.medianBlur(cv2.copyMakeBorder(line.image, 16, 16, 16, 16, cv2.BORDER_REFLECT), _NEIGHBOURHOOD)
    shade = np.maximum(shade[16:-16, 16:-16].astype(np.float32), 1.0)
    taken = np.clip(1 - line.image / shade, 0, 1).astype(np.float32)
    within = np.concatenate([taken[y : y + h, x : x + w].ravel() for x, y, w, h in boxes])
    dark = max(0.05, float(np.percentile(within, 95)))
    written = taken > _FAINT * dark
    _, parts = cv2.connectedComponents(written.astype(np.uint8), connectivity=8)
    count = int(parts.max()) + 1
    shares = np.array([np.bincount(parts[y : y + h, x : x + w].ravel(), minlength=count) for x, y, w, h in boxes])
    inked = np.zeros(written.shape, bool)
    digits = []
    for (x, y, w, h), label, share in zip(boxes, line.text, shares, strict=True):
        # A neighbour's stroke that reaches into the box is mostly in the neighbour's; digits that touch are cut apart.
        belongs = (share >= 0.5 * shares.max(axis=0)) & (np.arange(count) > 0)
        mask = belongs[parts[y : y + h, x : x + w]]
        inked[y : y + h, x : x + w] |= mask
        digits.append(Digit(_softened(taken[y : y + h, x : x + w], mask), label))
    around = cv2.dilate(inked.astype(np.uint8), np.ones((5, 5), np.uint8))
    paper = cv2.inpaint(line.image, around, 3, cv2.INPAINT_TELEA)
    return Sheet(np.asarray(paper, np.uint8), tuple(digits), boxes, dark)


def _softened(taken: FloatArray, mask: NDArray[np.bool_]) -> FloatArray:
    """The ink of a mask with the soft edge of its strokes."""
    near = cv2.GaussianBlur(cv2.dilate(mask.astype(np.float32), np.ones((3, 3), np.uint8)), (0, 0), 0.6)
    return np.asarray(taken * near, np.float32)


def _write(
    light: FloatArray, ink: FloatArray, box: tuple[int, int, int, int], rng: np.random.Generator, *, exact: bool
) -> None:
    """Put a digit's ink where another stood, about as tall; what sticks out of the picture is cut off."""
    x, y, w, h = box
    if not exact:
        scale = h / ink.shape[0] * float(np.exp(rng.normal(0, 0.1)))
        size = (max(2, round(ink.shape[1] * scale)), max(3, round(ink.shape[0] * scale)))
        wide = min(size[0], max(w + 4, round(1.25 * w)))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        ink = np.asarray(cv2.resize(ink, (wide, size[1]), interpolation=how), np.float32)
        x, y = x + (w - wide) // 2 + int(rng.integers(-2, 3)), y + h - size[1] + int(rng.integers(-2, 3))
    height, width = light.shape
    top, left = max(0, y), max(0, x)
    bottom, right = min(height, y + ink.shape[0]), min(width, x + ink.shape[1])
    if bottom > top and right > left:
        light[top:bottom, left:right] *= 1 - ink[top - y : bottom - y, left - x : right - x]
