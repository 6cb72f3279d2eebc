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
    """The same character once more: smoothed, slanted, turned, bent, its strokes displaced, cut short, run over."""
    shear, turn = rng.normal(0, 0.24 if rng.random() < 0.15 else 0.13), rng.normal(0, 0.07)
    stretch = np.exp(rng.normal(0, 0.12))
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[stretch, -shear], [0, 1 / stretch]])
    waves = rng.normal(0, 0.035, (2, 2))
    phases = rng.uniform(0, 2 * np.pi, (2, 2))
    wobble, shift = abs(rng.normal(0, 0.006)), abs(rng.normal(0, 0.015))
    hasty = rng.random() < 0.3
    varied: Strokes = []
    for stroke in strokes:
        points = smooth(stroke)
        points = points + rng.normal(0, shift, (1, 2)).astype(np.float32)
        if hasty:
            points = _hasty(points, rng)
        if len(points) > 4:
            walk = cv2.GaussianBlur(rng.normal(0, 1, (len(points), 2)), (1, 0), sigmaX=1e-6, sigmaY=4.0)
            points = points + (walk * wobble * 2.5).astype(np.float32)
        bent = points @ matrix.T
        for axis in (0, 1):
            other = points[:, 1 - axis] * 2 * np.pi
            bent[:, axis] += waves[axis, 0] * np.sin(other * 0.6 + phases[axis, 0])
            bent[:, axis] += 0.5 * waves[axis, 1] * np.sin(other * 1.2 + phases[axis, 1])
        varied.append(bent.astype(np.float32))
    return _joined(varied, rng) if hasty and len(varied) > 1 and rng.random() < 0.2 else varied


