"""A scanner, a fax and a telephone's camera by simulation: what mail looks like when it reaches the reader.

Every page goes through the same steps: what happened to the paper (stamps, folds, stains), how it lay on the glass
(turned, shifted, scaled, photographed at a slant), what the optics and the lamp did, and how the picture was stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.image import GrayImage
from pipeline.training.mail.drawing import DRAWN_DPI
from pipeline.training.mail.ink import PX_PER_MM, Page, gray, inked

Matrix = NDArray[np.float64]
"""Homography, shape (3, 3)."""
Light = NDArray[np.floating[Any]]
"""A picture before it is stored: 0..255, gray or colour."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A page as it was stored, and what had been done to it."""

    image: Page
    """Gray and bitonal: shape (height, width); colour: (height, width, 3), blue first. Bitonal holds 0 and 255."""
    dpi: int
    mode: str
    """gray, color or bitonal."""
    skew_deg: float
    """How far the paper lay turned, anticlockwise, before `rotated`."""
    rotated: int
    """Quarter turns of the stored picture, anticlockwise degrees: 0, 90, 180 or 270."""
    to_scan: tuple[float, ...]
    """Homography, row by row, from pixels of the drawn page (300 dpi) to pixels of `image`, counted by their centres.

    The displacement of folds, at most 0.4 mm, is left out.
    """
    damage: tuple[str, ...] = ()
    """fold, streak, stamp, stain, holes, corner, through, photo, fax ..."""

    def notes(self) -> dict[str, object]:
        """The entry of `scan` in `truth.jsonl`."""
        marks: dict[str, object] = dict.fromkeys(self.damage, True)
        return {**marks, "skew_deg": round(self.skew_deg, 2), "rotated": self.rotated}


@dataclass(slots=True)
class _Setting:
    """How one page is going to be scanned."""

    dpi: int
    mode: str
    rotated: int
    skew_deg: float
    scale: tuple[float, float]
    shift_mm: tuple[float, float]
    photo: bool
    fax: bool
    bed: float
    """Gray of what lies behind the paper."""
    damage: list[str] = field(default_factory=list)


def scan(
    page: Page,
    rng: np.random.Generator,
    *,
    hard: float,
    mode: str | None = None,
    dpi: int | None = None,
    rotated: int | None = None,
    skew_deg: float | None = None,
    scale: float | None = None,
    photo: bool | None = None,
) -> Scan:
    """One page scanned.

    Args:
        page: drawn at 300 dpi; left unchanged.
        hard: 0 an office scanner on a good day; 0.5 one that is worn and fed crooked paper; 1 up to 5 degrees of skew,
            10 % of scale, photographs, faxes, stamps over print, torn corners.
        mode, dpi, rotated: these rather than chance's; a stack has the same for all of its pages.
        skew_deg, scale, photo: the same for measuring one strain at a time.
    """
    setting = _setting(rng, hard)
    setting.mode = mode or setting.mode
    setting.dpi = dpi or setting.dpi
    setting.rotated = setting.rotated if rotated is None else rotated
    setting.skew_deg = setting.skew_deg if skew_deg is None else skew_deg
    setting.scale = setting.scale if scale is None else (scale, scale)
    setting.photo = setting.photo if photo is None else photo
    if setting.mode == "bitonal":
        setting.photo = False
    setting.fax = setting.fax and setting.mode == "bitonal"
    paper = _handled(page, rng, hard, setting)
    image, to_scan, inside = _laid(paper, rng, setting)
    light = _lit(image, inside, rng, hard, setting)
    stored = _stored(light, rng, hard, setting)
    stored, turn = _quarter_turned(stored, setting.rotated)
    matrix = turn @ to_scan
    return Scan(
        image=stored,
        dpi=setting.dpi,
        mode=setting.mode,
        skew_deg=setting.skew_deg,
        rotated=setting.rotated,
        to_scan=tuple(float(v) for v in (matrix / matrix[2, 2]).ravel()),
        damage=tuple(setting.damage),
    )


