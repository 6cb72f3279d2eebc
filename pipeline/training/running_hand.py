"""Running lines as people write them: composed of recorded pen strokes, of fonts, and photographs of real lines.

All of it ends as a gray picture, 0 ink and 255 paper, of any size; `worn` makes it look as if it came from a scanner.
"""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from models.errors import Misconfigured
from models.image import FloatArray, GrayImage
from pipeline.training.pens import OWN_SHAPES, PenRecords, Strokes, dash, dot, draw, fit, smooth

HELD_OUT_FIFTHS = 5
"""One writer of so many is never trained on."""

_X_HEIGHT = 26.0
"""Pixels, of composed lines before they are worn."""


def is_held_out(writer: str) -> bool:
    """Whether a writer's lines are for measuring only."""
    return hashlib.sha256(writer.encode()).digest()[0] % HELD_OUT_FIFTHS == 0


@dataclass(frozen=True, slots=True, eq=False)
class WrittenLine:
    """One line on paper, what it says and who wrote it."""

    image: GrayImage
    text: str
    writer: str


def labelled_lines(file: Path) -> list[WrittenLine]:
    """The lines of a collection: a zip with `labels.tsv` (file, text, extra) and the pictures; `extra` is the writer.

    Raises: Misconfigured when it is not there.
    """
    if not file.is_file():
        raise Misconfigured(f"{file} is missing. Give the folder of the handwriting collections.")
    lines = []
    with zipfile.ZipFile(file) as archive:
        table = io.StringIO(archive.read("labels.tsv").decode("utf-8"))
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            data = np.frombuffer(archive.read(row["file"]), np.uint8)
            image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
            text = unicodedata.normalize("NFC", " ".join(row["text"].split()))
            if image is not None and text:
                lines.append(WrittenLine(np.asarray(image, np.uint8), text, row["extra"] or ""))
    return lines


# How tall characters are and how far they hang below the line, in x-heights.
_ASCENDERS = dict.fromkeys("bdfhkl", 1.95) | {"t": 1.65, "i": 1.55, "ß": 1.95}
_DESCENDERS = {"g": 0.95, "p": 0.85, "q": 0.9, "y": 0.95, "j": 0.95}
_SIGNS = {
    ".": (0.16, 0.0), ",": (0.4, 0.3), "-": (0.08, -0.5), "'": (0.5, -1.45), "/": (2.2, 0.25), "@": (1.7, 0.2),
    "+": (0.9, -0.3), "&": (1.8, 0.0), ":": (0.85, 0.0), "(": (2.3, 0.4), ")": (2.3, 0.4), "_": (0.08, 0.2),
}  # fmt: skip
"""(height, how far below the line) of signs; negative is above."""
_MARKS = {
    "\N{COMBINING ACUTE ACCENT}": "acute", "\N{COMBINING GRAVE ACCENT}": "grave",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "roof", "\N{COMBINING DIAERESIS}": "dots", "\N{COMBINING CEDILLA}": "cedilla",
}  # fmt: skip


