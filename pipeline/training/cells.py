"""Cells of a comb as a scanner sees them: writing, box lines, neighbours, paper, and all that goes wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry import MM_PER_INCH
from models.image import GrayImage
from pipeline.training.pens import Mask, Strokes, draw, fit

PX_PER_MM = 16.0
"""Resolution of the drawing, before the scanner."""
_RIM_MM = 2.2
"""Paper drawn around the cell, for cuts that miss it."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What is written in a cell: pen strokes, or the picture of a character (any size, ink 1.0 on 0.0)."""

    strokes: Strokes | None = None
    picture: Mask | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A cell and the pen that writes in it, in millimetres."""

    width: float
    height: float
    pen_mm: float


class CellSimulator:
    """Draws cells; the same generator gives the same cells."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        # Drawing normal noise for each cell would take longer than all the rest.
        self._noise = rng.normal(0, 1, (512, 512)).astype(np.float32)
        grain = cv2.GaussianBlur(rng.normal(0, 1, (512, 512)), (0, 0), 1.2)
        self._grain = (grain / grain.std()).astype(np.float32)

    def cell(
        self, writing: Writing, *, label: str, neighbours: tuple[Writing, ...] = (), scribble: Strokes | None = None
    ) -> GrayImage:
        """The gray cut of one cell, as the reader gets it.

        Args:
            label: only says where in the cell the character stands (signs) and how large it is.
            neighbours: writing of the cells beside; their ends may reach in.
            scribble: strokes over the writing, in a unit box over the cell.
        """
        rng = self._rng
        width, height = rng.uniform(4.6, 9.5), rng.uniform(5.8, 12.2)
        if width > 1.05 * height or height > 1.75 * width:
            height = width * rng.uniform(1.1, 1.5)
        pen_mm = float(np.clip(np.exp(rng.normal(-0.85, 0.33)), 0.22, 1.0))
        canvas = np.zeros(
            (round((height + 2 * _RIM_MM) * PX_PER_MM), round((width + 2 * _RIM_MM) * PX_PER_MM)), np.float32
        )
        self._place(canvas, writing, label, Frame(width, height, pen_mm))
        if neighbours:
            self._reach_in(canvas, neighbours, width, height, pen_mm)
        if scribble:
            origin = ((_RIM_MM + 0.08 * width) * PX_PER_MM, (_RIM_MM + 0.08 * height) * PX_PER_MM)
            stretched = [stroke * np.array([0.84 * width / height, 0.84]) for stroke in scribble]
            draw(canvas, stretched, height * PX_PER_MM, origin, pen_mm * PX_PER_MM)
        lines = self._box_lines(canvas, width, height)
        return self._scan(canvas, lines, width, height, pen_mm)

    def _place(self, canvas: Mask, writing: Writing, label: str, frame: Frame) -> None:
        rng = self._rng
        width, height, pen_mm = frame.width, frame.height, frame.pen_mm
        size = self._size(label, width, height)
        offset_x, offset_y = rng.normal(0, 0.05), rng.normal(0, 0.045)
        if label == "'":
            offset_y -= rng.uniform(0.22, 0.34)
        elif label == ".":
            offset_y += rng.uniform(0.2, 0.36)
        center = ((_RIM_MM + width * (0.5 + offset_x)) * PX_PER_MM, (_RIM_MM + height * (0.5 + offset_y)) * PX_PER_MM)
        if writing.strokes is not None:
            strokes = fit(writing.strokes)
            extent = np.concatenate(strokes).max(axis=0)
            scale = min(size * PX_PER_MM, 1.02 * width * PX_PER_MM / max(float(extent[0]), 0.05))
            draw(
                canvas,
                strokes,
                scale,
                (center[0] - extent[0] * scale / 2, center[1] - extent[1] * scale / 2),
                pen_mm * PX_PER_MM,
            )
        elif writing.picture is not None:
            limits = (1.02 * width * PX_PER_MM, size * PX_PER_MM)
            paste(canvas, writing.picture, limits, center, rng)

    def _size(self, label: str, width: float, height: float) -> float:
        rng = self._rng
        if label == "'":
            return rng.uniform(0.12, 0.3) * height
        if label == ".":
            return rng.uniform(0.02, 0.1) * height
        if label == "-":
            return rng.uniform(0.25, 0.75) * width
        if rng.random() < 0.08:
            # Some write small whatever the box.
            return rng.uniform(0.25, 0.42) * height
        return float(np.clip(rng.normal(0.72, 0.12), 0.4, 1.02)) * height

    def _reach_in(
        self, canvas: Mask, neighbours: tuple[Writing, ...], width: float, height: float, pen_mm: float
    ) -> None:
        rng = self._rng
        for side, neighbour in zip((-1, 1), neighbours, strict=False):
            if neighbour.strokes is None:
                continue
            strokes = fit(neighbour.strokes)
            extent = np.concatenate(strokes).max(axis=0)
            scale = rng.uniform(0.65, 1.0) * height * PX_PER_MM
            half = float(extent[0]) * scale / 2
            # The neighbour's nearest edge lies between just outside our cell and an eighth of the way in.
            edge = (_RIM_MM + (0 if side < 0 else width)) * PX_PER_MM - side * rng.uniform(
                -0.1, 0.12
            ) * width * PX_PER_MM
            center_x = edge + side * half
            center_y = (_RIM_MM + height * rng.uniform(0.42, 0.58)) * PX_PER_MM
            draw(canvas, strokes, scale, (center_x - half, center_y - float(extent[1]) * scale / 2), pen_mm * PX_PER_MM)

    def _box_lines(self, canvas: Mask, width: float, height: float) -> Mask | None:
        """The darkness of printed box lines or of their remains, None for drop-out ink; may cut the writing."""
        rng = self._rng
        mode = rng.choice(4, p=(0.32, 0.25, 0.28, 0.15))
        if mode == 0:
            return None
        lines = np.zeros_like(canvas)
        thickness = max(1, round(rng.uniform(0.1, 0.35) * PX_PER_MM))
        x0, y0 = _RIM_MM * PX_PER_MM, _RIM_MM * PX_PER_MM
        x1, y1 = x0 + width * PX_PER_MM, y0 + height * PX_PER_MM
        tilt = rng.normal(0, 0.012) * (x1 - x0)
        far = max(canvas.shape)
        comb = rng.random() < 0.2
        sides = [
            ((0, y1 - tilt), (far, y1 + tilt)),
            ((x0 + tilt, 0 if not comb else y1 - rng.uniform(0.15, 0.5) * (y1 - y0)), (x0 - tilt, y1)),
        ]
        sides.append(((x1 + tilt, sides[1][0][1]), (x1 - tilt, y1)))
        if not comb:
            sides.append(((0, y0 - tilt), (far, y0 + tilt)))
        for start, stop in sides:
            if mode >= 2 and rng.random() < 0.45:
                continue
            segment(lines, start, stop, thickness)
        if mode == 2:
            # Partial removal: runs of the lines stay.
            blobs = cv2.resize(rng.random((9, 7)).astype(np.float32), lines.shape[::-1], interpolation=cv2.INTER_LINEAR)
            lines *= blobs > rng.uniform(0.35, 0.6)
        elif mode == 3:
            # Removal that takes the writing along where it crosses a line.
            canvas *= 1 - np.minimum(1, cv2.dilate(lines, np.ones((3, 3), np.uint8)))
            return None
        return (lines * rng.uniform(0.35, 1.0)).astype(np.float32)

    def _scan(self, canvas: Mask, lines: Mask | None, width: float, height: float, pen_mm: float) -> GrayImage:
        rng = self._rng
        paper = rng.uniform(195, 254)
        strength = rng.uniform(0.3, 0.6) if rng.random() < 0.12 else rng.uniform(0.6, 0.98)
        ink = canvas
        if rng.random() < 0.3:
            # Pencil and dry ball pens leave the paper's grain.
            grain = self._tile(self._grain, ink.shape)
            ink = ink * np.clip(1 - rng.uniform(0.1, 0.45) * np.maximum(grain, 0), 0, 1)
        darkness = strength * ink
        if lines is not None:
            darkness = np.maximum(darkness, lines * 0.95)
        dpi = rng.choice((200, 300, 240, 150), p=(0.46, 0.42, 0.07, 0.05))
        scale = dpi / MM_PER_INCH / PX_PER_MM
        small = cv2.resize(darkness, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        blur = rng.uniform(0.25, 1.15) * dpi / 250
        small = cv2.GaussianBlur(small, (0, 0), blur)
        gray = paper * (1 - small)
        if rng.random() < 0.25:
            gray -= security_print(gray.shape, dpi / MM_PER_INCH, rng)
        if rng.random() < 0.2:
            ramp = np.linspace(0, rng.uniform(-40, 25), small.shape[1], dtype=np.float32)
            gray += ramp[None, :] if rng.random() < 0.5 else ramp[0 : small.shape[1]].mean()
        if rng.random() < 0.08:
            self._streak(gray)
        gray += rng.uniform(1, 11) * self._tile(self._noise, small.shape)
        self._specks(gray)
        cut = self._cut(gray, width, height, dpi / MM_PER_INCH)
        return self._encode(cut, paper, paper * (1 - strength))

    def _streak(self, gray: NDArray[np.float32]) -> None:
        """A fold of the paper or dirt on the scanner's glass: a thin gray line from end to end."""
        rng = self._rng
        height, width = gray.shape
        if rng.random() < 0.75:
            x = rng.uniform(0.15, 0.85) * width
            ends = ((round(x), 0), (round(x + rng.normal(0, 0.03) * width), height))
        else:
            y = rng.uniform(0.15, 0.85) * height
            ends = ((0, round(y)), (width, round(y + rng.normal(0, 0.03) * height)))
        mark = np.zeros_like(gray)
        cv2.line(mark, ends[0], ends[1], float(rng.uniform(25, 130)), int(rng.integers(1, 3)), cv2.LINE_AA)
        gray -= mark

    def _specks(self, gray: NDArray[np.float32]) -> None:
        rng = self._rng
        if rng.random() < 0.3:
            for _ in range(rng.integers(1, 5)):
                place = (int(rng.integers(gray.shape[1])), int(rng.integers(gray.shape[0])))
                cv2.circle(gray, place, int(rng.integers(0, 3)), float(rng.uniform(0, 140)), -1, cv2.LINE_AA)

    def _cut(self, gray: NDArray[np.float32], width: float, height: float, px_per_mm: float) -> GrayImage:
        rng = self._rng
        margin = rng.uniform(-0.3, 0.75)
        shift_x, shift_y = rng.normal(0, 0.16, 2)
        left = round((_RIM_MM - margin + shift_x) * px_per_mm)
        top = round((_RIM_MM - margin + shift_y) * px_per_mm)
        right = round((_RIM_MM + width + margin + shift_x) * px_per_mm)
        bottom = round((_RIM_MM + height + margin + shift_y) * px_per_mm)
        return np.clip(gray[max(0, top) : bottom, max(0, left) : right], 0, 255).astype(np.uint8)

    def _encode(self, cut: GrayImage, paper: float, ink: float) -> GrayImage:
        rng = self._rng
        draw_mode = rng.random()
        if draw_mode < 0.24:
            threshold = ink + (paper - ink) * rng.uniform(0.45, 0.8)
            # A scanner's threshold lies below its paper noise.
            threshold = min(threshold, paper - 0.25 * (paper - ink) - 12)
            return np.where(cut > threshold, 255, 0).astype(np.uint8)
        if draw_mode < 0.55:
            _, stored = cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 92))])
            return np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
        return cut

    def _tile(self, bank: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
        y = int(self._rng.integers(0, bank.shape[0] - shape[0]))
        x = int(self._rng.integers(0, bank.shape[1] - shape[1]))
        return bank[y : y + shape[0], x : x + shape[1]]


def security_print(shape: tuple[int, ...], px_per_mm: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Gray levels that a tint or the fine waves printed under a field take off the paper, shape `shape`.

    Cheques, vouchers and the coloured fields of forms have it; a gray scan keeps it.
    """
    height, width = shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(px_per_mm)
    printed = np.full((height, width), rng.uniform(0, 25), np.float32)
    for _ in range(int(rng.integers(0, 3))):
        turn, period = rng.uniform(0, np.pi), rng.uniform(0.35, 3.0)
        bend = rng.uniform(0, 0.8) * np.sin(x * rng.uniform(0.2, 1.5) + rng.uniform(0, 6))
        wave = np.sin((x * np.cos(turn) + y * np.sin(turn) + bend) * (2 * np.pi / period) + rng.uniform(0, 6))
        printed += rng.uniform(3, 22) * np.maximum(wave, rng.uniform(-1, 0.6)).astype(np.float32)
    return np.asarray(printed, np.float32)


def segment(lines: Mask, start: tuple[float, float], stop: tuple[float, float], thickness: int) -> None:
    """Draw a printed line, ends in pixels."""
    ends = [(round(x * 16), round(y * 16)) for x, y in (start, stop)]
    cv2.line(lines, ends[0], ends[1], 1.0, thickness, cv2.LINE_AA, 4)


def paste(
    canvas: Mask, picture: Mask, limits: tuple[float, float], center: tuple[float, float], rng: np.random.Generator
) -> None:
    """Draw the picture of a character, at most `limits` (width, height) pixels large.

    It is slanted and turned; its ink edge is sharpened again and moved in or out.
    """
    rows, columns = np.nonzero(picture > 0.3)
    if len(rows) == 0:
        return
    low = np.array([columns.min(), rows.min()], dtype=float)
    extent = np.array([columns.max(), rows.max()]) + 1 - low
    scale = float((np.array(limits) / extent).min())
    shear, turn, stretch = rng.normal(0, 0.1), rng.normal(0, 0.06), np.exp(rng.normal(0, 0.07))
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = linear @ np.array([[stretch, -shear], [0, 1]]) * scale
    move = np.array(center) - linear @ (low + extent / 2 - 0.5)
    large = cv2.warpAffine(
        picture, np.c_[linear, move], canvas.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT
    )
    large = cv2.GaussianBlur(large, (0, 0), 0.3 * scale)
    edge = rng.uniform(0.28, 0.58)
    np.maximum(canvas, np.clip((large - edge) * 5 + 0.5, 0, 1), out=canvas)
