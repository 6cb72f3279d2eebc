"""Lay a form over a page to a fraction of a millimetre, or refuse: a zone in the wrong place is worse than none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import Unreadable
from models.geometry import MM_PER_INCH, Box
from models.image import GrayImage, peaks_apart, shrunk
from models.reading import FormMatch
from models.templates import FormTemplate

Matrix = NDArray[np.float64]
"""Homography, shape (3, 3), millimetres on the blank -> pixels of the page, counted from their edges."""
Points = NDArray[np.float64]
"""Shape (n, 2)."""

PX_PER_MM = 6.0
"""Resolution at which print is compared: 150 dpi."""
_PATCH_MM = (9.0, 4.0)
_PATCHES = 64
_SEARCH_MM = 2.2
_SAME_PRINT = 0.6
"""Correlation from which a piece of print is the same."""
_FEWEST = 6
MOST_ERROR_MM = 0.8
"""A form laid worse than that is not read."""
_NEAR_MM = 9.0
"""Reach within which print proves the place of a zone."""
_BESIDE_MM = 25.0
_PROOF = 0.6
"""Share of the print around a zone that must be in its place when the nearest piece is not."""
_FIELD_MM = 28.0
"""Reach of a local displacement: folds and paper feed move parts of a page together."""
_DRIFT_MM = 1.2
"""The largest local displacement."""
_GOOD_GUESS_MM = 0.4
"""A match no worse than that needs no wide search: what a fold moved is looked for afterwards, by `_DRIFT_MM`."""
_NEAR_ENOUGH_MM = 1.0
"""A page levelled by a guess no worse than that shows the print as if levelled exactly."""


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where points of the blank lie on a page: a homography, and what is left of local displacement."""

    matrix: Matrix
    anchors: Points
    """Pieces of print found again, millimetres on the blank."""
    drifts: Points
    """How far from the homography each was found, millimetres on the blank."""
    missing: Points = field(default_factory=lambda: np.zeros((0, 2)))
    """Pieces of print that should be on the page and are not in their place, millimetres on the blank."""

    def proven(self, area: Box) -> bool:
        """Whether the print around a part of the form is where it should be.

        It is not where a line of an older edition lies elsewhere, or where something hides the print. A page on which
        nothing was found again tells nothing.
        """
        places = np.concatenate((self.anchors, self.missing))
        if not len(self.missing) or not len(self.anchors):
            return True
        away_x = np.maximum(np.maximum(area.x - places[:, 0], places[:, 0] - area.right), 0)
        away_y = np.maximum(np.maximum(area.y - places[:, 1], places[:, 1] - area.bottom), 0)
        there = np.arange(len(places)) < len(self.anchors)
        beside = (away_y == 0) & (away_x < _BESIDE_MM)
        if beside.any():
            # Its own label, or what else is printed in its line, knows best.
            return bool(there[beside].any())
        distance = np.hypot(away_x, 2 * away_y)
        weight = np.exp(-0.5 * (distance / _NEAR_MM) ** 2)
        return bool(there[distance.argmin()] or weight[there].sum() > _PROOF * weight.sum())

    def drift(self, x: float, y: float) -> tuple[float, float]:
        """Local displacement around a point, millimetres."""
        ((dx, dy),) = self._drifts(np.array([(x, y)], np.float64)).tolist()
        return dx, dy

    def _drifts(self, places: Points) -> Points:
        if not len(self.anchors):
            return np.zeros(places.shape)
        away = places[:, None] - self.anchors[None]
        weight = np.exp(-0.5 * np.square(away).sum(axis=2) / _FIELD_MM**2)
        # One lone anchor is not believed entirely.
        return np.asarray(weight @ self.drifts / (weight.sum(axis=1, keepdims=True) + 0.7), np.float64)

    def cut(self, page: GrayImage, area: Box, *, px_per_mm: float) -> GrayImage:
        """The part of the page where `area` of the blank lies, level and at a fixed resolution.

        Args:
            area: millimetres on the blank. px_per_mm: of the result.
        Returns: shape (area.height, area.width) in pixels; what lies off the page is white.
        """
        dx, dy = self.drift(area.center_x, area.center_y)
        width, height = max(1, round(area.width * px_per_mm)), max(1, round(area.height * px_per_mm))
        to_blank = np.array(
            [
                [1 / px_per_mm, 0, area.x + dx + 0.5 / px_per_mm],
                [0, 1 / px_per_mm, area.y + dy + 0.5 / px_per_mm],
                [0, 0, 1],
            ]
        )
        return _sampled(page, self.matrix @ to_blank, (width, height))

    def on_page(self, area: Box) -> Box:
        """The upright box in pixels of the page around where `area` of the blank lies."""
        return self.all_on_page([area])[0]

    def all_on_page(self, areas: Sequence[Box]) -> list[Box]:
        """`on_page` of many areas at once."""
        corners = np.array([[(x, y) for x in (a.x, a.right) for y in (a.y, a.bottom)] for a in areas], np.float64)
        moved = corners + self._drifts(corners.mean(axis=1))[:, None]
        seen = projected(moved.reshape(-1, 2), self.matrix).reshape(-1, 4, 2)
        low, high = seen.min(axis=1), seen.max(axis=1)
        return [Box(x, y, w, h) for (x, y), (w, h) in zip(low.tolist(), (high - low).tolist(), strict=True)]