class Hands:
    """Writes any text with the recorded strokes of one person a line, borrowing what that person did not write."""

    def __init__(self, records: PenRecords, *, held_out: bool) -> None:
        self._records = records
        self._by_writer: dict[str, dict[str, list[int]]] = {}
        self._by_label: dict[str, list[int]] = {}
        for index, (label, writer) in enumerate(zip(records.labels, records.writers, strict=True)):
            if is_held_out(writer) is held_out:
                self._by_writer.setdefault(writer, {}).setdefault(label, []).append(index)
                self._by_label.setdefault(label, []).append(index)
        self._writers = {
            kind: [w for w, own in self._by_writer.items() if sum(c in own for c in letters) >= 0.45 * len(letters)]
            for kind, letters in _ALPHABETS.items()
        }

    @property
    def letters(self) -> int:
        """How many different characters somebody wrote."""
        return len(self._by_label)

    def write(self, text: str, rng: np.random.Generator) -> GrayImage | None:
        """The text on white paper; `None` when it holds a character that nobody wrote."""
        style = _Style.drawn(rng, joined=rng.random() < 0.45)
        own = self._writer_for(text, rng)
        placed: list[Strokes] = []
        x = 0.0
        before: tuple[str, Strokes] | None = None
        for character in text:
            if character == " ":
                x += style.space
                before = None
                continue
            shape = self._shape(character, own, style, rng)
            if shape is None:
                return None
            left = min(float(stroke[:, 0].min()) for stroke in shape)
            right = max(float(stroke[:, 0].max()) for stroke in shape)
            drift = style.drift(x)
            gap = style.gap + abs(rng.normal(0, 0.06)) - (0.12 if style.joined and character.islower() else 0.0)
            at = np.array([x - left + gap, drift + rng.normal(0, style.jitter)], np.float32)
            shape = [stroke + at for stroke in shape]
            if before is not None and style.joined and before[0].islower() and character.islower():
                placed.append([_join(before[1], shape)])
            placed.append(shape)
            x += right - left + gap
            before = (character, shape)
        return _inked([stroke for shape in placed for stroke in shape], style, rng)

    def _writer_for(self, text: str, rng: np.random.Generator) -> dict[str, list[int]]:
        letters = sum(c.islower() for c in text)
        kind = "lower" if letters else "upper" if any(c.isupper() for c in text) else "digit"
        writers = self._writers[kind]
        return self._by_writer[writers[rng.integers(len(writers))]] if writers else {}

    def _shape(
        self, character: str, own: dict[str, list[int]], style: _Style, rng: np.random.Generator
    ) -> Strokes | None:
        """Strokes in x-heights, the line at y = 0, y down."""
        if character in _PAIRS:
            parts = [self._shape(part, own, style, rng) for part in _PAIRS[character]]
            if parts[0] is None or parts[1] is None:
                return None
            width = max(float(stroke[:, 0].max()) for stroke in parts[0])
            return [*parts[0], *(stroke + np.array([width, 0], np.float32) for stroke in parts[1])]
        base, *marks = list(unicodedata.normalize("NFD", _SAME.get(character, character)))
        strokes = self._strokes(base, own, rng)
        if strokes is None:
            return None
        tall, below = _extent(base)
        points = np.concatenate(strokes)
        size = np.maximum(np.ptp(points, axis=0), 1e-3)
        scale = tall / size[1] if base not in "-_." else _FLAT[base] / size[0]
        if base.isalnum():
            scale = min(scale, style.widest * tall / size[0])
            scale *= np.exp(rng.normal(0, 0.07))
        shape = [(stroke - points.min(axis=0)) * np.float32(scale) for stroke in strokes]
        height = max(float(stroke[:, 1].max()) for stroke in shape)
        shape = [_tilted(stroke + np.array([0, below - height], np.float32), rng, style) for stroke in shape]
        for mark in marks:
            shape.extend(_marked(shape, _MARKS[mark], rng) if mark in _MARKS else [])
        return shape

    def _strokes(self, base: str, own: dict[str, list[int]], rng: np.random.Generator) -> Strokes | None:
        if base == "_":
            return dash(rng)
        if base in OWN_SHAPES and base in ("-", "'", ".", "1", "7") and rng.random() < (0.5 if base.isdigit() else 0.3):
            shapes = OWN_SHAPES[base]
            return shapes[rng.integers(len(shapes))](rng)
        found = own.get(base) or self._by_label.get(base)
        if not found:
            return dot(rng) if base == "." else None
        strokes = self._records.strokes(found[rng.integers(len(found))])
        return [smooth(stroke) for stroke in fit(strokes)]


_ALPHABETS = {"lower": "abcdefghijklmnopqrstuvwxyz", "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "digit": "0123456789"}
_FLAT = {"-": 0.6, "_": 1.0, ".": 0.14}
"""Width of signs whose height says nothing, in x-heights."""
_PAIRS = {"œ": "oe", "æ": "ae", "Œ": "OE", "Æ": "AE"}
_SAME = {"’": "'"}


def _extent(base: str) -> tuple[float, float]:
    if base in _SIGNS:
        return _SIGNS[base]
    if base in _DESCENDERS:
        return (2.3 if base == "j" else 1.85), _DESCENDERS[base]
    if base.isupper() or base.isdigit():
        return 1.85, 0.0
    return _ASCENDERS.get(base, 1.0), 0.0


@dataclass(frozen=True, slots=True)
class _Style:
    """What stays the same along one line."""

    joined: bool
    space: float
    gap: float
    jitter: float
    slant: float
    widest: float
    wave: tuple[float, float, float]
    pen: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, *, joined: bool) -> _Style:
        return cls(
            joined=joined,
            space=float(rng.uniform(0.5, 1.3)),
            gap=float(rng.uniform(0.02, 0.3)),
            jitter=float(abs(rng.normal(0, 0.05))),
            slant=float(rng.normal(0.1, 0.17)),
            widest=float(rng.uniform(0.9, 1.7)),
            wave=(float(abs(rng.normal(0, 0.12))), float(rng.uniform(8, 40)), float(rng.uniform(0, 6.3))),
            pen=float(rng.uniform(0.06, 0.19)),
        )

    def drift(self, x: float) -> float:
        reach, length, phase = self.wave
        return reach * float(np.sin(2 * np.pi * x / length + phase))


