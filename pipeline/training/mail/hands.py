"""People who fill in forms: recorded pen strokes put into boxes, on lines, beside squares and under documents.

A hand is one writer wherever the collections hold enough of that writer's characters, with one pen and lasting habits:
how large, how slanted, how close to the box; whether it strays, slips by a cell, corrects itself.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import Misconfigured
from models.geometry import Box
from models.image import GrayImage
from pipeline.training.icr import is_held_out, scribble
from pipeline.training.mail.ink import PX_PER_MM
from pipeline.training.pens import OWN_SHAPES, Mask, PenRecords, Points, Strokes, draw, fit, smooth, vary

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = _UPPER.lower()
_DIGITS = "0123456789"
_FEWEST = {_UPPER: 20, _LOWER: 20, _DIGITS: 9}
"""So many different characters make a collection's writer a hand of his own."""
_TICKS = ("cross", "tick", "slash", "dot", "filled", "wide_cross", "circle", "dash")
_TICK_SHARES = (0.42, 0.22, 0.1, 0.04, 0.07, 0.09, 0.03, 0.03)


@dataclass(frozen=True, slots=True)
class Pen:
    """What somebody writes with."""

    mm: float
    colour: tuple[float, float, float]
    """Blue, green, red, 0..255."""
    strength: float
    """1 covers the paper; pencil is faint."""
    grain: float
    """How much of the paper's grain shows through, 0..1."""


