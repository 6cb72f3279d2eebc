"""Cells of a comb: found by their printed lines, each cut out with the strokes that are its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from extraction.registration import Placement
from models.geometry import Box
from models.image import FloatArray, GrayImage, components, percentile

Depth = NDArray[np.uint8]
"""Shape (height, width): how much darker than the paper around it each pixel is, gray levels 0..255."""

PX_PER_MM = 10.0
"""Resolution of a cut comb: 254 dpi."""
AROUND_MM = 2.4
"""Paper cut around the comb."""
_SLIDE_MM = 1.3
"""How far from its expected place a printed line is looked for."""
_MARGIN_MM = 0.45
"""Paper kept around a cell when it is cut out."""
_PLAIN_MARGIN_PX = 2.0
"""Paper kept around a cell whose lines stay."""
_STREAK_PX = 12
"""Folds and dirt on the glass are narrower than that; a shade is wider."""
_REACH = 0.3
"""A cell's own stroke is followed this far out of the cell, in cell widths."""
_STRUCK = 2.0
"""A stroke that runs on level for that many cells strikes them out."""
_INK = 0.28
"""Depth from which a pixel is ink, as a share of the depth of the comb's darkest ink."""


@dataclass(frozen=True, slots=True, eq=False)
class Comb:
    """A comb cut out and cleaned."""

    cells: tuple[GrayImage, ...]
    """One picture a cell, box lines and all, on even paper: what the glyph reader likes best."""
    lineless: Sequence[GrayImage]
    """The same cells without their lines and without the neighbours' strokes, a little wider where their own strokes
    leave them: a second opinion where the first is unsure. Each is cut when it is asked for."""
    boxes: tuple[Box, ...]
    """Where each cell truly is, millimetres on the blank."""
    ink_mm2: tuple[float, ...]
    """Ink that belongs to each cell."""
    outside: bool
    """Writing goes on where there is no cell: before the first, after the last, between two."""
    struck: bool
    """One long stroke runs through several cells that are written in."""


def cut_comb(page: GrayImage, placement: Placement, cells: Sequence[Box]) -> Comb:
    """Cut the cells of a comb from a page.

    Args:
        page: shape (height, width), uint8, 0 ink, 255 paper. cells: millimetres on the blank, from left to right.
    """
    area = Box.around(cells).grown(AROUND_MM)
    strip = placement.cut(page, area, px_per_mm=PX_PER_MM)
    expected = [_in_strip(cell, area) for cell in cells]
    untinted, tinted = _without_tint(strip, expected)
    depth = _without_streaks(_depth(untinted), expected)
    # White lines between tinted cells are no dark lines to be found.
    found = expected if tinted else _snapped(depth, expected)
    plain = tuple(_as_picture(depth, cell.grown(_PLAIN_MARGIN_PX)) for cell in found)
    return _cut_cells(_without_lines(depth, found), found, area, plain)


def _as_picture(depth: Depth, cell: Box) -> GrayImage:
    top, left = max(0, round(cell.y)), max(0, round(cell.x))
    return np.bitwise_not(depth[top : max(top + 1, round(cell.bottom)), left : max(left + 1, round(cell.right))])


def _in_strip(cell: Box, area: Box) -> Box:
    return Box(cell.x - area.x, cell.y - area.y, cell.width, cell.height).scaled(PX_PER_MM)