def matrix_of(match: FormMatch) -> Matrix:
    """The homography of a match as an array, shape (3, 3)."""
    return np.array(match.to_page, np.float64).reshape(3, 3)


def projected(points: Points, matrix: Matrix) -> Points:
    """Points moved by a homography, shape (n, 2)."""
    return np.asarray(cv2.perspectiveTransform(points[None].astype(np.float64), matrix)[0], np.float64)


def refine(page: GrayImage, template: FormTemplate, match: FormMatch) -> tuple[FormMatch, Placement]:
    """Lay a recognised form over its page exactly.

    Args:
        page: shape (height, width), uint8, 0 ink, 255 paper; the image `match.to_page` points into.
    Returns: the match with a better homography and the error left, its 90th percentile over the page, millimetres; and
        where it lies with the local displacements that folds and paper feed leave.
    Raises: Unreadable when the form cannot be laid over the page to within `MOST_ERROR_MM`.
    """
    matrix = matrix_of(match)
    search = _Search(_levelled(page, template, matrix), _landmarks(template, match.form_page))
    error = math.inf
    first = _SEARCH_MM if match.error_mm > _GOOD_GUESS_MM else _DRIFT_MM
    for reach in (first, 0.8):
        centers, seen = search.found(matrix, reach)
        if len(centers) < _FEWEST:
            raise Unreadable(_refusal(match, "trop peu de son texte imprimé se retrouve"))
        better, inside = cv2.findHomography(centers, projected(seen, matrix), cv2.RANSAC, 0.45 * _px_per_mm(matrix))
        if better is None or inside.sum() < max(_FEWEST, 0.4 * len(centers)):
            raise Unreadable(_refusal(match, "ses repères ne concordent pas"))
        left = np.linalg.norm(projected(projected(seen, matrix), _inverse(better)) - centers, axis=1)
        error = float(np.percentile(left[inside.ravel().astype(bool)], 90))
        matrix = np.asarray(better / better[2, 2], np.float64)
    if error > MOST_ERROR_MM:
        raise Unreadable(_refusal(match, f"écart de {error:.1f} mm"))
    refined = replace(match, to_page=tuple(float(v) for v in matrix.ravel()), error_mm=max(error, 0.05))
    if _apart_mm(search.level.matrix, matrix, template) > _NEAR_ENOUGH_MM:
        return refined, placement(page, template, refined)
    return refined, _placement(page, template, refined, search)


def prepare(templates: Sequence[FormTemplate]) -> None:
    """Do once what `refine` needs of each form, before processes are forked that share it."""
    for template in templates:
        for number in range(1, len(template.blanks) + 1):
            _landmarks(template, number)


def placement(page: GrayImage, template: FormTemplate, match: FormMatch) -> Placement:
    """A match that `refine` made, with the local displacements that folds and paper feed leave."""
    level = _levelled(page, template, matrix_of(match))
    return _placement(page, template, match, _Search(level, _landmarks(template, match.form_page)))


def _placement(page: GrayImage, template: FormTemplate, match: FormMatch, search: _Search) -> Placement:
    matrix = matrix_of(match)
    centers, seen = search.found(matrix, _DRIFT_MM)
    shown = _shown(page, template, match.form_page, matrix)
    if len(centers) < 3:
        return Placement(matrix, np.zeros((0, 2)), np.zeros((0, 2)), shown)
    drifts = seen - centers
    # A piece that moved unlike all its neighbours was taken for another.
    near = np.hypot(*(centers[:, None] - centers[None]).transpose(2, 0, 1)) < 2 * _FIELD_MM
    usual = np.array([np.median(drifts[row], axis=0) for row in near])
    agreeing = np.hypot(*(drifts - usual).T) < 0.35
    apart = np.hypot(*(shown[:, None] - centers[agreeing][None]).transpose(2, 0, 1)).min(axis=1, initial=np.inf)
    return Placement(matrix, centers[agreeing], drifts[agreeing], shown[apart > 0.01])