def _chance(rng: np.random.Generator, share: float) -> bool:
    return bool(rng.random() < share)


def _setting(rng: np.random.Generator, hard: float) -> _Setting:
    modes = ("gray", "color", "bitonal")
    turns = (0, 180, 90, 270)
    turned = (0.03 + 0.05 * hard, 0.03 * hard, 0.03 * hard)
    reach = 0.1 * hard
    one_way = float(rng.uniform(-reach, reach)) if _chance(rng, 0.2 + 0.5 * hard) else 0.0
    stretch = float(rng.normal(0, 0.004))
    wide = 0.4 + 1.9 * hard
    return _Setting(
        dpi=int(rng.choice((200, 300), p=(0.65, 0.35))),
        mode=modes[rng.choice(3, p=(0.55, 0.22, 0.23))],
        rotated=turns[rng.choice(4, p=(1 - sum(turned), *turned))],
        skew_deg=float(np.clip(rng.normal(0, wide), -5, 5)),
        scale=(1 + one_way + stretch, 1 + one_way - stretch),
        shift_mm=(float(rng.normal(0, 0.6 + 1.6 * hard)), float(rng.normal(0, 0.6 + 1.6 * hard))),
        photo=_chance(rng, 0.14 * max(0.0, hard - 0.3) / 0.7),
        fax=_chance(rng, 0.35 * hard),
        bed=float(rng.choice((18, 110, 250), p=(0.5, 0.3, 0.2))),
    )


# What happened to the paper.


def _handled(page: Page, rng: np.random.Generator, hard: float, setting: _Setting) -> Page:
    paper = page
    if _chance(rng, 0.22 * hard):
        paper = _stamped(paper, rng)
        setting.damage.append("stamp")
    if _chance(rng, 0.07 * hard):
        paper = _stained(paper, rng)
        setting.damage.append("stain")
    if _chance(rng, 0.03 + 0.07 * hard):
        paper = _punched(paper, rng, setting.bed)
        setting.damage.append("holes")
    if _chance(rng, 0.1 * hard):
        through = cv2.GaussianBlur(np.fliplr(gray(page)), (0, 0), 4.0).astype(np.float32)
        paper = inked(paper, (1 - through / 255) * np.float32(rng.uniform(0.05, 0.16)), (90, 90, 90))
        setting.damage.append("through")
    if _chance(rng, 0.13 * hard):
        paper = _torn(paper, rng, setting.bed)
        setting.damage.append("corner")
    return paper


_STAMPS = ("RECU LE", "COURRIER ARRIVE", "COPIE", "SERVICE DES EAUX", "TRAITE", "URGENT", "A CLASSER", "VU")