def _depth(strip: GrayImage) -> Depth:
    """How much darker than the paper around it each pixel is, uneven light taken out."""
    small = cv2.resize(strip, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    # The paper is what is brightest in a window wider than any stroke.
    paper = cv2.dilate(cv2.medianBlur(small, 3), np.ones((9, 9), np.uint8))
    paper = cv2.blur(cv2.erode(paper, np.ones((5, 5), np.uint8)), (9, 9))
    ground = cv2.resize(paper, (strip.shape[1], strip.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.subtract(ground, strip), np.uint8)


def _without_tint(strip: GrayImage, cells: Sequence[Box]) -> tuple[GrayImage, bool]:
    """The strip without the shade that its cells are printed in, and whether they are."""
    papers, shades = [], []
    plain_cells = 0
    for cell in cells:
        columns = slice(max(0, round(cell.x)), round(cell.right))
        above, below = (
            strip[: max(1, round(cell.y) - 4), columns],
            strip[min(round(cell.bottom) + 4, len(strip) - 1) :, columns],
        )
        papers.append(max(percentile(above, 50), percentile(below, 50)))
        inner = cell.grown(-0.5 * PX_PER_MM)
        within = strip[round(inner.y) : round(inner.bottom), round(inner.x) : round(inner.right)]
        shades.append(papers[-1] - percentile(within, 60))
        plain_cells += shades[-1] < _TINT
        if 2 * plain_cells > len(cells):
            # The rest cannot lift the median any more.
            return strip, False
    usual = float(np.median(shades))
    if usual < _TINT:
        return strip, False
    plain = strip.astype(np.float32)
    for cell, paper, shade in zip(cells, papers, shades, strict=True):
        part = (slice(max(0, round(cell.y)), round(cell.bottom)), slice(max(0, round(cell.x)), round(cell.right)))
        # A cell full of writing shows little of its shade.
        lifted = plain[part] + min(max(shade, 0.7 * usual), 1.3 * usual)
        plain[part] = np.minimum(lifted, np.maximum(plain[part], paper))
    return np.asarray(np.clip(plain, 0, 255), np.uint8), True


_TINT = 9.0
"""Gray levels from which cells are taken for tinted."""


def _without_streaks(depth: Depth, cells: Sequence[Box]) -> Depth:
    """The depth without thin straight lines that begin and end beyond the comb: folds, and dirt on the glass.

    Such a line darkens paper and writing alike, so its own depth is taken away from both.
    """
    top, bottom = min(c.y for c in cells) - 5, max(c.bottom for c in cells) + 5
    left, right = cells[0].x - 5, cells[-1].right + 5
    cleared = _without_upright_streaks(depth, round(top), round(bottom))
    turned = _turned(cleared)
    swept = _without_upright_streaks(turned, round(left), round(right))
    return cleared if swept is turned else _turned(swept)


def _without_upright_streaks(depth: Depth, start: int, stop: int) -> Depth:
    if start < 8 or depth.shape[0] - stop < 8:
        return depth
    before = _steady(depth[:start])
    if before.max(initial=0) < 10:
        return depth
    after = _steady(depth[stop:])
    if after.max(initial=0) < 10:
        return depth
    reach = np.ones((1, 9), np.uint8)
    both = np.minimum(cv2.dilate(before, reach), cv2.dilate(after, reach)).ravel()
    columns = np.flatnonzero(both > 10)
    # Room on both sides for a streak at the rim.
    cleared = np.pad(depth.astype(np.float32), ((0, 0), (_STREAK_PX, _STREAK_PX)))
    rows = np.arange(len(depth))[:, None]
    for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
        if not len(run) or len(run) > _STREAK_PX + 8:
            continue
        x0, x1 = max(0, int(run[0])), int(run[-1]) + 1
        at_top, at_bottom = _middle_of(before.ravel(), x0, x1), _middle_of(after.ravel(), x0, x1)
        profile = np.maximum(_around(before.ravel(), at_top), _around(after.ravel(), at_bottom))
        middles = np.rint(np.linspace(at_top, at_bottom, len(depth))).astype(int)[:, None]
        streak = rows, middles + np.arange(len(profile)) + _STREAK_PX - len(profile) // 2
        cleared[streak] = np.maximum(0, cleared[streak] - profile)
    return np.round(cleared[:, _STREAK_PX:-_STREAK_PX]).astype(np.uint8)


def _steady(band: Depth) -> FloatArray:
    """What is dark over nearly the whole height of a band, shape (1, width); wide shades left out."""
    quarter = len(band) // 4
    low = np.sort(_turned(band).astype(np.float32), axis=1)[:, quarter].reshape(1, -1)
    shade = cv2.morphologyEx(low, cv2.MORPH_OPEN, np.ones((1, 2 * _STREAK_PX + 1), np.uint8))
    return np.asarray(low - shade, np.float32)


def _middle_of(profile: NDArray[np.float32], x0: int, x1: int) -> float:
    part = profile[x0:x1]
    return x0 + float((part * np.arange(len(part))).sum() / max(1e-6, float(part.sum())))


def _around(profile: NDArray[np.float32], place: float) -> NDArray[np.float32]:
    half = _STREAK_PX // 2 + 1
    padded = np.pad(profile, half)
    low = round(place)
    return np.asarray(padded[low : low + 2 * half + 1], np.float32)


def _snapped(depth: Depth, cells: Sequence[Box]) -> list[Box]:
    """The cells where their printed lines are."""
    tall = max(5, round(0.55 * cells[0].height))
    wide = max(5, round(0.55 * cells[0].width))
    upright = cv2.morphologyEx(depth, cv2.MORPH_OPEN, np.ones((tall, 1), np.uint8))
    level = np.asarray(cv2.morphologyEx(depth, cv2.MORPH_OPEN, np.ones((1, wide), np.uint8)), np.uint8)
    top, bottom = min(c.y for c in cells), max(c.bottom for c in cells)
    middle = np.asarray(upright, np.uint8)[max(0, round(top)) : round(bottom)]
    edges = sorted({round(x, 2) for cell in cells for x in (cell.x, cell.right)})
    move_x = _line_positions(_means(middle, 0), edges)
    row_profile = _means(level[:, max(0, round(cells[0].x)) : round(cells[-1].right)], 1)
    down = _line_positions(row_profile, [top, bottom])
    y0, y1 = down([top, bottom])
    tilt = _tilt(level, cells, (y0, y1))
    lefts, rights = move_x([cell.x for cell in cells]), move_x([cell.right for cell in cells])
    snapped = []
    for cell, x0, x1 in zip(cells, lefts, rights, strict=True):
        slope = tilt * (cell.center_x - depth.shape[1] / 2)
        snapped.append(Box(x0, y0 + slope, max(4.0, x1 - x0), max(4.0, y1 - y0)))
    return snapped


@dataclass(frozen=True, slots=True, eq=False)
class _Shift:
    """Where lines expected at places truly are: one fit for the whole comb, and each line's own departure from it."""

    offset: float
    stretch: float
    places: NDArray[np.float64]
    own: NDArray[np.float64]

    def __call__(self, expected: Sequence[float]) -> list[float]:
        place = np.array(expected, np.float64)
        local = np.interp(place, self.places, self.own) if len(self.places) else 0.0
        moved: list[float] = (place + self.offset + self.stretch * place + local).tolist()
        return moved


def _line_positions(profile: NDArray[np.float32], expected: Sequence[float]) -> _Shift:
    """Fit expected line positions to the peaks of a profile, all together first, then each for itself."""
    places = np.array(expected, np.float64)
    strength = np.asarray(cv2.GaussianBlur(profile.reshape(1, -1).astype(np.float32), (0, 0), 1.0)).ravel()
    slide = round(_SLIDE_MM * PX_PER_MM)
    shifts = np.arange(-slide, slide + 0.1, 0.5)
    ticks = np.arange(len(strength))
    usual = _median(strength[strength > 0.25 * strength.max()]) if strength.any() else 0.0
    capped = np.minimum(strength, 1.5 * usual)
    totals = np.interp(places + shifts[:, None], ticks, capped).sum(axis=1)
    # All else equal the registration is right: a lone stroke beside a faint comb must not pull it away.
    first = float(shifts[int(np.argmax(totals * (1 - 0.12 * (shifts / slide) ** 2)))])
    near = np.arange(-4, 4.1, 0.5)
    values = np.interp(places[:, None] + first + near, ticks, strength)
    at = values.argmax(axis=1)
    moves = first + near[at]
    weights = np.where((at > 0) & (at < len(near) - 1), values.max(axis=1), 0.0)
    weights = np.minimum(weights, 2 * _median(weights)) if weights.any() else weights
    if weights.sum() <= 0 or strength.max() < 6:
        return _Shift(0.0, 0.0, np.zeros(0), np.zeros(0))
    offset, stretch = _line_fit(places, moves, weights)
    own = np.clip(moves - offset - stretch * places, -2.5, 2.5)
    trusted = weights > 0.4 * _median(weights)
    return _Shift(offset, stretch, places, np.where(trusted, own, 0.0))


def _line_fit(
    places: NDArray[np.float64], moves: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Weighted straight line through moves, outliers left out; the stretch is kept within paper's and scanners'."""
    keep = weights.copy()
    offset = stretch = 0.0
    most = 0.02 if len(places) > 2 else 0.04
    for _ in range(3):
        total = float(keep.sum())
        mean_x, mean_y = float(keep @ places) / total, float(keep @ moves) / total
        around = keep * (places - mean_x)
        spread = float(around @ (places - mean_x))
        slope = float(around @ (moves - mean_y)) / spread if spread > 0 else 0.0
        stretch = max(-most, min(most, slope))
        offset = mean_y - stretch * mean_x
        left = np.abs(moves - offset - stretch * places)
        keep = weights * (left < max(1.5, 2 * float(_median(left))))
        if keep.sum() <= 0:
            break
    return offset, stretch


def _tilt(level: Depth, cells: Sequence[Box], rows: tuple[float, float]) -> float:
    """Slope of the comb's top and bottom lines, pixels down per pixel right."""
    length = cells[-1].right - cells[0].x
    if length < 250:
        return 0.0
    xs, ys, middle = [], [], level.shape[1] / 2
    for cell in cells:
        left, right = max(0, round(cell.x)), round(cell.right)
        for row in rows:
            low = max(0, round(row) - 7)
            band = level[low : round(row) + 8, left:right]
            profile = _means(band, 1) if band.size else np.zeros(1, np.float32)
            peak = int(profile.argmax())
            if profile[peak] > 12:
                xs.append(cell.center_x - middle)
                ys.append(low + float(peak) - row)
    if len(xs) < 6:
        return 0.0
    slope, _ = _line_fit(np.array(xs), np.array(ys), np.ones(len(xs)))[::-1]
    return float(np.clip(slope, -0.015, 0.015))


def _without_lines(depth: Depth, cells: Sequence[Box]) -> Depth:
    """The writing without the cells' lines: a line's pixels become what is on both sides of the line."""
    upright = [(x, cell.y, cell.bottom) for cell in cells for x in (cell.x, cell.right)]
    level = [(y, cell.x, cell.right) for cell in cells for y in (cell.y, cell.bottom)]
    upright, level = _merged(upright), _merged(level)
    turned = _turned(depth)
    _bridge(turned, upright, _half_thickness(turned, upright))
    cleaned = _turned(turned)
    _bridge(cleaned, level, _half_thickness(depth, level))
    return cleaned


def _turned(depth: Depth) -> Depth:
    """Rows become columns; copied, so that what lies on a line lies together in memory."""
    return np.asarray(cv2.transpose(depth), np.uint8)


def _means(part: Depth, axis: int) -> FloatArray:
    """Means along an axis, shape (what is left,)."""
    return np.asarray(cv2.reduce(part, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F), np.float32).ravel()


def _median(values: NDArray[Any]) -> Any:
    """As `numpy.median` along the last axis, floats only, several times faster for a few numbers."""
    ordered = np.sort(values, axis=-1)
    count = values.shape[-1]
    return (ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2


def _merged(lines: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """The lines, each once: neighbouring cells share theirs."""
    kept: list[tuple[float, float, float]] = []
    for line in sorted(lines):
        for before in reversed(kept):
            if line[0] - before[0] >= 2.5:
                kept.append(line)
                break
            if abs(before[1] - line[1]) < 4:
                break
        else:
            kept.append(line)
    return kept


def _half_thickness(depth: Depth, lines: Sequence[tuple[float, float, float]]) -> int:
    """Half the breadth of printed level lines (y, left, right), pixels, measured where most of them agree."""
    spans = [(round(y) - 8, max(0, round(left)), min(depth.shape[1], round(right))) for y, left, right in lines]
    spans = [span for span in spans if span[0] >= 0 and span[0] + 17 <= depth.shape[0] and span[2] > span[1]]
    if not spans:
        return 2
    # Lines of one comb are as long to within a pixel.
    length = min(end - start for _, start, end in spans)
    bands = np.stack([depth[top : top + 17, start : start + length] for top, start, _ in spans])
    # numpy sorts floats many at a time, and bytes one by one.
    usual = _median(_median(bands.astype(np.float32)).T)
    peak = float(usual[5:12].max())
    if peak < 8:
        return 1
    broad = int((usual[3:14] > 0.22 * peak).sum())
    return int(np.clip((broad + 1) // 2, 1, 4))


def _bridge(depth: Depth, lines: Sequence[tuple[float, float, float]], half: int) -> None:
    """Replace the rows of level lines (y, left, right) by what crosses them: dark only where both sides are, more or
    less straight across.
    """
    slant = np.ones((1, 2 * half + 1), np.uint8)
    for y, left, right in lines:
        top, bottom = round(y) - half, round(y) + half
        x0, x1 = max(0, round(left - half - 2)), min(depth.shape[1], round(right + half + 2) + 1)
        if top < 2 or bottom > depth.shape[0] - 3 or x1 <= x0:
            continue
        # Beside the line its own blur still darkens; one pixel further is the writing alone.
        beside = depth[[top - 2, top - 1, bottom + 1, bottom + 2], x0:x1]
        crossing = cv2.reduce(cv2.dilate(beside, slant), 0, cv2.REDUCE_MIN)
        line = depth[top : bottom + 1, x0:x1]
        np.minimum(line, crossing, out=line)


def _cut_cells(depth: Depth, cells: Sequence[Box], area: Box, plain: tuple[GrayImage, ...]) -> Comb:
    scale = max(percentile(depth, 99.5), 60.0)
    mask = (depth > _INK * scale).view(np.uint8)
    labels, stats, centers = components(mask)
    owner = _owners(labels, stats, cells)
    area_of = stats[:, cv2.CC_STAT_AREA]
    ink = np.bincount(owner[owner >= 0], area_of[owner >= 0], minlength=len(cells)) / PX_PER_MM**2
    boxes = tuple(
        Box(area.x + c.x / PX_PER_MM, area.y + c.y / PX_PER_MM, c.width / PX_PER_MM, c.height / PX_PER_MM)
        for c in cells
    )
    lineless = _Lineless(depth, labels, stats, owner, cells)
    outside, struck = _goes_on_outside(stats, centers, owner, cells), _is_struck(mask, cells)
    return Comb(plain, lineless, boxes, tuple(ink.tolist()), outside, struck)


def _owners(labels: NDArray[np.int32], stats: NDArray[np.int32], cells: Sequence[Box]) -> NDArray[np.int16]:
    """The cell that each connected stroke belongs to: -1 none, -2 several, -3 it is no stroke."""
    shares = np.zeros((len(cells), len(stats)))
    for number, cell in enumerate(cells):
        x0, x1 = max(0, round(cell.x)), round(cell.right)
        y0, y1 = max(0, round(cell.y)), round(cell.bottom)
        shares[number] = np.bincount(labels[y0:y1, x0:x1].ravel(), minlength=len(stats))
    shares /= np.maximum(1, stats[:, cv2.CC_STAT_AREA])
    owner = np.asarray(shares.argmax(axis=0), np.int16)
    owner[shares.max(axis=0, initial=0) < 0.3] = -1
    owner[(shares > 0.22).sum(axis=0) > 1] = -2
    owner[0] = -3
    return owner


@dataclass(frozen=True, slots=True, eq=False)
class _Lineless(Sequence[GrayImage]):
    """The cells of a comb without their lines, each cut when it is asked for."""

    depth: Depth
    labels: NDArray[np.int32]
    stats: NDArray[np.int32]
    owner: NDArray[np.int16]
    places: Sequence[Box]

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, at: int) -> GrayImage: ...
    @overload
    def __getitem__(self, at: slice) -> list[GrayImage]: ...
    def __getitem__(self, at: int | slice) -> GrayImage | list[GrayImage]:
        numbers = range(len(self.places))[at]
        return self._cut(numbers) if isinstance(numbers, int) else [self._cut(number) for number in numbers]

    def _cut(self, number: int) -> GrayImage:
        """The cell on white paper, a little wider where its own strokes leave it, without strokes of other cells."""
        cell = self.places[number]
        margin = _MARGIN_MM * PX_PER_MM
        limit = margin + _REACH * min(cell.width, cell.height)
        around = (cell.x - margin, cell.y - margin, cell.right + margin, cell.bottom + margin)
        x0, y0, x1, y1 = around
        for left, top, width, height, area in self.stats[self.owner == number].tolist():
            if area < 12:
                continue
            x0, y0 = min(x0, max(left - 3, cell.x - limit)), min(y0, max(top - 3, cell.y - limit))
            x1 = max(x1, min(left + width + 3, cell.right + limit))
            y1 = max(y1, min(top + height + 3, cell.bottom + limit))
        left, top, right, bottom = max(0, round(x0)), max(0, round(y0)), round(x1), round(y1)
        part = self.depth[top:bottom, left:right].copy()
        owners = self.owner[self.labels[top:bottom, left:right]]
        own = owners == number
        foreign = (owners >= 0) & ~own
        if foreign.any():
            # The soft rim of a foreign stroke goes with it.
            grown = cv2.dilate(foreign.view(np.uint8), np.ones((5, 5), np.uint8)).view(bool)
            part[grown & ~own & (owners != -2)] = 0
        part[_outside(around, part.shape, left, top) & ~own] = 0
        inside = (cell.x, cell.y, cell.right, cell.bottom)
        part[_outside(inside, part.shape, left, top) & (owners == -1)] = 0
        return np.bitwise_not(part)


def _outside(
    edges: tuple[float, float, float, float], shape: tuple[int, ...], left: int, top: int
) -> NDArray[np.bool_]:
    """Which pixels of a part that begins at (left, top) are not within edges (left, top, right, bottom)."""
    x0, y0, x1, y1 = (round(edge) for edge in edges)
    outside = np.ones(shape, bool)
    outside[max(0, y0 - top) : y1 - top, max(0, x0 - left) : x1 - left] = False
    return outside


def _goes_on_outside(
    stats: NDArray[np.int32], centers: NDArray[np.float64], owner: NDArray[np.int16], cells: Sequence[Box]
) -> bool:
    """Whether something as large as a character stands beside the cells."""
    height = cells[0].height
    for label in np.flatnonzero(owner == -1):
        _, _, wide, tall, area = stats[label]
        level = cells[0].y < centers[label][1] < cells[0].bottom
        if level and tall > 0.4 * height and 0.2 * height < wide < 3 * cells[0].width and area > 60:
            return True
    return False


def _is_struck(mask: GrayImage, cells: Sequence[Box]) -> bool:
    """Whether one stroke runs level through two cells and more, clear of their printed lines."""
    top, bottom = max(c.y for c in cells), min(c.bottom for c in cells)
    inset = 0.2 * (bottom - top)
    inner = mask[max(0, round(top + inset)) : max(0, round(bottom - inset))]
    if inner.shape[0] < 5:
        return False
    # A stroke drawn by hand is not quite level.
    thick = cv2.dilate(inner, np.ones((5, 1), np.uint8))
    length = round(_STRUCK * cells[0].width)
    return bool(cv2.erode(thick, np.ones((1, length), np.uint8)).any())