def _apart_mm(a: Matrix, b: Matrix, template: FormTemplate) -> float:
    """How far two homographies put a corner of the form from one another, millimetres on the blank."""
    width, height = template.definition.page_mm
    corners = np.array([(x, y) for x in (0, width) for y in (0, height)], np.float64)
    return float(np.linalg.norm(projected(projected(corners, b), _inverse(a)) - corners, axis=1).max())


def _shown(page: GrayImage, template: FormTemplate, number: int, matrix: Matrix) -> Points:
    """Centres of the pieces of print that the page should show, millimetres on the blank."""
    landmarks = _landmarks(template, number)
    halves = [(patch.shape[1] / 2 / PX_PER_MM, patch.shape[0] / 2 / PX_PER_MM) for _, _, patch in landmarks]
    corners = [(left, top) for left, top, _ in landmarks]
    centers = (np.array(corners) + np.array(halves)).reshape(-1, 2)
    if not len(centers):
        return centers
    seen = projected(centers, matrix)
    height, width = page.shape
    rim = 3 * _px_per_mm(matrix)
    on_page = (seen > rim).all(axis=1) & (seen[:, 0] < width - rim) & (seen[:, 1] < height - rim)
    return np.asarray(centers[on_page], np.float64)


def _refusal(match: FormMatch, why: str) -> str:
    return f"Le formulaire {match.form} (page {match.form_page}) ne se laisse pas superposer : {why}. À saisir."


def _inverse(matrix: cv2.typing.MatLike) -> Matrix:
    return np.asarray(np.linalg.inv(np.asarray(matrix, np.float64)), np.float64)


def _px_per_mm(matrix: Matrix) -> float:
    return float(math.sqrt(abs(np.linalg.det(matrix[:2, :2]))))