def _stamped(page: Page, rng: np.random.Generator) -> Page:
    """A rubber stamp anywhere on the page, blue, red, violet or black, with its ink worn."""
    words, size = _STAMPS[rng.integers(len(_STAMPS))], rng.uniform(0.8, 1.6)
    (width, _), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, size, 4)
    height = int(rng.uniform(9, 24) * PX_PER_MM)
    picture = np.zeros((height, width + 60), np.uint8)
    middle = height // 2
    cv2.rectangle(picture, (6, 6), (width + 53, height - 7), 255, 5, cv2.LINE_AA)
    cv2.putText(picture, words, (30, middle), cv2.FONT_HERSHEY_SIMPLEX, size, 255, 4, cv2.LINE_AA)
    date = f"{rng.integers(1, 29):02d} {('JAN', 'MAR', 'JUN', 'SEP', 'NOV')[rng.integers(5)]} 20{rng.integers(24, 28)}"
    cv2.putText(picture, date, (30, middle + height // 3), cv2.FONT_HERSHEY_SIMPLEX, size * 0.7, 255, 3, cv2.LINE_AA)
    turned = _spun((picture / 255).astype(np.float32), float(rng.normal(0, 12)))
    room_y, room_x = max(1, page.shape[0] - turned.shape[0]), max(1, page.shape[1] - turned.shape[1])
    top, left = int(rng.integers(room_y)), int(rng.integers(room_x))
    ink = np.zeros(page.shape[:2], np.float32)
    part = ink[top : top + turned.shape[0], left : left + turned.shape[1]]
    worn = cv2.resize(rng.random((12, 24)).astype(np.float32), (part.shape[1], part.shape[0]))
    part[:] = turned[: part.shape[0], : part.shape[1]] * np.clip(0.4 + worn, 0, 1) * float(rng.uniform(0.5, 0.95))
    colours = ((150.0, 60.0, 30.0), (50.0, 40.0, 190.0), (140.0, 40.0, 110.0), (40.0, 40.0, 40.0))
    return inked(page, ink, colours[rng.integers(len(colours))])


def _spun(picture: Light, angle_deg: float) -> Light:
    height, width = picture.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle_deg, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    size = (int(height * sin + width * cos) + 1, int(height * cos + width * sin) + 1)
    turn[0, 2] += (size[0] - width) / 2
    turn[1, 2] += (size[1] - height) / 2
    return np.asarray(cv2.warpAffine(picture, turn, size), np.float32)


def _stained(page: Page, rng: np.random.Generator) -> Page:
    """A ring or a drop of coffee."""
    ink = np.zeros(page.shape[:2], np.float32)
    place = (int(rng.integers(page.shape[1])), int(rng.integers(page.shape[0])))
    radius = int(rng.uniform(4, 38) * PX_PER_MM)
    strength = float(rng.uniform(0.15, 0.45))
    cv2.circle(ink, place, radius, strength, -1 if radius < 12 * PX_PER_MM else int(rng.integers(10, 40)), cv2.LINE_AA)
    return inked(page, _soft(ink, 6.0), (70, 110, 150))


def _punched(page: Page, rng: np.random.Generator, bed: float) -> Page:
    """Two punch holes at the left or at the top: what lies behind shows."""
    holed = np.array(page)
    height, width = page.shape[:2]
    edge, half, radius = 12 * PX_PER_MM, 40 * PX_PER_MM, round(2.75 * PX_PER_MM)
    aside = _chance(rng, 0.7)
    shade = (bed,) * 3 if page.ndim == 3 else (bed,)
    for way in (-1, 1):
        x, y = (edge, height / 2 + way * half) if aside else (width / 2 + way * half, edge)
        cv2.circle(holed, (round(x), round(y)), radius, shade, -1, cv2.LINE_AA)
    return holed


def _torn(page: Page, rng: np.random.Generator, bed: float) -> Page:
    """A corner that is missing or was folded over: what lies behind shows."""
    torn = np.array(page)
    height, width = page.shape[:2]
    reach = rng.uniform(0.08, 0.3, 2) * min(height, width)
    x, y = (0, width)[rng.integers(2)], (0, height)[rng.integers(2)]
    corner = [(x, y), (x + (1 if x == 0 else -1) * reach[0], y), (x, y + (1 if y == 0 else -1) * reach[1])]
    shade = (bed,) * 3 if page.ndim == 3 else (bed,)
    cv2.fillPoly(torn, [np.array(corner, np.int32)], shade, cv2.LINE_AA)
    return torn


# How it lay on the glass.


def _laid(page: Page, rng: np.random.Generator, setting: _Setting) -> tuple[Page, Matrix, GrayImage]:
    """The page as the sensor sees it at the scanner's resolution, the homography there, and where there is paper."""
    height, width = page.shape[:2]
    ratio = setting.dpi / DRAWN_DPI
    scale = np.diag([setting.scale[0] * ratio, setting.scale[1] * ratio, 1.0])
    angle = math.radians(setting.skew_deg)
    # y points down: a turn that looks anticlockwise has its sine on the other side.
    turn = np.array([[math.cos(angle), math.sin(angle), 0], [-math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    to_center = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    matrix = turn @ scale @ to_center
    if setting.photo:
        setting.damage.append("photo")
        matrix = _slanted(width, height, rng) @ matrix
    corners = np.array([[(0, 0), (width, 0), (width, height), (0, height)]], np.float64)
    reach = cv2.perspectiveTransform(corners, matrix)[0]
    size = np.array([width, height]) * ratio
    # A slight skew is cut to the size of the sheet, as a feeder does; what is turned far needs the whole glass.
    if setting.photo or abs(setting.skew_deg) > 1.3 or max(setting.scale) > 1.01:
        size = np.maximum(np.ptp(reach, axis=0) * rng.uniform(1.0, 1.06), 0.9 * size)
        move = size / 2 - (reach.min(axis=0) + reach.max(axis=0)) / 2
    else:
        move = size / 2 + np.array(setting.shift_mm) * setting.dpi / 25.4
    matrix = np.array([[1, 0, move[0]], [0, 1, move[1]], [0, 0, 1]]) @ matrix
    out = (round(float(size[0])), round(float(size[1])))
    shrunk = page
    if ratio < 0.9:
        # Sampling every other pixel would lose thin strokes.
        shrunk = np.asarray(cv2.GaussianBlur(page, (0, 0), 0.45 / ratio), np.uint8)
    behind = (setting.bed,) * 3 if page.ndim == 3 else (setting.bed,)
    image = cv2.warpPerspective(
        shrunk, matrix, out, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=behind
    )
    inside = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, out, flags=cv2.INTER_LINEAR)
    return np.asarray(image, np.uint8), matrix, np.asarray(inside, np.uint8)


def _slanted(width: float, height: float, rng: np.random.Generator) -> Matrix:
    """A camera that does not look straight down: each corner is off by up to 5 % of the side."""
    half = np.array([width, height]) / 2
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    moved = square * (1 + rng.uniform(-0.05, 0.05, (4, 2)))
    return np.asarray(cv2.getPerspectiveTransform(square.astype(np.float32), moved.astype(np.float32)), np.float64)


# What the lamp, the optics and the sensor did.


def _lit(image: Page, inside: GrayImage, rng: np.random.Generator, hard: float, setting: _Setting) -> Light:
    light = image.astype(np.float32)
    paper = rng.uniform(205, 252) - 25 * hard * rng.random()
    ink = rng.uniform(0, 25 + 45 * hard)
    light = ink + light * ((paper - ink) / 255)
    shade = np.ones(image.shape[:2], np.float32)
    if _chance(rng, 0.12 + 0.28 * hard):
        setting.damage.append("fold")
        light, shade = _folded(light, shade, rng, hard, setting)
    if setting.photo:
        shade *= _lamp(image.shape[:2], rng)
    elif _chance(rng, 0.3 * hard):
        ramp = np.linspace(1, 1 - rng.uniform(0.05, 0.3) * hard, image.shape[1], dtype=np.float32)
        shade *= ramp[None, :: 1 if _chance(rng, 0.5) else -1]
    # The gray bed keeps its shade; only paper takes the light.
    shade = np.where(inside > 127, shade, 1)
    light *= shade[..., None] if light.ndim == 3 else shade
    if _chance(rng, 0.1 + 0.2 * hard):
        setting.damage.append("streak")
        _streaked(light, rng, setting)
    light = _soft(light, float(rng.uniform(0.3, 0.6 + 0.7 * hard) * setting.dpi / 250))
    if setting.photo and _chance(rng, 0.4):
        light = _shaken(light, rng)
    noise = rng.standard_normal(light.shape[:2], np.float32) * np.float32(rng.uniform(1, 4 + 9 * hard))
    light += noise[..., None] if light.ndim == 3 else noise
    _specked(light, rng, hard, setting.dpi)
    return np.asarray(light, np.float32)


def _soft(light: Light, sigma_px: float) -> Light:
    return np.asarray(cv2.GaussianBlur(light, (0, 0), sigma_px), np.float32)


def _folded(
    light: Light, shade: Light, rng: np.random.Generator, hard: float, setting: _Setting
) -> tuple[Light, Light]:
    """Folds from edge to edge: a dark and a bright line, and beyond each the paper lies a little elsewhere."""
    height, width = light.shape[:2]
    mm = setting.dpi / 25.4
    moved_x, moved_y = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(1, 2 + round(2 * hard)))):
        across = _chance(rng, 0.7)
        length, other = (height, width) if across else (width, height)
        place = rng.uniform(0.15, 0.85) * length + rng.normal(0, 0.004) * (np.arange(other) - other / 2)
        away = np.arange(length, dtype=np.float32)[:, None] - place[None, :].astype(np.float32)
        wide = np.float32(rng.uniform(0.15, 0.5) * mm)
        dark = rng.uniform(0.05, 0.35) * np.exp(-0.5 * (away / wide) ** 2)
        bright = rng.uniform(0.0, 0.12) * np.exp(-0.5 * ((away - 2 * wide) / wide) ** 2)
        slope = rng.normal(0, 0.03 * hard) * np.exp(-np.abs(away) / (12 * mm)) * np.sign(away)
        line = (1 - dark + bright + slope).astype(np.float32)
        # Half of the step before the fold, half behind it.
        step = (rng.uniform(-0.4, 0.4) * hard * mm * 0.5 * np.tanh(away / (3 * wide))).astype(np.float32)
        shade = shade * (line if across else line.T)
        moved_y += step if across else 0
        moved_x += 0 if across else step.T
    if hard > 0:
        rows, columns = np.indices((height, width), np.float32)
        moved = cv2.remap(light, columns + moved_x, rows + moved_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        light = np.asarray(moved, np.float32)
    return light, np.asarray(shade, np.float32)


def _lamp(shape: tuple[int, ...], rng: np.random.Generator) -> Light:
    """A room's light on a photographed page: a soft slope, and often the photographer's shadow."""
    coarse = cv2.resize(rng.uniform(0.62, 1.0, (3, 3)).astype(np.float32), (shape[1], shape[0]))
    if _chance(rng, 0.5):
        shadow = np.ones(shape, np.float32)
        x = rng.uniform(0.1, 0.9) * shape[1]
        tilt = rng.normal(0, 0.4) * shape[1]
        side = 0 if _chance(rng, 0.5) else shape[1]
        border = np.array([(side, 0), (x, 0), (x + tilt, shape[0]), (side, shape[0])], np.int32)
        cv2.fillPoly(shadow, [border], float(rng.uniform(0.62, 0.85)))
        return np.asarray(coarse * _soft(shadow, 0.03 * shape[1]), np.float32)
    return np.asarray(coarse, np.float32)


def _shaken(light: Light, rng: np.random.Generator) -> Light:
    """A hand that moved while the shutter was open."""
    length = int(rng.integers(2, 5))
    path = np.zeros((9, 9), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = length / 2 * np.array([np.cos(angle), np.sin(angle)])
    start, stop = 4 - reach, 4 + reach
    cv2.line(path, (round(start[0]), round(start[1])), (round(stop[0]), round(stop[1])), 1.0)
    return np.asarray(cv2.filter2D(light, -1, path / path.sum()), np.float32)


def _streaked(light: Light, rng: np.random.Generator, setting: _Setting) -> None:
    """Dirt on the glass of a feeder: thin lines along the way of the paper."""
    for _ in range(int(rng.integers(1, 3))):
        x = int(rng.uniform(0.03, 0.97) * light.shape[1])
        wide = max(1, round(rng.uniform(0.05, 0.25) * setting.dpi / 25.4))
        part = light[:, x : x + wide]
        if _chance(rng, 0.8):
            part *= np.float32(rng.uniform(0.35, 0.9))
        else:
            part += (255 - part) * np.float32(rng.uniform(0.3, 0.8))


def _specked(light: Light, rng: np.random.Generator, hard: float, dpi: int) -> None:
    if not _chance(rng, 0.15 + 0.45 * hard):
        return
    area = light.shape[0] * light.shape[1] / dpi**2
    for _ in range(rng.poisson(area * rng.uniform(0.1, 0.6 + 1.6 * hard))):
        place = (int(rng.integers(light.shape[1])), int(rng.integers(light.shape[0])))
        shade = float(rng.uniform(0, 140) if _chance(rng, 0.75) else 255)
        cv2.circle(light, place, int(rng.integers(0, 1 + dpi // 100)), (shade,) * 3, -1, cv2.LINE_AA)


# How the picture was stored.


def _stored(light: Light, rng: np.random.Generator, hard: float, setting: _Setting) -> Page:
    if setting.mode == "bitonal":
        return _black_and_white(light, rng, hard, setting)
    whole = np.clip(light, 0, 255).astype(np.uint8)
    if setting.mode == "gray":
        whole = gray(whole)
    elif whole.ndim == 2:
        whole = np.asarray(cv2.cvtColor(whole, cv2.COLOR_GRAY2BGR), np.uint8)
    if setting.mode == "color":
        tint = rng.normal(1, 0.012 + 0.03 * setting.photo, 3)
        whole = np.clip(whole * tint, 0, 255).astype(np.uint8)
    if _chance(rng, 0.75):
        quality = int(rng.integers(45 - round(20 * hard), 93))
        flag = cv2.IMREAD_COLOR if whole.ndim == 3 else cv2.IMREAD_GRAYSCALE
        whole = np.asarray(cv2.imdecode(cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], flag))
    return np.asarray(whole, np.uint8)


def _black_and_white(light: Light, rng: np.random.Generator, hard: float, setting: _Setting) -> Page:
    """Fixed, adaptive or halftone threshold; a fax also loses lines and half of its rows."""
    shown = cv2.cvtColor(light, cv2.COLOR_BGR2GRAY) if light.ndim == 3 else light
    if setting.fax:
        setting.damage.append("fax")
        if _chance(rng, 0.4):
            rows = cv2.resize(shown, (shown.shape[1], shown.shape[0] // 2), interpolation=cv2.INTER_AREA)
            shown = cv2.resize(rows, (shown.shape[1], shown.shape[0]), interpolation=cv2.INTER_LINEAR)
    paper = float(np.percentile(shown, 85))
    kind = rng.random()
    if kind < 0.6:
        level: Light | float = paper * float(rng.uniform(0.55, 0.8))
    elif kind < 0.93:
        around = cv2.blur(shown, (round(setting.dpi / 5) | 1,) * 2)
        level = around * np.float32(rng.uniform(0.76, 0.9))
        level = np.minimum(level, np.float32(0.92 * paper))
    else:
        bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32)
        tiles = np.tile(bayer, (shown.shape[0] // 4 + 1, shown.shape[1] // 4 + 1))[: shown.shape[0], : shown.shape[1]]
        level = paper * (0.5 + 0.35 * tiles / 15)
        setting.damage.append("halftone")
    black = np.where(shown > level, 255, 0).astype(np.uint8)
    if setting.fax:
        for _ in range(rng.poisson(1.5)):
            top = int(rng.integers(black.shape[0]))
            black[top : top + int(rng.integers(1, 3))] = 255 if _chance(rng, 0.7) else 0
    return black


def _quarter_turned(image: Page, rotated: int) -> tuple[Page, Matrix]:
    """The picture turned anticlockwise by quarters, and the homography there."""
    height, width = image.shape[:2]
    if rotated == 90:
        matrix = np.array([[0, 1, 0], [-1, 0, width - 1], [0, 0, 1]], np.float64)
    elif rotated == 180:
        matrix = np.array([[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]], np.float64)
    elif rotated == 270:
        matrix = np.array([[0, -1, height - 1], [1, 0, 0], [0, 0, 1]], np.float64)
    else:
        return image, np.eye(3)
    return np.ascontiguousarray(np.rot90(image, rotated // 90)), matrix