def _tilted(stroke: NDArray[np.float32], rng: np.random.Generator, style: _Style) -> NDArray[np.float32]:
    tilted = stroke.copy()
    tilted[:, 0] -= (style.slant + rng.normal(0, 0.02)) * stroke[:, 1]
    return tilted


def _join(before: Strokes, after: Strokes) -> NDArray[np.float32]:
    """A sweep of the pen from the end of one letter to the beginning of the next."""
    start, end = before[-1][-1], after[0][0]
    low = np.array([(start[0] + end[0]) / 2, max(start[1], end[1], -0.1) + 0.05], np.float32)
    places = np.linspace(0, 1, 8)[:, None]
    return np.asarray((1 - places) ** 2 * start + 2 * places * (1 - places) * low + places**2 * end, np.float32)


def _marked(shape: Strokes, mark: str, rng: np.random.Generator) -> Strokes:
    points = np.concatenate(shape)
    left, top = points.min(axis=0)
    right, foot = points.max(axis=0)
    x, reach = (left + right) / 2 + rng.normal(0, 0.12), rng.uniform(0.15, 0.32)
    if mark == "cedilla":
        return [np.array([(x, foot), (x + 0.12, foot + 0.15), (x - reach / 2, foot + 0.4)], np.float32)]
    y, rise = top - rng.uniform(0.1, 0.45), rng.uniform(0.08, 0.35)
    if mark == "acute":
        return [np.array([(x - reach, y), (x + reach, y - rise)], np.float32)]
    if mark == "grave":
        return [np.array([(x - reach, y - rise), (x + reach, y)], np.float32)]
    if mark == "roof":
        return [np.array([(x - reach, y), (x, y - rise), (x + reach, y)], np.float32)]
    return [np.array([(x + side * reach, y)], np.float32) for side in (-1, 1)]


def _inked(strokes: Strokes, style: _Style, rng: np.random.Generator) -> GrayImage | None:
    if not strokes:
        return None
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.5
    width, height = (round(float(size)) for size in (high - low + 2 * margin) * _X_HEIGHT)
    if not 8 < width < 4000 or height > 400:
        return None
    ink = np.zeros((height, width), np.float32)
    origin = (float(margin - low[0]) * _X_HEIGHT, float(margin - low[1]) * _X_HEIGHT)
    draw(ink, strokes, _X_HEIGHT, origin, max(1.2, style.pen * _X_HEIGHT))
    dark = rng.uniform(0.65, 1.0)
    return np.asarray(255 - 255 * dark * np.minimum(ink, 1), np.uint8)


class Fonts:
    """Writes text with the fonts of a folder."""

    def __init__(self, folder: Path) -> None:
        files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in (".ttf", ".otf", ".woff"))
        self._files = files

    def __bool__(self) -> bool:
        return bool(self._files)

    @property
    def names(self) -> list[str]:
        """Of the families, by what stands in the names of the files before the subset and the weight."""
        return sorted({file.stem.partition("-latin-")[0] for file in self._files})

    def write(self, text: str, rng: np.random.Generator) -> GrayImage | None:
        """The text on white paper; `None` when the font lacks a character of it."""
        file = self._files[rng.integers(len(self._files))]
        font = ImageFont.truetype(str(file), int(rng.integers(36, 60)), layout_engine=ImageFont.Layout.BASIC)
        missing = font.getmask("\N{REPLACEMENT CHARACTER}")
        for character in set(text) - {" "}:
            mask = font.getmask(character)
            if mask.getbbox() is None or (mask.size == missing.size and bytes(mask) == bytes(missing)):
                return None
        left, top, right, bottom = font.getbbox(text)
        if right - left > 4000 or right - left < 4:
            return None
        page = Image.new("L", (int(right - left) + 40, int(bottom - top) + 40), 255)
        ImageDraw.Draw(page).text((20 - left, 20 - top), text, font=font, fill=int(rng.integers(0, 90)))
        return np.asarray(page, np.uint8)


def words_of(line: WrittenLine, edges: Sequence[int], rng: np.random.Generator) -> WrittenLine:
    """Some neighbouring words of a line.

    Args:
        edges: columns between the words, the ends of the line included; one more than there are words.
    """
    words = line.text.split(" ")
    count = int(rng.integers(1, len(words) + 1))
    first = int(rng.integers(0, len(words) - count + 1))
    piece = line.image[:, edges[first] : edges[first + count]]
    return WrittenLine(np.ascontiguousarray(piece), " ".join(words[first : first + count]), line.writer)


