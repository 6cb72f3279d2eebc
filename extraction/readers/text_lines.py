"""Where the text lines of a page are: the PP-OCRv6 detector with our own steps before and after it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry import MM_PER_INCH, Box
from models.image import FloatArray, GrayImage, shrunk
from models.learned import registry

_INK_IN_MAP = 0.2
"""Probability from which a pixel of the detector's map belongs to a line."""
_LINE_SCORE = 0.4
"""Mean probability under which a box is not a line."""
_UNCLIP = 1.4
"""The map shows lines shrunk; they are grown by this times area / perimeter. All three as trained (PP-OCRv6)."""
_STEP = 8
"""Side of the cells in which ink is looked for, pixels."""
_BAND_MARGIN_MM = 4.0
"""White kept above and below what is printed."""
_PALE = 10
"""Gray levels by which a cell with the palest print is darker than its row."""
_PART_ROWS = 512
"""Rows of the map that are looked at together, about."""
_STRIDE = 32
"""The detector takes sides that are multiples of this."""


@dataclass(frozen=True, slots=True)
class LinePlace:
    """One line: a rectangle that may be slightly turned, in pixels of the page."""

    center: tuple[float, float]
    length: float
    """Along the text."""
    height: float
    angle_deg: float
    """Of the text direction, clockwise positive, -90..90."""

    @property
    def box(self) -> Box:
        """The upright box around it."""
        cos, sin = abs(math.cos(math.radians(self.angle_deg))), abs(math.sin(math.radians(self.angle_deg)))
        width, height = self.length * cos + self.height * sin, self.length * sin + self.height * cos
        x, y = self.center[0] - width / 2, self.center[1] - height / 2
        return Box(x, y, width, height)


def find_lines(page: GrayImage, dpi: float, *, long_side: int = 1600, detector_dpi: float = 150.0) -> list[LinePlace]:
    """Find the printed lines of an upright page, in no special order.

    Args:
        page: shape (height, width), uint8, 0 ink, 255 paper. dpi: of the page.
        long_side: the detector sees the page at most this large, pixels. detector_dpi: and at most this fine.
    Source: Liao et al., Real-time Scene Text Detection with Differentiable Binarization, AAAI 2020.
    """
    part = inked_part(page)
    if part is None:
        return []
    scale = min(1.0, long_side / max(page.shape), detector_dpi / dpi)
    left, top = int(part.x), int(part.y)
    cut = page[top : int(part.bottom), left : int(part.right)]
    bands = _inked_bands(cut, dpi)
    compact = cut if len(bands) == 1 else np.vstack([cut[start:end] for start, end in bands])
    places = [
        _moved(place, 0, start)
        for start, end in _parts(compact, round(_PART_ROWS / scale))
        for place in _lines_in_map(_line_map(compact[start:end], scale), page_per_map=1.0 / scale)
    ]
    typical = float(np.median([place.height for place in places])) if places else 0.0
    return [_moved(_read_along(place, typical), left, top + _taken_out(place, bands)) for place in places]


def _inked_bands(page: GrayImage, dpi: float) -> list[tuple[int, int]]:
    """Rows to look at, as (start, end): the page without its empty bands, when leaving them out pays.

    The detector's time goes by area, and half of a letter is white between the text and the foot.
    """
    height = page.shape[0]
    margin = round(_BAND_MARGIN_MM * dpi / MM_PER_INCH)
    rows = np.flatnonzero(_dark_cells(page).sum(axis=1) >= 2) * _STEP
    bands: list[tuple[int, int]] = []
    for row in rows.tolist():
        start, end = max(0, row - margin), min(height, row + _STEP + margin)
        if bands and start <= bands[-1][1] + margin:
            bands[-1] = (bands[-1][0], end)
        else:
            bands.append((start, end))
    kept = sum(end - start for start, end in bands)
    return bands if bands and kept < 0.9 * height else [(0, height)]