@dataclass(slots=True)
class Hand:
    """One person filling in one document."""

    pen: Pen
    size: float
    """Height of characters as a share of the box."""
    steady: float
    """0 a printer's regularity, 1 a restless hand."""
    slant: float
    """Shear of running writing: x gained per unit of height."""
    joined: float
    """Share of letters on a line that are joined to the next."""
    sprawl: float
    """Share of characters that leave their box."""
    slips: float
    """Chance that a text begins one box late."""
    corrects: float
    """Chance, for each character, that it was first written wrongly."""
    small: bool
    """Writes small letters where capitals are asked for."""
    _samples: Callable[[str, np.random.Generator], tuple[Strokes | None, GrayImage | None]] = field(repr=False)

    def into_cells(
        self, ink: Mask, cells: Sequence[Box], text: str, rng: np.random.Generator, *, may_slip: bool = True
    ) -> tuple[str, ...]:
        """Write a text one character a cell; a blank leaves its cell empty.

        Args:
            ink: shape (height, width), full resolution; written on. cells: in pixels, at least as many as characters.
        Returns: what went wrong: "slipped", "corrected", "overwritten".
        """
        happened: list[str] = []
        late = int(may_slip and len(text) < len(cells) and rng.random() < self.slips)
        if late:
            happened.append("slipped")
        lift = rng.normal(0, 0.03)
        for cell, character in zip(cells[late:], text, strict=False):
            if character == " ":
                continue
            shown = character.lower() if self.small and character.lower() in "abdefghijmnqrt" else character
            if rng.random() < self.corrects:
                happened.append(self._correct(ink, cell, shown, rng))
            else:
                self._character(ink, cell, shown, rng, lift=lift)
        return tuple(happened)

    def _correct(self, ink: Mask, cell: Box, character: str, rng: np.random.Generator) -> str:
        """A wrong character first; then the right one over it, or the wrong one struck out and the right one above."""
        pool = _DIGITS if character in _DIGITS else _UPPER
        wrong = pool[rng.integers(len(pool))]
        if rng.random() < 0.6:
            self._character(ink, cell, wrong, rng, lift=0.0, weight=0.8)
            self._character(ink, cell, character, rng, lift=0.0, weight=1.7)
            return "overwritten"
        self._character(ink, cell, wrong, rng, lift=0.0)
        over = [stroke * np.array([cell.width, cell.height], np.float32) for stroke in scribble(rng)]
        draw(ink, over, 1.0, (cell.x, cell.y), self.pen.mm * PX_PER_MM)
        above = Box(cell.x, cell.y - 0.62 * cell.height, cell.width, 0.7 * cell.height)
        self._character(ink, above, character, rng, lift=0.0)
        return "corrected"

    def _character(
        self, ink: Mask, cell: Box, character: str, rng: np.random.Generator, *, lift: float, weight: float = 1.0
    ) -> None:
        restless = 0.25 + self.steady
        share = self.size * (1 + rng.normal(0, 0.07 * restless))
        dx, dy = rng.normal(0, 0.05 * restless), lift + rng.normal(0, 0.035 * restless)
        widest = 0.94
        if rng.random() < self.sprawl:
            share, widest = share * rng.uniform(1.05, 1.35), 1.2
            dx, dy = dx + rng.normal(0, 0.12), dy + rng.normal(0, 0.1)
        if character == "'":
            share, dy = share * 0.28, dy - 0.28
        elif character in ".,":
            share, dy = share * 0.1, dy + 0.28
        elif character == "-":
            share *= 0.45
        elif character in "aceimnorsuvwxz":
            share, dy = share * 0.75, dy + 0.08
        center = (cell.x + cell.width * (0.5 + dx), cell.y + cell.height * (0.5 + dy))
        strokes, picture = self._samples(character, rng)
        if picture is not None:
            _paste(ink, picture, (widest * cell.width, share * cell.height), center, self.pen.strength, rng)
        elif strokes is not None:
            strokes = fit(strokes)
            extent = np.concatenate(strokes).max(axis=0)
            scale = min(share * cell.height, widest * cell.width / max(float(extent[0]), 0.05))
            origin = (center[0] - float(extent[0]) * scale / 2, center[1] - float(extent[1]) * scale / 2)
            self._pull(ink, strokes, scale, origin, rng, weight=weight)

    def _pull(
        self, ink: Mask, strokes: Strokes, scale: float, origin: tuple[float, float], rng: np.random.Generator, *,
        weight: float = 1.0,
    ) -> None:  # fmt: skip
        """Draw strokes with this pen; the pressure changes from one to the next."""
        for stroke in strokes:
            pressure = weight * (1 + rng.normal(0, 0.06 + 0.1 * self.steady))
            draw(ink, [stroke], scale, origin, max(1.0, self.pen.mm * PX_PER_MM * pressure))

    def on_line(self, ink: Mask, area: Box, text: str, rng: np.random.Generator) -> None:
        """Write running text on the lower edge of `area` (pixels), smaller where it would not fit."""
        x_height = area.height * self.size * rng.uniform(0.42, 0.6)
        letters = self._letters(text, rng)
        wanted = sum(width for _, _, width in letters) * x_height
        room = area.width * rng.uniform(0.9, 1.0)
        x_height *= min(1.0, max(0.45, room / max(wanted, 1.0)))
        x = area.x + rng.uniform(0.0, 0.04) * area.width + 0.3 * x_height
        base = area.bottom - x_height * rng.uniform(0.1, 0.45)
        rise, wave, phase = rng.normal(0, 0.012), 0.05 * self.steady * x_height, rng.uniform(0, 6.3)
        before: Points | None = None
        for name, strokes, width in letters:
            y = base + rise * (x - area.x) + wave * np.sin(x / (6 * x_height) + phase)
            placed = [stroke * np.float32(x_height) + np.array([x, y], np.float32) for stroke in strokes]
            joins = before is not None and name in _LOWER and rng.random() < self.joined
            if joins and before is not None and placed and len(placed[0]) > 1:
                self._pull(ink, [_joint(before, placed[0][0])], 1.0, (0.0, 0.0), rng)
            self._pull(ink, placed, 1.0, (0.0, 0.0), rng)
            before = placed[0][-1] if placed and name in _LOWER else None
            x += width * x_height

    def _letters(self, text: str, rng: np.random.Generator) -> list[tuple[str, Strokes, float]]:
        """Each character as strokes over a baseline at y 0, x-height 1, sheared, with its advance."""
        gap = 0.22 + 0.25 * (1 - self.joined) * rng.random()
        letters: list[tuple[str, Strokes, float]] = []
        for character in text:
            if character == " ":
                letters.append((" ", [], rng.uniform(0.6, 1.0)))
                continue
            base, accent = _taken_apart(character)
            strokes = self._running(base, rng)
            top = min(float(np.concatenate(strokes)[:, 1].min()), -1.0)
            width = float(np.ptp(np.concatenate(strokes)[:, 0]))
            if accent:
                strokes = [*strokes, *_accent(accent, width, top, rng)]
            slanted = [
                np.stack((stroke[:, 0] - self.slant * stroke[:, 1], stroke[:, 1]), axis=1).astype(np.float32)
                for stroke in strokes
            ]
            letters.append((base, slanted, width + gap * rng.uniform(0.7, 1.3)))
        return letters

    def _running(self, character: str, rng: np.random.Generator) -> Strokes:
        top, bottom = _reach(character)
        if character == "_":
            return [np.array([(0, 0.25), (0.9, 0.25 + rng.normal(0, 0.04))], np.float32)]
        strokes, _ = self._samples(character, rng)
        if strokes is None:
            strokes = [np.array([(0, 0), (0.3, 1)], np.float32)]
        strokes = fit(strokes)
        extent = np.concatenate(strokes).max(axis=0)
        height = (top - bottom) * (1 + rng.normal(0, 0.06 * (0.3 + self.steady)))
        scale = height / max(float(extent[1]), 0.35) if character != "-" else 0.6
        move = np.array([0, -(top if character != "-" else 0.55)], np.float32)
        return [(stroke * np.float32(scale) + move).astype(np.float32) for stroke in strokes]

    def sign(self, ink: Mask, area: Box, rng: np.random.Generator, name: str = "") -> None:
        """A signature somewhere in `area` (pixels): loops, initials or the name, often underlined; it may overshoot."""
        width = area.width * rng.uniform(0.3, 0.85)
        height = min(area.height * rng.uniform(0.3, 0.85), width)
        x = area.x + rng.uniform(0.05, 1.0) * max(1.0, area.width - width)
        y = area.y + rng.uniform(0.2, 1.0) * max(1.0, area.height - height)
        if name and rng.random() < 0.35:
            joined, self.joined = self.joined, 0.95
            self.on_line(ink, Box(x, y, width, height * 0.6), name.title(), rng)
            self.joined = joined
        else:
            self._pull(ink, _flourish(rng, width, height), 1.0, (x, y), rng)
        if rng.random() < 0.45:
            line = np.array([(0, 0), (width * 0.5, rng.normal(0, 4)), (width, rng.normal(0, 10))], np.float32)
            self._pull(ink, [line], 1.0, (x, y + height * rng.uniform(0.75, 1.05)), rng)

    def tick(self, ink: Mask, square: Box, rng: np.random.Generator, kind: str | None = None) -> str:
        """Mark a square (pixels) one way or another; returns the way."""
        way = kind or _TICKS[rng.choice(len(_TICKS), p=np.array(_TICK_SHARES) / sum(_TICK_SHARES))]
        strokes = _tick(way, rng)
        size = square.width
        middle = np.array([square.center_x, square.center_y]) + rng.normal(0, 0.09 * size, 2)
        placed = [smooth((stroke * size + middle).astype(np.float32), spacing=3.0) for stroke in strokes]
        self._pull(ink, placed, 1.0, (0.0, 0.0), rng)
        return way


