"""What a reader sees of a drawn letter, without the hours of reading: its text with misread characters, its look."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray

from capture.embedded_text import page_text
from classifiers.look import page_look
from models.reading import PageLook
from models.text import PageText
from pipeline.training.mail.drawing import Drawn, pictures

_DPI = 200.0
_LOOK_DPI = 110.0
"""Looks are measured at 100 dpi, so a picture needs no more."""
_MISREAD = {
    "0": "O", "O": "0", "1": "l", "l": "1", "5": "S", "8": "B", "e": "c", "é": "e", "i": "í", ",": ".", "m": "rn",
    "€": "E",
}  # fmt: skip
"""What readers take one character for."""


def as_read(
    drawn: Drawn, rng: np.random.Generator, chance: random.Random, *, rate: float
) -> list[tuple[PageText, PageLook]]:
    """The pages of a drawn letter that bear words, as a reader would give them.

    Args:
        rate: share of the confusable characters misread, and of lines lost.
    """
    told = _texts(drawn)
    pages = [_misread(page, chance, rate) for _, page in told]
    return list(zip(pages, _looked_at(drawn, [number for number, _ in told], rng), strict=True))


def _texts(drawn: Drawn) -> list[tuple[int, PageText]]:
    """The pages of a drawn letter as text, each with its index from 0; those without words left out."""
    document = pdfium.PdfDocument(drawn.pdf or b"")
    try:
        found = []
        for number, page in enumerate(document):
            width, height = (round(points / 72 * _DPI) for points in page.get_size())
            text = page_text(page, dpi=_DPI, size=(width, height))
            if text is not None:
                found.append((number, text))
        return found
    finally:
        document.close()


def _looked_at(drawn: Drawn, numbers: Sequence[int], rng: np.random.Generator) -> list[PageLook]:
    """How pages of a drawn letter look once a scanner was at them: a little blur, slant, grain, or black and white."""
    pages = pictures(drawn.pdf or b"", colour=False, dpi=_LOOK_DPI)
    blur, grain, slant = rng.uniform(0.2, 0.9), rng.uniform(0, 9), rng.normal(0, 0.08)
    threshold = int(rng.uniform(120, 190)) if rng.random() < 0.3 else 0
    looks = []
    for number in numbers:
        page = pages[number]
        height, width = page.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), slant, 1.0)
        seen = cv2.GaussianBlur(cv2.warpAffine(page, turn, (width, height), borderValue=255), (0, 0), blur)
        noise = np.roll(_grain(height, width), int(rng.integers(height)), axis=0)
        noisy = cv2.addWeighted(seen, 1.0, noise, grain / 32, -4.0 * grain)
        if threshold:
            noisy = cv2.threshold(noisy, threshold, 255, cv2.THRESH_BINARY)[1]
        looks.append(page_look(np.asarray(noisy, np.uint8), dpi=_LOOK_DPI))
    return looks


@lru_cache(maxsize=4)
def _grain(height: int, width: int) -> NDArray[np.uint8]:
    """Noise around 128, 32 its standard deviation."""
    return np.clip(np.random.default_rng(0).normal(128, 32, (height, width)), 0, 255).astype(np.uint8)


def _misread(page: PageText, chance: random.Random, rate: float) -> PageText:
    lines = []
    for line in page.lines:
        if chance.random() < rate:
            continue
        text = "".join(_MISREAD[c] if c in _MISREAD and chance.random() < rate else c for c in line.text)
        if chance.random() < 2 * rate:
            text = text.replace(" ", "", 1)
        lines.append(replace(line, text=text))
    return replace(page, lines=tuple(lines), source="ocr")
