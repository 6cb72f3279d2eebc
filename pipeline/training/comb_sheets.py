"""Combs filled by one hand and scanned, then cut as the product cuts them: what training sees is what reading sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from extraction.combs import cut_comb
from extraction.registration import Placement
from models.geometry import MM_PER_INCH, Box
from models.image import GrayImage
from pipeline.training.cells import PX_PER_MM, Writing, paste, security_print, segment
from pipeline.training.pens import Mask, Strokes, draw, fit

_RIM_MM = 3.6
"""Paper drawn around the comb: the cut takes 2.4 mm of it and looks beyond for folds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one cell holds: a character, nothing, or a character struck out."""

    writing: Writing
    label: str
    """Says where in the cell the character stands (signs) and how large it is."""
    scribble: Strokes | None = None
    """Strokes over the writing, in a unit box over the cell."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """A comb's cells, millimetres on the drawing."""

    cells: tuple[Box, ...]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Hand:
    """How one person fills one comb."""

    pen_mm: float
    size: float
    """Usual height of a character, in heights of a cell."""
    spread: float
    slant: float
    aside: tuple[float, float]
    """Where characters stand beside the middle of their cells, in cell sides."""
    loose: float
    strength: float
    """Darkness of the ink, 0..1."""


class CombSimulator:
    """Draws combs; the same generator gives the same cells."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._noise = rng.normal(0, 1, (400, 3600)).astype(np.float32)
        grain = cv2.GaussianBlur(rng.normal(0, 1, (400, 3600)), (0, 0), 1.0)
        self._grain = (grain / grain.std()).astype(np.float32)

    def cells(self, entries: Sequence[Entry]) -> list[tuple[GrayImage, GrayImage]]:
        """For each cell the two cuts the reader may be shown: with the box lines, and without."""
        layout = self._layout(len(entries))
        hand = self._hand()
        ink = np.zeros((round(layout.height * PX_PER_MM), round(layout.width * PX_PER_MM)), np.float32)
        for cell, entry in zip(layout.cells, entries, strict=True):
            self._write(ink, cell, entry, hand)
        page, px_per_mm = self._scan(ink, self._frame(layout, ink.shape), hand)
        comb = cut_comb(page, self._placement(px_per_mm), layout.cells)
        return list(zip(comb.cells, comb.lineless, strict=True))

    def _layout(self, count: int) -> _Layout:
        rng = self._rng
        width = rng.uniform(4.4, 8.5 if count < 12 else 6.5)
        height = float(np.clip(width * rng.uniform(1.0, 1.6), 5.5, 11.0))
        gap = rng.uniform(0.4, 2.0) if rng.random() < 0.25 else 0.0
        cells = tuple(Box(_RIM_MM + k * (width + gap), _RIM_MM, width, height) for k in range(count))
        return _Layout(cells, cells[-1].right + _RIM_MM, height + 2 * _RIM_MM)

    def _hand(self) -> _Hand:
        rng = self._rng
        small = rng.random() < 0.08
        return _Hand(
            pen_mm=float(np.clip(np.exp(rng.normal(-0.8, 0.35)), 0.2, 1.3)),
            size=rng.uniform(0.28, 0.45) if small else float(np.clip(rng.normal(0.7, 0.11), 0.42, 1.05)),
            spread=rng.uniform(0.02, 0.1),
            slant=rng.normal(0, 0.12),
            aside=(rng.normal(0, 0.05), rng.normal(0, 0.05)),
            loose=rng.uniform(0.01, 0.07),
            strength=rng.uniform(0.28, 0.6) if rng.random() < 0.15 else rng.uniform(0.6, 0.98),
        )

    def _write(self, ink: Mask, cell: Box, entry: Entry, hand: _Hand) -> None:
        rng = self._rng
        size = self._size(entry.label, cell, hand)
        x = hand.aside[0] + rng.normal(0, hand.loose)
        y = hand.aside[1] + rng.normal(0, 0.7 * hand.loose)
        if entry.label == "'":
            y -= rng.uniform(0.22, 0.34)
        elif entry.label == ".":
            y += rng.uniform(0.2, 0.36)
        center = ((cell.center_x + x * cell.width) * PX_PER_MM, (cell.center_y + y * cell.height) * PX_PER_MM)
        widest = rng.uniform(0.9, 1.15) * cell.width * PX_PER_MM
        pen_px = hand.pen_mm * PX_PER_MM * rng.uniform(0.9, 1.1)
        if entry.writing.strokes is not None:
            slanted = [stroke @ np.array([[1, 0], [-hand.slant, 1]], np.float32) for stroke in entry.writing.strokes]
            strokes = fit(slanted)
            extent = np.concatenate(strokes).max(axis=0)
            scale = min(size * PX_PER_MM, widest / max(float(extent[0]), 0.05))
            origin = (center[0] - extent[0] * scale / 2, center[1] - extent[1] * scale / 2)
            draw(ink, strokes, scale, origin, pen_px)
        elif entry.writing.picture is not None:
            left = max(0, round(center[0] - cell.width * PX_PER_MM))
            right = round(center[0] + cell.width * PX_PER_MM)
            around = np.ascontiguousarray(ink[:, left:right])
            paste(around, entry.writing.picture, (widest, size * PX_PER_MM), (center[0] - left, center[1]), rng)
            ink[:, left:right] = around
        if entry.scribble:
            corner = ((cell.x + 0.08 * cell.width) * PX_PER_MM, (cell.y + 0.08 * cell.height) * PX_PER_MM)
            stretched = [stroke * np.array([0.84 * cell.width / cell.height, 0.84]) for stroke in entry.scribble]
            draw(ink, stretched, cell.height * PX_PER_MM, corner, pen_px)

    def _size(self, label: str, cell: Box, hand: _Hand) -> float:
        """Millimetres of the character's larger side."""
        rng = self._rng
        if label == "'":
            return rng.uniform(0.12, 0.3) * cell.height
        if label == ".":
            return rng.uniform(0.02, 0.1) * cell.height
        if label == "-":
            return rng.uniform(0.25, 0.75) * cell.width
        return float(np.clip(rng.normal(hand.size, hand.spread), 0.22, 1.12)) * cell.height

    def _frame(self, layout: _Layout, shape: tuple[int, ...]) -> Mask | None:
        """The darkness of the printed cells; `None` for ink that the scanner drops."""
        rng = self._rng
        if rng.random() < 0.13:
            return None
        lines: Mask = np.zeros(shape, np.float32)
        thickness = max(1, round(rng.uniform(0.08, 0.38) * PX_PER_MM))
        comb = rng.random() < 0.22
        rise = rng.uniform(0.12, 0.5) if comb else 1.0
        for cell in layout.cells:
            x0, x1 = cell.x * PX_PER_MM, cell.right * PX_PER_MM
            y0, y1 = cell.y * PX_PER_MM, cell.bottom * PX_PER_MM
            top = y1 - rise * (y1 - y0)
            segment(lines, (x0, y1), (x1, y1), thickness)
            segment(lines, (x0, top), (x0, y1), thickness)
            segment(lines, (x1, top), (x1, y1), thickness)
            if not comb:
                segment(lines, (x0, y0), (x1, y0), thickness)
        if rng.random() < 0.15:
            grid = (max(2, round(layout.height / 1.6)), max(2, round(layout.width / 1.6)))
            blobs = cv2.resize(rng.random(grid).astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
            lines *= blobs > rng.uniform(0.3, 0.55)
        if rng.random() < 0.3:
            self._label(lines, layout)
        return (lines * rng.uniform(0.12, 1.0)).astype(np.float32)

    def _label(self, lines: Mask, layout: _Layout) -> None:
        """Small print above the comb."""
        rng = self._rng
        x = round((_RIM_MM + rng.uniform(0, 0.5) * (layout.width - 2 * _RIM_MM)) * PX_PER_MM)
        y = round((_RIM_MM - rng.uniform(0.5, 1.2)) * PX_PER_MM)
        label = np.zeros(lines.shape, np.uint8)
        size = rng.uniform(0.8, 1.3)
        cv2.putText(label, "Nom, code * (1)", (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, 255, 3, cv2.LINE_AA)
        np.maximum(lines, label / np.float32(255), out=lines)

    def _scan(self, ink: Mask, frame: Mask | None, hand: _Hand) -> tuple[GrayImage, float]:
        """The comb as gray levels, and its resolution in pixels per millimetre."""
        rng = self._rng
        dpi = float(rng.choice((200, 300, 240, 150), p=(0.46, 0.4, 0.08, 0.06)))
        px_per_mm = dpi / MM_PER_INCH
        scale = px_per_mm / PX_PER_MM
        small: Mask = np.asarray(cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
        dry = rng.random() < 0.06
        if dry or rng.random() < 0.35:
            # Pencil and dry ball pens leave the paper's grain.
            depth = rng.uniform(0.5, 0.9) if dry else rng.uniform(0.1, 0.5)
            kept = np.clip(1 - depth * np.maximum(self._tile(self._grain, small.shape), 0), 0, 1)
            small = np.asarray(small * kept, np.float32)
        darkness = hand.strength * small
        if frame is not None:
            printed = cv2.resize(frame, small.shape[::-1], interpolation=cv2.INTER_AREA)
            darkness = np.asarray(np.maximum(darkness, printed * 0.95), np.float32)
        soft = cv2.GaussianBlur(darkness, (0, 0), rng.uniform(0.25, 1.15) * dpi / 250)
        paper = rng.uniform(190, 254)
        gray = np.asarray(paper * (1 - soft), np.float32)
        if rng.random() < 0.08:
            gray -= security_print(gray.shape, px_per_mm, rng)
        if rng.random() < 0.2:
            gray += np.linspace(0, rng.uniform(-40, 25), small.shape[1], dtype=np.float32)[None, :]
        if rng.random() < 0.06:
            self._streak(gray)
        gray += rng.uniform(1, 11) * self._tile(self._noise, small.shape)
        self._specks(gray)
        return self._encode(np.clip(gray, 0, 255).astype(np.uint8), paper, paper * (1 - hand.strength)), px_per_mm

    def _streak(self, gray: NDArray[np.float32]) -> None:
        """A fold of the paper or dirt on the scanner's glass: a thin gray line from end to end."""
        rng = self._rng
        height, width = gray.shape
        x = rng.uniform(0.1, 0.9) * width
        y = rng.uniform(0.2, 0.8) * height
        upright = ((round(x), 0), (round(x + rng.normal(0, 0.1) * height), height))
        level = ((0, round(y)), (width, round(y + rng.normal(0, 0.01) * width)))
        mark = np.zeros_like(gray)
        ends = upright if rng.random() < 0.7 else level
        cv2.line(mark, ends[0], ends[1], float(rng.uniform(25, 130)), int(rng.integers(1, 3)), cv2.LINE_AA)
        gray -= mark

    def _specks(self, gray: NDArray[np.float32]) -> None:
        rng = self._rng
        if rng.random() < 0.3:
            for _ in range(rng.integers(1, 2 + gray.shape[1] // 40)):
                place = (int(rng.integers(gray.shape[1])), int(rng.integers(gray.shape[0])))
                cv2.circle(gray, place, int(rng.integers(0, 3)), float(rng.uniform(0, 140)), -1, cv2.LINE_AA)

    def _encode(self, scan: GrayImage, paper: float, ink: float) -> GrayImage:
        rng = self._rng
        mode = rng.random()
        if mode < 0.05:
            # A threshold too near to the ink breaks strokes into dots.
            return np.where(scan > ink + (paper - ink) * rng.uniform(0.12, 0.4), 255, 0).astype(np.uint8)
        if mode < 0.26:
            # A scanner's threshold lies below its paper noise.
            threshold = min(ink + (paper - ink) * rng.uniform(0.4, 0.8), paper - 0.25 * (paper - ink) - 12)
            return np.where(scan > threshold, 255, 0).astype(np.uint8)
        if mode < 0.6:
            _, stored = cv2.imencode(".jpg", scan, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 92))])
            return np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
        return scan

    def _placement(self, px_per_mm: float) -> Placement:
        """Where registration believes the comb to be: a little aside."""
        rng = self._rng
        turn, stretch = np.deg2rad(rng.normal(0, 0.12)), 1 + rng.normal(0, 0.002)
        x, y = rng.normal(0, 0.22, 2)
        cos, sin = px_per_mm * stretch * np.cos(turn), px_per_mm * stretch * np.sin(turn)
        matrix = np.array([[cos, -sin, x * px_per_mm], [sin, cos, y * px_per_mm], [0, 0, 1]])
        return Placement(matrix, np.zeros((0, 2)), np.zeros((0, 2)))

    def _tile(self, bank: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
        y = int(self._rng.integers(0, bank.shape[0] - shape[0]))
        x = int(self._rng.integers(0, bank.shape[1] - shape[1]))
        return bank[y : y + shape[0], x : x + shape[1]]