class Hands:
    """Everybody in the collections.

    Args:
        data: folder with strokes_unipen.npz, digits_mnist.npz and digits_optdigits.npz.
        held_out: True for the writers that the box reader never learned from, False for the others, None for all.
    Raises: Misconfigured when the folder lacks a collection.
    """

    def __init__(self, data: Path, *, held_out: bool | None) -> None:
        for name in ("strokes_unipen", "digits_mnist", "digits_optdigits"):
            if not (data / f"{name}.npz").is_file():
                raise Misconfigured(f"{data} has no {name}.npz. Give the folder of the handwriting collections.")
        self._records = PenRecords(data / "strokes_unipen.npz")
        self._by_writer: dict[str, dict[str, list[int]]] = {}
        self._by_label: dict[str, list[int]] = {}
        for index, (label, writer) in enumerate(zip(self._records.labels, self._records.writers, strict=True)):
            if held_out is not None and is_held_out(writer) is not held_out:
                continue
            self._by_writer.setdefault(writer, {}).setdefault(label, []).append(index)
            self._by_label.setdefault(label, []).append(index)
        self._own_shapes = held_out is not True
        self._pictures: dict[str, list[GrayImage]] = {}
        for name in ("digits_mnist", "digits_optdigits"):
            with np.load(data / f"{name}.npz") as stored:
                pictures, labels = stored["x"], stored["y"].tolist()
            for index, label in enumerate(labels):
                if held_out is None or is_held_out(f"{name}:{index}") is held_out:
                    self._pictures.setdefault(label, []).append(pictures[index])
        self._writers = {
            kind: sorted(w for w, own in self._by_writer.items() if sum(c in own for c in kind) >= fewest)
            for kind, fewest in _FEWEST.items()
        }

    @property
    def writers(self) -> list[str]:
        """Everybody whose strokes are there."""
        return sorted(self._by_writer)

    def someone(self, rng: np.random.Generator, *, hard: float = 0.5) -> Hand:
        """A hand by chance.

        Args:
            hard: 0 careful people only; 1 restless ones who leave boxes, slip by a cell and correct themselves.
        """
        chosen = {kind: self._writer(kind, rng) for kind in _FEWEST}
        # As in collections of single characters: every character from somebody else.
        mixed = bool(rng.random() < 0.25)
        pictures = 0.4 if mixed else 0.0
        own = 0.15 if self._own_shapes else 0.0

        def samples(character: str, at: np.random.Generator) -> tuple[Strokes | None, GrayImage | None]:
            if pictures and character in self._pictures and at.random() < pictures:
                pool = self._pictures[character]
                return None, pool[at.integers(len(pool))]
            if own and character in OWN_SHAPES and (character in "-/'." or at.random() < own):
                shapes = OWN_SHAPES[character]
                return vary(shapes[at.integers(len(shapes))](at), at), None
            kind = next((kind for kind in chosen if character in kind), "")
            own_samples = self._by_writer.get(chosen.get(kind, ""), {}).get(character) if not mixed else None
            indices = own_samples or self._by_label.get(character)
            if not indices:
                return None, None
            return vary(self._records.strokes(indices[at.integers(len(indices))]), at), None

        return Hand(
            pen=_pen(rng),
            size=float(np.clip(rng.normal(0.7, 0.1), 0.4, 0.95)),
            steady=float(rng.uniform(0.1, 0.4 + 0.6 * hard)),
            slant=float(rng.normal(0.12, 0.14)),
            joined=float(rng.choice((0.0, 0.3, 0.8, 1.0), p=(0.4, 0.2, 0.2, 0.2))),
            sprawl=float(max(0.0, rng.normal(0.02 + 0.05 * hard, 0.06 * hard))),
            slips=0.04 * hard,
            corrects=0.01 * hard if rng.random() < 0.4 else 0.0,
            small=bool(rng.random() < 0.05 * hard),
            _samples=samples,
        )

    def _writer(self, kind: str, rng: np.random.Generator) -> str:
        pool = self._writers[kind]
        return pool[rng.integers(len(pool))] if pool else ""


