"""Strings of digits that nobody wrote: single digits of public collections in a row, on paper with security print."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from models.image import FloatArray, GrayImage
from pipeline.benchmark.recombined import Digit

_HEIGHT = 40
"""Pixels, of a digit before the string is worn."""


class DigitStrings:
    """Writes numbers with the digits of one collection each."""

    def __init__(self, collections: Sequence[Sequence[Digit]]) -> None:
        """Args:
        collections: each with every digit.
        """
        self._by_label = [
            {label: [digit for digit in collection if digit.label == label] for label in "0123456789"}
            for collection in collections
        ]

    def draw(self, text: str, rng: np.random.Generator) -> GrayImage:
        """The number, with points, dashes and lines that do not count, on some paper."""
        alike = self._by_label[rng.integers(len(self._by_label))]
        gap, jitter = rng.normal(0.12, 0.12), abs(rng.normal(0, 0.06))
        wide = float(np.exp(rng.normal(-0.1, 0.15)))
        sheet = np.zeros((2 * _HEIGHT, _HEIGHT * (len(text) + 5)), np.float32)
        x, foot = float(rng.uniform(0.3, 1.2)) * _HEIGHT, 1.5 * _HEIGHT
        climb = rng.normal(0, 0.04)
        for place, label in enumerate(text):
            ink = alike[label][rng.integers(len(alike[label]))].ink
            tall = (
                _HEIGHT * float(np.exp(rng.normal(0, 0.08))) * (1.0 if label != "0" else float(rng.uniform(0.6, 1.05)))
            )
            scale = tall / ink.shape[0]
            size = (max(3, round(ink.shape[1] * scale * wide)), max(6, round(tall)))
            part = cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC).clip(0, 1)
            top = round(foot - tall + rng.normal(0, jitter) * _HEIGHT - climb * x)
            _add(sheet, part, round(x), top)
            x += size[0] + (gap + rng.normal(0, 0.06)) * _HEIGHT
            left = len(text) - 1 - place
            if left == 3 and rng.random() < 0.35:
                radius = int(rng.integers(1, 4))
                cv2.circle(sheet, (round(x), round(foot - climb * x)), radius, 0.8, -1)
                x += rng.uniform(0.1, 0.35) * _HEIGHT
        if rng.random() < 0.25:
            y = round(foot - rng.uniform(0.1, 0.7) * _HEIGHT)
            end = round(x + rng.uniform(0.5, 1.5) * _HEIGHT)
            cv2.line(sheet, (round(x + 6), y), (end, y + int(rng.integers(-4, 5))), 0.8, int(rng.integers(2, 5)))
        used = sheet[:, : min(sheet.shape[1], round(x + rng.uniform(0.2, 1.5) * _HEIGHT))]
        return _on_paper(_thickened(used, rng), rng)


def _add(sheet: FloatArray, part: FloatArray, x: int, y: int) -> None:
    y = max(0, min(y, sheet.shape[0] - part.shape[0]))
    area = sheet[y : y + part.shape[0], x : x + part.shape[1]]
    np.maximum(area, part[: area.shape[0], : area.shape[1]], out=area)


def _thickened(ink: FloatArray, rng: np.random.Generator) -> FloatArray:
    """With a finer or a broader pen: what is enlarged is soft, so its edge may lie further in or out."""
    soft = cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.6, 1.4))
    edge = rng.uniform(0.25, 0.65)
    return np.asarray(1 / (1 + np.exp(-(soft - edge) * rng.uniform(8, 20))), np.float32)


def _on_paper(ink: FloatArray, rng: np.random.Generator) -> GrayImage:
    """On gray paper with waves or lines printed on it, a ruled line below, as cheques have them."""
    height, width = ink.shape
    paper = np.full(ink.shape, rng.uniform(140, 240), np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for _ in range(int(rng.integers(0, 3))):
        pitch, turn = rng.uniform(3, 12), rng.normal(0, 0.5)
        wave = rng.uniform(0, 4) * np.sin(2 * np.pi * x / rng.uniform(15, 120) + rng.uniform(0, 6))
        phase = (y * np.cos(turn) + x * np.sin(turn) + wave) / pitch
        paper -= rng.uniform(5, 40) * (np.sin(2 * np.pi * phase) > rng.uniform(0.2, 0.8))
    if rng.random() < 0.4:
        row = int(height * rng.uniform(0.72, 0.95))
        paper[row : row + int(rng.integers(1, 3))] -= rng.uniform(20, 80)
    grained = cv2.GaussianBlur(paper, (0, 0), 0.7) + rng.normal(0, rng.uniform(0, 8), ink.shape)
    dark = rng.uniform(0.45, 0.85)
    return np.clip(grained * (1 - dark * ink), 0, 255).astype(np.uint8)
