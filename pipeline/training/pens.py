"""Handwriting as pen strokes: recorded ones, own ones, and how one hand varies another's.

A character is a list of strokes; a stroke has shape (points, 2), x to the right and y down, in a unit box of the
character's larger side.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Strokes = list[Points]
Mask = NDArray[np.float32]


class PenRecords:
    """Recorded pen trajectories, one npz file: points, stroke_len, n_strokes, y, writer."""

    def __init__(self, file: Path) -> None:
        with np.load(file) as stored:
            self._points = stored["points"]
            self._stroke_ends = np.r_[0, np.cumsum(stored["stroke_len"].astype(np.int64))]
            self._character_ends = np.r_[0, np.cumsum(stored["n_strokes"].astype(np.int64))]
            self.labels: list[str] = stored["y"].tolist()
            self.writers: list[str] = stored["writer"].tolist()

    def strokes(self, index: int) -> Strokes:
        first, last = self._character_ends[index], self._character_ends[index + 1]
        ends = self._stroke_ends
        return [self._points[ends[j] : ends[j + 1]].astype(np.float32) / 255 for j in range(first, last)]


def vary(strokes: Strokes, rng: np.random.Generator) -> Strokes:
    """The same character once more: smoothed, slanted, turned, bent, its strokes a little displaced."""
    shear, turn = rng.normal(0, 0.14), rng.normal(0, 0.07)
    stretch = np.exp(rng.normal(0, 0.12))
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[stretch, -shear], [0, 1 / stretch]])
    waves = rng.normal(0, 0.035, (2, 2))
    phases = rng.uniform(0, 2 * np.pi, (2, 2))
    wobble, shift = abs(rng.normal(0, 0.006)), abs(rng.normal(0, 0.012))
    varied: Strokes = []
    for stroke in strokes:
        points = smooth(stroke)
        points = points + rng.normal(0, shift, (1, 2)).astype(np.float32)
        if len(points) > 4:
            walk = cv2.GaussianBlur(rng.normal(0, 1, (len(points), 2)), (1, 0), sigmaX=1e-6, sigmaY=4.0)
            points = points + (walk * wobble * 2.5).astype(np.float32)
        bent = points @ matrix.T
        for axis in (0, 1):
            other = points[:, 1 - axis] * 2 * np.pi
            bent[:, axis] += waves[axis, 0] * np.sin(other * 0.6 + phases[axis, 0])
            bent[:, axis] += 0.5 * waves[axis, 1] * np.sin(other * 1.2 + phases[axis, 1])
        varied.append(bent.astype(np.float32))
    return varied


def smooth(stroke: Points, spacing: float = 0.035) -> Points:
    """A stroke with evenly spaced points and the steps of a coarse tablet rounded off."""
    if len(stroke) < 2:
        return stroke
    steps = np.hypot(*np.diff(stroke, axis=0).T)
    length = np.r_[0, np.cumsum(steps)]
    if length[-1] < spacing:
        return stroke
    places = np.linspace(0, length[-1], max(3, int(length[-1] / spacing) + 1))
    even = np.stack([np.interp(places, length, stroke[:, axis]) for axis in (0, 1)], axis=1)
    soft = even.copy()
    soft[1:-1] = 0.25 * even[:-2] + 0.5 * even[1:-1] + 0.25 * even[2:]
    return soft.astype(np.float32)


def fit(strokes: Strokes) -> Strokes:
    """The strokes moved and scaled so that their larger side is 1 and they start at 0, 0."""
    every = np.concatenate(strokes)
    low = every.min(axis=0)
    size = max(float((every.max(axis=0) - low).max()), 1e-3)
    return [((stroke - low) / size).astype(np.float32) for stroke in strokes]


def draw(canvas: Mask, strokes: Strokes, scale: float, origin: tuple[float, float], pen_px: float) -> None:
    """Draw strokes with a round pen, ink 1.0; unit boxes are `scale` pixels, `origin` is their place (x, y)."""
    thickness = max(1, round(pen_px))
    for stroke in strokes:
        places = np.round((stroke * scale + np.array(origin)) * 16).astype(np.int32)
        if len(places) == 1:
            cv2.circle(canvas, tuple(map(int, places[0])), round(8 * pen_px) + 8, 1.0, -1, cv2.LINE_AA, 4)
        else:
            cv2.polylines(canvas, [places.reshape(-1, 1, 2)], False, 1.0, thickness, cv2.LINE_AA, 4)


# Shapes that Europeans write and American collections lack. Each draws one of many variants.


def _line(*points: tuple[float, float]) -> Points:
    return np.array(points, dtype=np.float32)


def _ellipse(rx: float, ry: float, start_deg: float, stop_deg: float) -> Points:
    angles = np.linspace(np.deg2rad(start_deg), np.deg2rad(stop_deg), 28)
    return np.stack((rx + rx * np.cos(angles), ry + ry * np.sin(angles)), axis=1).astype(np.float32)


def one_with_upstroke(rng: np.random.Generator) -> Strokes:
    """1 as it is taught in France and Germany; the upstroke may be nearly as long as the stem, a foot may follow."""
    reach = rng.uniform(0.12, 0.55)
    # A flat upstroke would be a 7.
    drop = rng.uniform(max(0.15, 0.5 * reach), 0.62)
    lean = rng.uniform(-0.12, 0.08)
    top = (0.6, 0.0)
    bow = (top[0] - reach * 0.45, drop * rng.uniform(0.42, 0.6))
    strokes = [_line((top[0] - reach, drop), bow, top, (top[0] + lean, 1.0))]
    if rng.random() < 0.25:
        half = rng.uniform(0.12, 0.35)
        strokes.append(_line((top[0] + lean - half, 1.0), (top[0] + lean + half, rng.uniform(0.96, 1.03))))
    return strokes


def plain_one(rng: np.random.Generator) -> Strokes:
    """1 as a mere stem, upright or leaning either way."""
    lean = rng.normal(0.1, 0.2)
    bow = rng.normal(0, 0.03)
    return [_line((0.5 + lean, 0), (0.5 + lean / 2 + bow, 0.5), (0.5 - lean, 1))]


def crossed_seven(rng: np.random.Generator) -> Strokes:
    """7 with a bar, with or without a serif at the left; the stem may be straight or bent."""
    width = rng.uniform(0.45, 0.85)
    foot = width * rng.uniform(0.1, 0.75)
    bend = rng.uniform(-0.06, 0.1)
    lift = rng.uniform(-0.05, 0.12)
    corner = (width, lift * 0.3)
    start = [(0.0, rng.uniform(0.12, 0.25))] if rng.random() < 0.3 else []
    stem = _line(*start, (0.0, lift), corner, ((width + foot) / 2 - bend, 0.5), (foot, 1.0))
    if rng.random() < 0.12:
        return [stem]
    y = rng.uniform(0.38, 0.62)
    x = width + (foot - width) * y - bend
    left, right = rng.uniform(0.12, 0.4), rng.uniform(0.1, 0.35)
    return [stem, _line((x - left, y + rng.normal(0, 0.04)), (x + right, y + rng.normal(0, 0.04)))]


def marked_zero(rng: np.random.Generator) -> Strokes:
    """0 with a slash or a dot, as people write who mind the letter O."""
    rx, start = rng.uniform(0.26, 0.42), rng.uniform(-140, -40)
    ring = _ellipse(rx, 0.5, start, start - 360 + rng.normal(0, 8))
    if rng.random() < 0.3:
        return [ring, _line((rx, 0.5), (rx + rng.normal(0, 0.03), 0.5 + rng.normal(0, 0.03)))]
    over = rng.uniform(-0.12, 0.12)
    return [ring, _line((2 * rx + over, -over + rng.uniform(0, 0.2)), (-over, 1 + over - rng.uniform(0, 0.2)))]


def open_four(rng: np.random.Generator) -> Strokes:
    """4 open at the top, in two strokes."""
    lean, y = rng.uniform(0.05, 0.35), rng.uniform(0.5, 0.7)
    stem_x, width = rng.uniform(0.42, 0.62), rng.uniform(0.6, 0.8)
    elbow = _line((lean, rng.uniform(0, 0.1)), (0.0, y), (width, y + rng.normal(0, 0.03)))
    top = rng.uniform(0.0, 0.45)
    return [elbow, _line((stem_x + rng.normal(0, 0.04), top), (stem_x - rng.uniform(-0.05, 0.12), 1))]


def serif_i(rng: np.random.Generator) -> Strokes:
    """Capital I, a stem with or without serifs."""
    if rng.random() < 0.55:
        return plain_one(rng)
    half, lean = rng.uniform(0.1, 0.3), rng.normal(0.03, 0.05)
    top, foot = 0.5 + lean, 0.5 - lean
    stem = _line((top, 0), (foot, 1))
    return [stem, _line((top - half, 0), (top + half, 0)), _line((foot - half, 1), (foot + half, 1))]


def dotted_i(rng: np.random.Generator) -> Strokes:
    """A small i among capitals, its dot near or far."""
    stem = [stroke * np.float32(0.65) + np.array([0, 0.35], np.float32) for stroke in plain_one(rng)]
    x, y = 0.33 + rng.normal(0, 0.05), rng.uniform(0.0, 0.2)
    return [*stem, _line((x, y), (x + rng.normal(0, 0.03), y + abs(rng.normal(0, 0.03))))]


def shallow_m(rng: np.random.Generator) -> Strokes:
    """M whose middle goes down a little way only: it must not look like an H."""
    width, splay = rng.uniform(0.5, 0.95), rng.uniform(-0.03, 0.14)
    depth = rng.uniform(0.22, 0.75)
    left = _line((splay, rng.uniform(0, 0.06)), (0, 1))
    middle = _line((splay, 0), (width / 2 + rng.normal(0, 0.04), depth), (width - splay, rng.uniform(0, 0.06)))
    right = _line((width - splay, 0), (width, 1))
    if rng.random() < 0.5:
        return [left, middle, right]
    return [np.concatenate((left[::-1], middle[1:], right[1:]))]


def school_a(rng: np.random.Generator) -> Strokes:
    """A with a round or flat top, or a pointed one, its bar high or low."""
    width, y = rng.uniform(0.4, 0.8), rng.uniform(0.35, 0.68)
    kind = rng.integers(3)
    if kind == 0:
        top = _ellipse(width / 2, rng.uniform(0.15, 0.45), 180, 360)
        shell = np.concatenate((_line((0, 1)), top, _line((width, 1))))
    elif kind == 1:
        half = rng.uniform(0.1, 0.5) * width / 2
        shell = _line((0, 1), (width / 2 - half, 0), (width / 2 + half, 0), (width, 1))
    else:
        shell = _line((0, 1), (width / 2 + rng.normal(0, 0.05), 0), (width, 1))
    over = rng.uniform(-0.05, 0.08)
    bar = _line((-over + 0.06, y + rng.normal(0, 0.03)), (width + over - 0.06, y + rng.normal(0, 0.03)))
    return [shell, bar]


def school_r(rng: np.random.Generator) -> Strokes:
    """R with a flat stem, a bowl of any width and a straight leg."""
    width, y = rng.uniform(0.35, 0.65), rng.uniform(0.4, 0.58)
    stem = _line((0, 0), (rng.normal(0, 0.03), 1))
    flat = rng.uniform(0, 0.6) * width
    arc = _ellipse((width - flat), y / 2, -90, 90) - np.array([width - flat, 0], np.float32)
    bowl = np.concatenate((_line((rng.uniform(-0.08, 0.02), 0)), arc + np.array([flat, 0], np.float32)))
    bowl = np.concatenate((bowl, _line((rng.uniform(0, 0.12), y))))
    leg = _line((rng.uniform(0.02, 0.25) * width, y), (width * rng.uniform(0.8, 1.2), 1))
    return [stem, np.concatenate((bowl, leg))] if rng.random() < 0.6 else [stem, bowl, leg]


def round_u(rng: np.random.Generator) -> Strokes:
    """U with upright or leaning sides and a bottom that stays round."""
    width, depth, splay = rng.uniform(0.4, 0.8), rng.uniform(0.14, 0.4), rng.uniform(-0.05, 0.1)
    bottom = _ellipse(width / 2, depth, 180, 0) + np.array([0, 1 - 2 * depth], np.float32)
    sides = np.concatenate((_line((-splay, 0)), bottom, _line((width + splay, rng.uniform(0, 0.1)))))
    if rng.random() < 0.3:
        return [sides, _line((width + splay, 0), (width + rng.uniform(0, 0.1), 1))]
    return [sides]


def pointed_v(rng: np.random.Generator) -> Strokes:
    """V with a point at the bottom."""
    width = rng.uniform(0.45, 0.9)
    return [_line((0, rng.uniform(0, 0.1)), (width * rng.uniform(0.35, 0.55), 1), (width, rng.uniform(0, 0.1)))]


def round_e(rng: np.random.Generator) -> Strokes:
    """E as a half moon with a bar, or three bars on a stem."""
    width = rng.uniform(0.45, 0.75)
    middle = _line((0.02, 0.5), (width * rng.uniform(0.5, 1.0), 0.5 + rng.normal(0, 0.04)))
    if rng.random() < 0.5:
        return [_ellipse(width, 0.5, rng.uniform(-70, -40), -360 + rng.uniform(40, 80)), middle]
    shell = _line(
        (width, rng.normal(0, 0.03)), (0, 0), (0, 1), (width * rng.uniform(0.8, 1.1), 1 + rng.normal(0, 0.03))
    )
    return [shell, middle]


def crossed_z(rng: np.random.Generator) -> Strokes:
    """Z with a bar."""
    width = rng.uniform(0.55, 0.9)
    zig = _line((0, 0), (width, 0), (rng.uniform(-0.05, 0.1), 1), (width, 1))
    return [zig, _line((width * 0.2, 0.5), (width * 0.8, 0.5 + rng.normal(0, 0.04)))]


def dash(rng: np.random.Generator) -> Strokes:
    """A hyphen."""
    return [_line((0, 0), (0.5, rng.normal(0, 0.03)), (1, rng.normal(0, 0.08)))]


def slash(rng: np.random.Generator) -> Strokes:
    """A slash: it leans more than a 1."""
    return [_line((rng.uniform(0.4, 0.8), 0), (0, 1))]


def apostrophe(rng: np.random.Generator) -> Strokes:
    """A short stroke; where it stands in the cell tells what it is."""
    return [_line((rng.uniform(0, 0.5), 0), (0.2, 0.6), (rng.uniform(-0.2, 0.2), 1))]


def dot(rng: np.random.Generator) -> Strokes:
    """A full stop."""
    return [_line((0, 0), (rng.uniform(0.02, 0.3), rng.uniform(0.02, 0.3)))]


OWN_SHAPES: dict[str, tuple[Callable[[np.random.Generator], Strokes], ...]] = {
    "0": (marked_zero,),
    "1": (one_with_upstroke, one_with_upstroke, plain_one),
    "4": (open_four,),
    "7": (crossed_seven,),
    "A": (school_a,),
    "E": (round_e,),
    "I": (serif_i, dotted_i),
    "M": (shallow_m,),
    "R": (school_r,),
    "U": (round_u,),
    "V": (pointed_v,),
    "Z": (crossed_z,),
    "-": (dash,),
    "/": (slash,),
    "'": (apostrophe,),
    ".": (dot,),
}
"""Own drawings by label."""