def _pen(rng: np.random.Generator) -> Pen:
    mm = float(np.clip(np.exp(rng.normal(-0.85, 0.3)), 0.25, 0.95))
    kind = rng.random()
    if kind < 0.1:
        shade = float(rng.uniform(60, 110))
        return Pen(mm, (shade, shade, shade), float(rng.uniform(0.45, 0.8)), float(rng.uniform(0.3, 0.7)))
    if kind < 0.6:
        colour = (float(rng.uniform(95, 190)), float(rng.uniform(30, 80)), float(rng.uniform(10, 60)))
    else:
        shade = float(rng.uniform(5, 50))
        colour = (shade, shade, shade)
    return Pen(mm, colour, float(rng.uniform(0.8, 1.0)), float(rng.uniform(0, 0.35)))


def grained(ink: Mask, pen: Pen, rng: np.random.Generator) -> Mask:
    """Ink as this pen leaves it on paper: fainter, with the grain of the paper in it; same shape."""
    rows, columns = np.nonzero(ink)
    left = np.array(ink)
    if len(rows):
        part = left[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        if pen.grain > 0.05:
            coarse = rng.standard_normal((part.shape[0] // 3 + 1, part.shape[1] // 3 + 1), np.float32)
            grain = cv2.resize(coarse, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
            part *= np.clip(1 - pen.grain * np.maximum(grain, 0), 0, 1)
        part *= np.float32(pen.strength)
    return np.asarray(left, np.float32)


def _paste(
    ink: Mask, picture: GrayImage, limits: tuple[float, float], center: tuple[float, float], strength: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """A photographed digit, at most `limits` (width, height) pixels large, its edge sharpened."""
    rows, columns = np.nonzero(picture > 80)
    if len(rows) == 0:
        return
    cut = np.pad(picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], 1)
    scale = min(limits[0] / cut.shape[1], limits[1] / cut.shape[0])
    size = (max(2, round(cut.shape[1] * scale)), max(2, round(cut.shape[0] * scale)))
    large = cv2.GaussianBlur(cv2.resize(cut, size, interpolation=cv2.INTER_CUBIC), (0, 0), 0.3 * scale) / 255
    shape = np.clip((large - rng.uniform(0.3, 0.55)) * 5 + 0.5, 0, 1).astype(np.float32)
    left, top = round(center[0] - size[0] / 2), round(center[1] - size[1] / 2)
    if left < 0 or top < 0:
        return
    part = ink[top : top + size[1], left : left + size[0]]
    np.maximum(part, shape[: part.shape[0], : part.shape[1]], out=part)


# Running writing: how high letters reach, accents, joints.


def _reach(character: str) -> tuple[float, float]:
    """Top and bottom over the baseline, in x-heights, y up."""
    table = {
        **dict.fromkeys("acemnorsuvwxz", (1.0, 0.0)), **dict.fromkeys("bdhkl", (1.85, 0.0)), "t": (1.6, 0.0),
        "f": (1.8, -0.25), "i": (1.55, 0.0), **dict.fromkeys("gqyp", (1.0, -0.85)), "j": (1.5, -0.8),
        ".": (0.15, 0.0), ",": (0.2, -0.35), "'": (1.8, 1.3), "-": (0.6, 0.5), "@": (1.3, -0.35), "/": (1.8, -0.3),
        "&": (1.6, 0.0), "+": (1.2, 0.2), ":": (1.0, 0.1), "(": (1.8, -0.3), ")": (1.8, -0.3),
    }  # fmt: skip
    return table.get(character, (1.75, 0.0))


def _taken_apart(character: str) -> tuple[str, str]:
    """The letter and its accent's combining character, empty when it has none."""
    parts = unicodedata.normalize("NFD", character)
    return parts[0], parts[1] if len(parts) > 1 else ""


def _accent(mark: str, width: float, top: float, rng: np.random.Generator) -> Strokes:
    """Strokes of an accent over a letter of this width whose top is at `top` (y down, x-heights)."""
    x, y = width / 2 + rng.normal(0, 0.06), top - rng.uniform(0.15, 0.3)
    reach, rise = rng.uniform(0.12, 0.25), rng.uniform(0.12, 0.3)
    shapes = {
        "\u0301": [[(x - reach, y), (x + reach, y - rise)]],
        "\u0300": [[(x - reach, y - rise), (x + reach, y)]],
        "\u0302": [[(x - reach, y), (x, y - rise), (x + reach, y)]],
        "\u0308": [[(x - reach, y)], [(x + reach, y)]],
        "\u0327": [[(x, 0.02), (x + 0.08, 0.12), (x - 0.12, 0.32)]],
    }
    return [np.array(points, np.float32) for points in shapes.get(mark, [])]


def _joint(start: Points, stop: Points) -> Points:
    """The upstroke between two letters: it leaves flat and arrives from below."""
    bend = np.array([(start[0] + stop[0]) / 2, max(start[1], stop[1])], np.float32)
    t = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
    return np.asarray((1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * stop, np.float32)


def _flourish(rng: np.random.Generator, width: float, height: float) -> Strokes:
    """Loops and waves from left to right that grow smaller."""
    count = int(rng.integers(60, 140))
    t = np.linspace(0, 1, count)
    loops = rng.uniform(1.5, 6.5)
    swing = np.sin(2 * np.pi * loops * t + rng.uniform(0, 6.3)) * (1 - rng.uniform(0.2, 0.8) * t)
    swing += rng.uniform(0, 0.5) * np.sin(2 * np.pi * loops * 2.3 * t + rng.uniform(0, 6.3))
    back = rng.uniform(0.0, 0.16) * np.cos(2 * np.pi * loops * t + rng.uniform(0, 6.3))
    x, y = t + back, swing
    x, y = (x - x.min()) / np.ptp(x), (y - y.min()) / np.ptp(y)
    whole = np.stack((x * width, y * height), axis=1).astype(np.float32)
    if rng.random() < 0.4:
        cut = int(count * rng.uniform(0.3, 0.7))
        return [whole[:cut], whole[cut + 2 :]]
    return [whole]


def _tick(way: str, rng: np.random.Generator) -> Strokes:
    """A mark around 0, 0 for a square of side 1."""

    def near(*points: tuple[float, float]) -> NDArray[np.float32]:
        return (np.array(points) + rng.normal(0, 0.06, (len(points), 2))).astype(np.float32)

    if way in ("cross", "wide_cross"):
        half = rng.uniform(0.28, 0.5) if way == "cross" else rng.uniform(0.55, 0.95)
        return [near((-half, -half), (half, half)), near((half, -half), (-half, half))]
    if way == "tick":
        return [near((-0.4, 0.0), (-0.1, 0.4), (rng.uniform(0.4, 1.1), -rng.uniform(0.4, 1.1)))]
    if way == "slash":
        return [near((-0.45, 0.45), (0.45, -0.45))]
    if way == "dot":
        angles = np.linspace(0, 4 * np.pi, 20)
        radius = np.linspace(rng.uniform(0.1, 0.22), 0.02, 20)
        return [np.stack((radius * np.cos(angles), radius * np.sin(angles)), axis=1).astype(np.float32)]
    if way == "filled":
        turns = int(rng.integers(7, 13))
        x = np.linspace(-0.42, 0.42, turns)
        y = np.where(np.arange(turns) % 2, 0.42, -0.42) + rng.normal(0, 0.05, turns)
        return [np.stack((x, y), axis=1).astype(np.float32)]
    if way == "dash":
        return [near((-0.4, 0.0), (0.4, 0.0))]
    angles = np.linspace(0.3, 2 * np.pi + 0.6, 30)
    reach = rng.uniform(0.75, 1.1)
    return [np.stack((reach * 1.1 * np.cos(angles), reach * np.sin(angles)), axis=1).astype(np.float32)]