@lru_cache(maxsize=256)
def _landmarks(template: FormTemplate, number: int) -> tuple[tuple[float, float, GrayImage], ...]:
    """(left, top, picture) of pieces of print on the blank outside what is filled in; millimetres, `PX_PER_MM`."""
    scale = PX_PER_MM * MM_PER_INCH / template.dpi
    blank = template.blanks[number - 1]
    small = np.asarray(cv2.resize(blank, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    smooth = np.asarray(cv2.GaussianBlur(small, (0, 0), 0.9), np.uint8)
    # Corners, not lines: a piece of a line can slide along it.
    half = cv2.resize(smooth, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    corners = cv2.resize(cv2.cornerMinEigenVal(half, blockSize=5, ksize=3), smooth.shape[::-1])
    fixed = np.ones(smooth.shape, np.float32)
    zones = template.definition.zones_on(number)
    for zone in zones:
        area = zone.box.grown(0.3).scaled(PX_PER_MM)
        fixed[max(0, round(area.y)) : round(area.bottom), max(0, round(area.x)) : round(area.right)] = 0
    width, height = (round(side * PX_PER_MM) for side in _PATCH_MM)
    chosen = _richest(corners, fixed, (width, height))
    return tuple((x / PX_PER_MM, y / PX_PER_MM, smooth[y : y + height, x : x + width].copy()) for x, y in chosen)


def _richest(
    corners: cv2.typing.MatLike, fixed: NDArray[np.float32], size: tuple[int, int]
) -> Sequence[tuple[int, int]]:
    width, height = size
    if corners.shape[0] <= height or corners.shape[1] <= width:
        return ()
    strength = np.sqrt(np.maximum(corners, 0)) * fixed
    total = cv2.boxFilter(strength, -1, size, anchor=(0, 0), normalize=True, borderType=cv2.BORDER_CONSTANT)
    total = total[:-height, :-width].copy()
    floor = 0.1 * float(total.max(initial=0)) + 1e-6
    return peaks_apart(np.asarray(total, np.float32), apart=size, floor=floor, most=_PATCHES)


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """A page as it lies on the blank by a first guess, at `PX_PER_MM`."""

    image: GrayImage
    matrix: Matrix
    """The guess: millimetres on the blank -> pixels of the page."""


def _levelled(page: GrayImage, template: FormTemplate, matrix: Matrix) -> _Level:
    width, height = (round(side * PX_PER_MM) for side in template.definition.page_mm)
    to_blank = np.array([[1 / PX_PER_MM, 0, 0.5 / PX_PER_MM], [0, 1 / PX_PER_MM, 0.5 / PX_PER_MM], [0, 0, 1]])
    level = cv2.GaussianBlur(_sampled(page, matrix @ to_blank, (width, height)), (0, 0), 0.9)
    return _Level(np.asarray(level, np.uint8), matrix)


@dataclass(slots=True, eq=False)
class _Search:
    """Pieces of print looked for on a page, wider or closer; what was found near is not looked for again."""

    level: _Level
    landmarks: Sequence[tuple[float, float, GrayImage]]
    """(left, top, picture); millimetres on the blank."""
    _peaks: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Left and top of the pieces found so far, by their numbers, pixels of `level`."""

    def found(self, matrix: Matrix, reach_mm: float) -> tuple[Points, Points]:
        """Centres of the pieces of print that are found again, and where on the blank they would then lie; millimetres.

        Args:
            matrix: the guess by which it is searched; the answer is in its terms. reach_mm: from the place expected.
        """
        if not self.landmarks:
            return np.zeros((0, 2)), np.zeros((0, 2))
        reach = round(reach_mm * PX_PER_MM)
        half = np.array([(patch.shape[1] / 2, patch.shape[0] / 2) for _, _, patch in self.landmarks]) / PX_PER_MM
        centers = np.array([(left, top) for left, top, _ in self.landmarks]) + half
        expected = projected(projected(centers, matrix), _inverse(self.level.matrix)) - half
        kept, seen = [], []
        for index, (x, y) in enumerate(np.round(expected * PX_PER_MM).astype(int).tolist()):
            corner = self._peaks.get(index)
            # The best place of a wide search is that of a closer one which it is well inside of.
            if corner is None or max(abs(corner[0] - x), abs(corner[1] - y)) > reach - 1:
                corner = self._peak(self.landmarks[index][2], x, y, reach)
            if corner is not None:
                self._peaks[index] = corner
                kept.append(index)
                seen.append(np.array(corner) / PX_PER_MM + half[index])
        if not kept:
            return np.zeros((0, 2)), np.zeros((0, 2))
        return centers[kept], projected(projected(np.array(seen), self.level.matrix), _inverse(matrix))

    def _peak(self, patch: GrayImage, x: int, y: int, reach: int) -> tuple[float, float] | None:
        """Where a piece of print is, at most so many pixels from (x, y); `None` when it is not there."""
        height, width = patch.shape
        left, top = max(0, x - reach), max(0, y - reach)
        window = self.level.image[top : max(0, y + height + reach), left : max(0, x + width + reach)]
        if window.shape[0] < height or window.shape[1] < width:
            return None
        answer = np.asarray(cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED), np.float32)
        _, best, _, (at_x, at_y) = cv2.minMaxLoc(answer)
        if best < _SAME_PRINT:
            return None
        return left + at_x + _between(answer[at_y], at_x), top + at_y + _between(answer[:, at_x], at_y)


def _between(row: NDArray[np.float32], at: int) -> float:
    """Where between pixels the peak of a row lies: a parabola through three points."""
    if at == 0 or at == len(row) - 1:
        return 0.0
    a, b, c = float(row[at - 1]), float(row[at]), float(row[at + 1])
    bend = a - 2 * b + c
    return 0.5 * (a - c) / bend if bend < -1e-6 else 0.0


def _sampled(page: GrayImage, to_page: Matrix, size: tuple[int, int]) -> GrayImage:
    """`page` seen through a homography from pixel centres of the result to pixel edges of the page."""
    centered = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]]) @ to_page
    shrink = _px_per_mm(centered)
    source = page
    if shrink > 1.6:
        # Sampling single pixels of a much finer page would lose thin strokes. Only what is seen is halved,
        # as often as it takes.
        around = math.ceil(shrink) + 2
        corners = np.array([(x, y) for x in (0, size[0]) for y in (0, size[1])], np.float64)
        seen = projected(corners, centered)
        left, top = (max(0, math.floor(v) - around) for v in seen.min(axis=0))
        right, bottom = (max(0, math.ceil(v) + around) for v in seen.max(axis=0))
        part = page[top:bottom, left:right]
        finer = 2 ** round(math.log2(shrink))
        if min(part.shape) >= finer:
            source = shrunk(part[: part.shape[0] // finer * finer, : part.shape[1] // finer * finer], 1 / finer)
            to_part = [(1 / finer, 0, (0.5 - left) / finer - 0.5), (0, 1 / finer, (0.5 - top) / finer - 0.5), (0, 0, 1)]
            centered = np.array(to_part) @ centered
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpPerspective(source, centered, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=255),
        np.uint8,
    )