def _parts(page: GrayImage, most_rows: int) -> list[tuple[int, int]]:
    """Rows to show the detector one after the other, as (start, end): cut where nothing is printed, never in a line.

    Its memory goes by area; a page without white between its lines stays whole.
    """
    height = page.shape[0]
    cells = _cells(page).astype(np.int16)
    # pale print must not be cut either
    printed = (cells < np.median(cells, axis=1, keepdims=True) - _PALE).any(axis=1)
    white = np.flatnonzero(~printed) * _STEP + _STEP // 2
    parts: list[tuple[int, int]] = []
    start = 0
    while height - start > 1.3 * most_rows:
        cuts = white[(white > start + most_rows // 2) & (white <= start + most_rows)]
        if not cuts.size:
            break
        parts.append((start, int(cuts[-1])))
        start = int(cuts[-1])
    return [*parts, (start, height)]


def _taken_out(place: LinePlace, bands: list[tuple[int, int]]) -> float:
    """Rows left out above a line found on the bands laid one under the other."""
    above = 0
    for start, end in bands:
        if place.center[1] < above + end - start:
            return start - above
        above += end - start
    return bands[-1][1] - above


def inked_part(page: GrayImage, *, margin: int = 24) -> Box | None:
    """The part of a page that holds ink, in pixels with a margin; `None` on a page without any.

    Single specks do not count: the detector's time goes by area, and margins are a quarter of a letter.
    """
    step = _STEP
    height, width = page.shape
    if min(height, width) < 2 * step:
        return Box(0, 0, width, height)
    dark = _dark_cells(page)
    rows, columns = np.flatnonzero(dark.sum(axis=1) >= 2), np.flatnonzero(dark.sum(axis=0) >= 2)
    if not rows.size or not columns.size:
        return None
    x, y = max(0, columns[0] * step - margin), max(0, rows[0] * step - margin)
    right, bottom = min(width, (columns[-1] + 1) * step + margin), min(height, (rows[-1] + 1) * step + margin)
    return Box(int(x), int(y), int(right - x), int(bottom - y))


def _dark_cells(page: GrayImage) -> NDArray[np.bool_]:
    """Which cells of 8 x 8 pixels hold ink, shape (height // 8, width // 8)."""
    small = _cells(page)
    return np.asarray(small < float(np.median(small)) - 24, np.bool_)


def _cells(page: GrayImage) -> GrayImage:
    """Mean gray of each cell."""
    height, width = max(1, page.shape[0] // _STEP), max(1, page.shape[1] // _STEP)
    return shrunk(page[: height * _STEP, : width * _STEP], 1 / _STEP)


def cut_line(page: GrayImage, place: LinePlace, *, height: int) -> GrayImage:
    """The line levelled and scaled to `height` pixels, shape (height, width), width a multiple of 16."""
    width = max(16, round(place.length * height / place.height / 16) * 16)
    if abs(place.angle_deg) < 0.4:
        box = place.box
        x, y = max(0, round(box.x)), max(0, round(box.y))
        cut = page[y : round(box.bottom), x : round(box.right)]
        if cut.size:
            how = cv2.INTER_AREA if cut.shape[0] > 1.5 * height else cv2.INTER_LINEAR
            return np.asarray(cv2.resize(cut, (width, height), interpolation=how), np.uint8)
    turn = math.radians(place.angle_deg)
    along = np.array([math.cos(turn), math.sin(turn)]) * place.length / 2
    down = np.array([-math.sin(turn), math.cos(turn)]) * place.height / 2
    center = np.array(place.center)
    corners = np.array([center - along - down, center + along - down, center - along + down], np.float32)
    target = np.array([[0, 0], [width, 0], [0, height]], np.float32)
    warp = cv2.getAffineTransform(corners, target)
    return np.asarray(
        cv2.warpAffine(page, warp, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _line_map(page: GrayImage, scale: float) -> FloatArray:
    height, width = page.shape
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = shrunk(page, scale)
    right, bottom = -inner[0] % _STRIDE, -inner[1] % _STRIDE
    padded = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    session = registry.session("ppocr-tiny-det")
    values = padded.astype(np.float32)[None, None] * np.float32(1 / 255) - np.float32(0.5)
    found = session.run(None, {"x": values})[0]
    return np.asarray(found[0, 0, : inner[1], : inner[0]], np.float32)


def _lines_in_map(line_map: FloatArray, *, page_per_map: float) -> list[LinePlace]:
    mask = (line_map > _INK_IN_MAP).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    places = []
    for contour in contours:
        (x, y), (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < 3 or _score(line_map, contour) < _LINE_SCORE:
            continue
        grow = width * height * _UNCLIP / (width + height)
        width, height = width + grow, height + grow
        angle, width, height = _level(angle, width, height)
        at = ((x + 0.5) * page_per_map, (y + 0.5) * page_per_map)
        places.append(LinePlace(at, width * page_per_map, height * page_per_map, angle))
    return places


def _level(angle: float, width: float, height: float) -> tuple[float, float, float]:
    """The same rectangle with its angle folded to -45..45 degrees, so that width runs across the page."""
    while angle > 45:
        angle, width, height = angle - 90, height, width
    while angle < -45:
        angle, width, height = angle + 90, height, width
    return angle, width, height


def _score(line_map: FloatArray, contour: cv2.typing.MatLike) -> float:
    x, y, width, height = cv2.boundingRect(contour)
    inside = np.zeros((height, width), np.uint8)
    cv2.drawContours(inside, [contour], -1, 1, cv2.FILLED, offset=(-x, -y))
    return float(cv2.mean(line_map[y : y + height, x : x + width], inside)[0])


def _read_along(place: LinePlace, typical_height: float) -> LinePlace:
    """Turn a box that is a line of sideways text; a lone tall digit stays as it is."""
    if place.height < 2.2 * place.length or place.height < 2.5 * typical_height:
        return place
    return LinePlace(place.center, place.height, place.length, place.angle_deg - 90)


def _moved(place: LinePlace, x: float, y: float) -> LinePlace:
    return LinePlace((place.center[0] + x, place.center[1] + y), place.length, place.height, place.angle_deg)