def _hasty(points: Points, rng: np.random.Generator) -> Points:
    """A stroke of someone in a hurry: a little larger or smaller, its ends short or run over, its corners round."""
    if len(points) < 5:
        return points
    middle = points.mean(axis=0)
    moved = middle + (points - middle) * np.float32(np.exp(rng.normal(0, 0.05)))
    for _ in range(int(rng.integers(0, 3))):
        moved[1:-1] = 0.25 * moved[:-2] + 0.5 * moved[1:-1] + 0.25 * moved[2:]
    cut = rng.integers(0, 1 + len(moved) // 14, 2)
    moved = moved[cut[0] : len(moved) - cut[1]]
    if rng.random() < 0.3:
        onward = (moved[-1] - moved[-3]) * np.float32(rng.uniform(0.3, 1.5))
        moved = np.concatenate((moved, moved[-1:] + onward))
    return np.asarray(moved, np.float32)


def _joined(strokes: Strokes, rng: np.random.Generator) -> Strokes:
    """Two strokes written without lifting the pen."""
    place = int(rng.integers(len(strokes) - 1))
    joint = np.concatenate((strokes[place], strokes[place + 1]))
    return [*strokes[:place], joint, *strokes[place + 2 :]]


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


def looped_one(rng: np.random.Generator) -> Strokes:
    """1 begun with a loop or hook instead of a straight upstroke, as hasty hands write it."""
    reach, drop = rng.uniform(0.08, 0.3), rng.uniform(0.2, 0.5)
    lean, swell = rng.uniform(0.0, 0.4), rng.uniform(0.0, 0.12)
    start, top = (0.5 - reach + lean * 0.4, drop), (0.5 + lean * 0.5, 0.0)
    stem = ((0.5 + swell + lean * 0.3, 0.12), (0.5 + lean * 0.1, 0.45), (0.5 - lean * 0.5, 1.0))
    return [_rounded(_line(start, (0.5 - reach * 0.2 + lean * 0.5, drop * 0.6), top, *stem))]


def footed_one(rng: np.random.Generator) -> Strokes:
    """1 with upstroke and a foot."""
    return [
        one_with_upstroke(rng)[0],
        _line((0.6 - rng.uniform(0.15, 0.4), 1.0), (0.6 + rng.uniform(0.1, 0.35), rng.uniform(0.96, 1.04))),
    ]


def wavy_seven(rng: np.random.Generator) -> Strokes:
    """7 whose top is a wave, its stem bent, mostly with a bar."""
    width, dip = rng.uniform(0.45, 0.75), rng.uniform(0.05, 0.18)
    start = (0.0, rng.uniform(0.1, 0.28))
    foot = rng.uniform(0.0, 0.5) * width
    top = ((0.12 * width, 0.02), (0.5 * width, dip), (width, 0.0))
    stem = _rounded(_line(start, *top, (0.75 * width, 0.4), (0.5 * width + 0.3 * foot, 0.7), (foot, 1.0)))
    if rng.random() < 0.25:
        return [stem]
    y = rng.uniform(0.42, 0.62)
    return [stem, _line((width * 0.1, y + rng.normal(0, 0.05)), (width * rng.uniform(0.85, 1.15), y - 0.02))]


def looped_two(rng: np.random.Generator) -> Strokes:
    """2 with a loop at its foot."""
    width = rng.uniform(0.5, 0.75)
    neck = rng.uniform(0.2, 0.35)
    head = ((0.05 * width, 0.25), (0.3 * width, 0.03), (0.75 * width, 0.05), (0.9 * width, neck))
    loop = ((0.45 * width, 0.75), (0.1 * width, 0.98), (0.0, 0.85), (0.2 * width, rng.uniform(0.7, 0.8)))
    return [_rounded(_line(*head, *loop, (0.55 * width, 0.93), (width * rng.uniform(0.95, 1.2), rng.uniform(0.85, 1))))]


def flagged_five(rng: np.random.Generator) -> Strokes:
    """5 in two strokes: the body, and the flag that may stand apart or be short."""
    width, neck = rng.uniform(0.4, 0.65), rng.uniform(0.35, 0.5)
    stem_x = rng.uniform(0.0, 0.15)
    belly = (
        (stem_x, neck), (0.5 * width, neck - 0.06), (width, neck + 0.22), (0.7 * width, 0.93), (0.25 * width, 1.0),
        (-0.05, rng.uniform(0.85, 0.97)),
    )  # fmt: skip
    body = _rounded(_line((stem_x + rng.uniform(0, 0.1), rng.uniform(0.0, 0.08)), *belly))
    gap = rng.uniform(-0.03, 0.1)
    y = rng.uniform(-0.03, 0.06)
    return [body, _line((stem_x + gap, y), (width * rng.uniform(0.8, 1.35), y + rng.normal(-0.02, 0.05)))]


def tailed_nine(rng: np.random.Generator) -> Strokes:
    """9 with a straight, bent or hooked tail; the ring may stay open."""
    rx, ry = rng.uniform(0.2, 0.34), rng.uniform(0.2, 0.32)
    opened = rng.uniform(-25, 45)
    ring = _ellipse(rx, ry, -20 - max(opened, 0), -380 + rng.uniform(0, 20))
    foot = rng.uniform(-0.1, 1.6) * rx
    tail = [(2 * rx, ry * 0.8), (2 * rx - 0.02, 0.6), (foot, 1.0)]
    if rng.random() < 0.35:
        tail += [(foot - 0.15, rng.uniform(0.93, 1.0))]
    if rng.random() < 0.5:
        return [np.concatenate((ring, _line(*tail)))]
    return [ring, _line((2 * rx + rng.uniform(-0.02, 0.06), rng.uniform(0, 0.15)), *tail[1:])]


def flat_three(rng: np.random.Generator) -> Strokes:
    """3 with a flat top and a corner."""
    width, y = rng.uniform(0.45, 0.7), rng.uniform(0.33, 0.45)
    belly = ((width, 0.62), (0.85 * width, 0.9), (0.4 * width, 1.0), (-0.03, rng.uniform(0.82, 0.95)))
    top = _line((0.0, rng.uniform(0, 0.06)), (width, 0.0), (0.35 * width, y))
    return [np.concatenate((top, _rounded(_line((0.35 * width, y), (0.7 * width, y + 0.02), *belly))))]


def tailed_zero(rng: np.random.Generator) -> Strokes:
    """0 whose ends cross or run on at the top."""
    rx, start = rng.uniform(0.24, 0.45), rng.uniform(-130, -50)
    turn = rng.choice((-1, 1))
    return [_ellipse(rx, 0.5, start, start + turn * (360 + rng.uniform(-25, 60))) * np.float32(rng.uniform(0.9, 1.0))]


def ringed_eight(rng: np.random.Generator) -> Strokes:
    """8 of two rings, one on the other."""
    top, foot = rng.uniform(0.16, 0.26), rng.uniform(0.2, 0.3)
    upper = _ellipse(top, rng.uniform(0.21, 0.26), 90, 450 + rng.uniform(-20, 30))
    lower = _ellipse(foot, rng.uniform(0.24, 0.29), -90, 270 + rng.uniform(-20, 30))
    return [upper + np.array([foot - top, 0], np.float32), lower + np.array([0, 0.45], np.float32)]


def school_g(rng: np.random.Generator) -> Strokes:
    """G with a bar and a stem, or a hook."""
    width = rng.uniform(0.5, 0.8)
    bow = _ellipse(width / 2, 0.5, rng.uniform(-60, -25), -330 + rng.uniform(-25, 20))
    y = rng.uniform(0.5, 0.68)
    bar = _line((width * rng.uniform(0.4, 0.65), y), (width * rng.uniform(0.95, 1.15), y))
    if rng.random() < 0.6:
        x = float(bar[-1, 0])
        return [bow, np.concatenate((bar, _line((x, rng.uniform(0.85, 1.15)))))]
    return [bow, bar]


def barred_j(rng: np.random.Generator) -> Strokes:
    """J, mostly with a bar at its head."""
    width, bend = rng.uniform(0.3, 0.6), rng.uniform(0.1, 0.25)
    stem = _line((width, 0), (width + rng.normal(0, 0.04), 1 - bend))
    hook = _rounded(_line(tuple(stem[-1]), (0.6 * width, 1.0), (0.0, 1 - rng.uniform(0.4, 1.4) * bend)))
    made = [np.concatenate((stem, hook))]
    if rng.random() < 0.65:
        made.append(_line((width - rng.uniform(0.15, 0.45), 0), (width + rng.uniform(0.0, 0.35), rng.normal(0, 0.03))))
    return made


def upright_n(rng: np.random.Generator) -> Strokes:
    """N in one or three strokes, its sides upright or leaning."""
    width, splay = rng.uniform(0.45, 0.8), rng.normal(0, 0.05)
    points = ((0.0, 1.0), (splay, rng.uniform(0, 0.1)), (width - splay, rng.uniform(0.9, 1.0)), (width, 0.0))
    if rng.random() < 0.5:
        return [_line(*points)]
    return [_line(points[1], points[0]), _line(points[1], points[2]), _line(points[3], points[2])]


def plain_l(rng: np.random.Generator) -> Strokes:
    """L with a corner or a bow, its foot short or long."""
    foot = rng.uniform(0.25, 0.65)
    if rng.random() < 0.6:
        return [_line((rng.normal(0, 0.04), 0), (0, 1), (foot, 1 + rng.normal(-0.02, 0.05)))]
    return [_rounded(_line((0.1, 0), (0.02, 0.7), (0.08, 0.97), (foot * 0.6, 1.0), (foot, rng.uniform(0.9, 1.0))))]


def ticked_q(rng: np.random.Generator) -> Strokes:
    """Q: a ring and a tick that crosses it at the foot."""
    rx, start = rng.uniform(0.32, 0.5), rng.uniform(-130, -50)
    ring = _ellipse(rx, 0.45, start, start - 360 + rng.normal(0, 8))
    x, y = rx * rng.uniform(1.0, 1.5), rng.uniform(0.55, 0.8)
    return [ring, _line((x, y), (x + rng.uniform(0.2, 0.45), y + rng.uniform(0.2, 0.4)))]


def school_s(rng: np.random.Generator) -> Strokes:
    """S of two bows, without a corner: not a 5."""
    width = rng.uniform(0.45, 0.7)
    points = (
        (width, rng.uniform(0.08, 0.22)), (0.6 * width, 0.0), (0.1 * width, 0.12), (0.1 * width, 0.36),
        (0.5 * width, 0.5), (0.95 * width, 0.65), (0.9 * width, 0.88), (0.45 * width, 1.0),
        (0.0, rng.uniform(0.8, 0.95)),
    )  # fmt: skip
    return [_rounded(_line(*points))]


def _rounded(points: Points) -> Points:
    """A polygon's corners cut twice (Chaikin): a bow."""
    for _ in range(2):
        ahead = 0.75 * points[:-1] + 0.25 * points[1:]
        behind = 0.25 * points[:-1] + 0.75 * points[1:]
        middle = np.stack((ahead, behind), axis=1).reshape(-1, 2)
        points = np.concatenate((points[:1], middle[1:-1], points[-1:]))
    return points.astype(np.float32)


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
    "0": (marked_zero, tailed_zero),
    "1": (one_with_upstroke, one_with_upstroke, plain_one, looped_one, footed_one),
    "2": (looped_two,),
    "3": (flat_three,),
    "4": (open_four,),
    "5": (flagged_five,),
    "7": (crossed_seven, crossed_seven, wavy_seven),
    "8": (ringed_eight,),
    "9": (tailed_nine,),
    "A": (school_a,),
    "E": (round_e,),
    "G": (school_g,),
    "I": (serif_i, dotted_i),
    "J": (barred_j,),
    "L": (plain_l,),
    "M": (shallow_m,),
    "N": (upright_n,),
    "Q": (ticked_q,),
    "R": (school_r,),
    "S": (school_s,),
    "U": (round_u,),
    "V": (pointed_v,),
    "Z": (crossed_z,),
    "-": (dash,),
    "/": (slash,),
    "'": (apostrophe,),
    ".": (dot,),
}
"""Own drawings by label."""