def worn(image: GrayImage, rng: np.random.Generator, *, bend: bool = True) -> GrayImage:
    """The line slanted, stretched, bent, thickened, on some paper, through some scanner; never the same twice.

    Args:
        bend: whether the shape may change too, not only what the scanner does.
    """
    paper = float(np.percentile(image, 90))
    picture = cv2.copyMakeBorder(image, 12, 12, 16, 16, cv2.BORDER_CONSTANT, value=(paper,)).astype(np.float32)
    if bend:
        picture = bent(picture, paper, rng)
    kind = rng.random()
    if kind < 0.2:
        pen = np.ones((2, 2) if rng.random() < 0.5 else (3, 3), np.uint8)
        picture = np.asarray(cv2.erode(picture, pen), np.float32)
    elif kind < 0.35:
        picture = 0.5 * picture + 0.5 * cv2.dilate(picture, np.ones((2, 2), np.uint8))
    if rng.random() < 0.25:
        picture = _ruled(picture, paper, rng)
    scale = rng.uniform(0.6, 1.1)
    size = (max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    picture = np.asarray(cv2.GaussianBlur(small, (0, 0), rng.uniform(0.3, 1.1)), np.float32)
    depth = rng.uniform(0.55, 1.0)
    ground = rng.uniform(215, 255)
    picture = ground - (paper - picture) * depth
    picture += rng.normal(0, rng.uniform(0, 9), picture.shape).astype(np.float32)
    if rng.random() < 0.5:
        low = cv2.resize(rng.normal(0, 6, (2, 4)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
        picture += low
    result = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.12:
        cut = ground - (0.35 + 0.3 * rng.random()) * max(40.0, ground - float(np.percentile(result, 1)))
        result = np.where(result < cut, 0, 255).astype(np.uint8)
    elif rng.random() < 0.3:
        _, coded = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 85))])
        result = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return result


def bent(picture: FloatArray, paper: float, rng: np.random.Generator) -> FloatArray:
    """The line slanted, turned, stretched, its letters moved a little.

    Args:
        picture: shape (height, width), with some paper around. paper: gray level of what comes in from outside.
    """
    height, width = picture.shape
    slant, turn = float(np.clip(rng.normal(0, 0.2), -0.55, 0.55)), rng.normal(0, 0.011)
    stretch, tall = np.exp(rng.normal(0, 0.16)), np.exp(rng.normal(0, 0.06))
    wide = max(8, round(width * stretch))
    reach = abs(slant) * height
    matrix = np.array([[stretch, -slant * tall, slant * height / 2 + reach / 2], [turn, tall, -turn * width / 2]])
    size = (int(wide + reach), round(height * tall))
    warped = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(paper,))
    if rng.random() < 0.6:
        warped = _elastic(np.asarray(warped, np.float32), paper, rng)
    return np.asarray(warped, np.float32)


def _elastic(picture: FloatArray, paper: float, rng: np.random.Generator) -> FloatArray:
    """Neighbouring letters moved, squeezed and raised a little differently."""
    height, width = picture.shape
    nodes = (3, max(3, width // 30))
    strength = rng.uniform(0.3, 1.8)
    moves = [
        cv2.resize((rng.normal(0, strength, nodes)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    ]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(
        picture, columns + 1.4 * moves[0], rows + moves[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
        borderValue=(paper,),
    )  # fmt: skip
    return np.asarray(moved, np.float32)


def _ruled(picture: FloatArray, paper: float, rng: np.random.Generator) -> FloatArray:
    """Rests of the form: a ruled or dotted line, tips of the lines above and below, specks."""
    height, width = picture.shape
    ruled = picture.copy()
    kind = rng.integers(3)
    shade = float(rng.uniform(0.35, 0.9) * paper)
    if kind == 0:
        y = int(np.clip(height * rng.uniform(0.62, 0.95), 0, height - 2))
        thick = int(rng.integers(1, 3))
        columns = np.ones(width, bool)
        if rng.random() < 0.6:
            step = int(rng.integers(4, 9))
            columns = np.arange(width) % step < max(1, step // 2)
        ruled[y : y + thick, columns] = np.minimum(ruled[y : y + thick, columns], shade)
    elif kind == 1:
        for _ in range(int(rng.integers(1, 4))):
            x, tall = int(rng.integers(0, width)), int(rng.integers(2, 7))
            rows = slice(0, tall) if rng.random() < 0.5 else slice(height - tall, height)
            ruled[rows, x : x + int(rng.integers(2, 5))] = shade
    else:
        for _ in range(int(rng.integers(1, 8))):
            x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
            ruled[y : y + 2, x : x + int(rng.integers(1, 3))] = shade
    return ruled
